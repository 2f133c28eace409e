from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from governance.canonical import canonical
from governance.domain.evidence import Evidence, EvidenceType
from governance.errors import UsageError
from governance.measuring import Data, assess, to_evidence
from governance.privacy.verdict import Leakage

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


def world(seed: int, n: int) -> tuple[Data, Data, Data]:
    """Three samples of n records of one distribution, with labels that are hard to predict."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(3 * n, 6))
    y = (X[:, 0] + random.normal(size=3 * n) > 0).astype(int)
    first, second, third = (Data(X[i : i + n], y[i : i + n]) for i in (0, n, 2 * n))
    return first, second, third


def forest(data: Data, seed: int = 0) -> RandomForestClassifier:
    """A forest grown until it knows its records by heart."""
    return RandomForestClassifier(n_estimators=30, random_state=seed).fit(data.X, data.y)


class Sealed:
    """A classifier that nobody can train again."""

    def __init__(self, model: Any) -> None:
        self.predict_proba = model.predict_proba
        self.classes_ = model.classes_


def test_an_overfitted_forest_leaks() -> None:
    """The leak is shown, every control passes, and the evidence is exactly the agreed body."""
    members, non_members, _ = world(1, 1000)
    told: list[tuple[int, int]] = []

    body = assess(
        forest(members),
        members,
        non_members,
        seed=3,
        n_jobs=1,
        progress=lambda done, total: told.append((done, total)),
    ).body()

    assert "leak shown" == body["verdict"]
    assert 0.8 < body["auc"]["low"] < body["auc"]["point"] < body["auc"]["high"] < 1
    assert [(1, 2), (2, 2)] == told
    assert {
        "attack": "log-ratio-online",
        "shadows": 2,
        "n_members": 1000,
        "n_non_members": 1000,
        "confidence": 0.95,
        "pool_fraction": 0.5,
        "seed": 3,
    } == {
        name: body[name]
        for name in (
            "attack",
            "shadows",
            "n_members",
            "n_non_members",
            "confidence",
            "pool_fraction",
            "seed",
        )
    }
    assert [(0.001, False), (0.01, True)] == [(one["fpr"], one["resolved"]) for one in body["tpr_at_fpr"]]
    assert {"fpr", "tpr", "low", "high", "resolved"} == set(body["tpr_at_fpr"][0])
    assert {"fpr", "tpr", "low", "high"} == set(body["roc"])
    assert 1 == len({len(values) for values in body["roc"].values()})
    assert body["accuracy"]["members"] > 0.99 > body["accuracy"]["non_members"]
    assert (True, 0, 0, True) == (
        body["controls"]["blind_baseline"]["passed"],
        body["controls"]["duplicates"],
        body["controls"]["repeated_records"],
        body["controls"]["shadow_accuracy"]["passed"],
    )
    assert {"probability": 0.8, "auc": 0.574894} == body["controls"]["power"]
    assert {"access", "knowledge", "queries"} == set(body["threat_model"])
    assert [
        "attribute-inference",
        "model-inversion",
        "reconstruction",
        "property-inference",
        "extraction",
        "memorisation",
        "positive_control",
        "negative_control",
        "per_record",
        "by_group",
    ] == [one["class"] for one in body["not_run"]]
    assert {
        "attack",
        "shadows",
        "n_members",
        "n_non_members",
        "confidence",
        "auc",
        "tpr_at_fpr",
        "roc",
        "accuracy",
        "verdict",
        "controls",
        "not_run",
        "threat_model",
        "pool_fraction",
        "seed",
        "versions",
    } == set(body)


@pytest.mark.slow
def test_two_shadows_see_more_than_a_threshold() -> None:
    """On the same forest the log-ratio with K = 2 beats the population attack beyond both intervals."""
    members, non_members, _ = world(1, 1000)
    model = forest(members)

    population, ratio = (
        assess(each, members, non_members, seed=3, n_jobs=1) for each in (Sealed(model), model)
    )

    assert ("population", "log-ratio-online") == (population.attack, ratio.attack)
    assert population.auc.high < ratio.auc.low
    assert population.tpr_at_fpr[1].tpr.point < ratio.tpr_at_fpr[1].tpr.point


@pytest.mark.slow
def test_without_a_trainer_a_leak_can_be_shown_but_not_its_absence() -> None:
    """A model that cannot be trained again gets the population attack, and the body says what is missing."""
    members, non_members, strangers = world(2, 1000)

    leaking = assess(Sealed(forest(members)), members, non_members, seed=0)
    silent = assess(Sealed(forest(strangers)), members, non_members, seed=0)

    assert (Leakage.SHOWN, Leakage.UNDECIDED) == (leaking.verdict, silent.verdict)
    reason = "Sealed cannot be trained again from its parameters, and no trainer was given"
    assert [
        {"class": "membership-inference with shadow models", "reason": reason},
        {"class": "shadow_accuracy", "reason": reason},
    ] == silent.body()["not_run"][:2]
    assert {"blind_baseline", "duplicates", "repeated_records", "power"} == set(silent.body()["controls"])
    assert 0 == silent.shadows


def test_a_trainer_serves_models_of_any_kind() -> None:
    """With a trainer the log-ratio attack runs on a model that scikit-learn cannot clone."""
    members, non_members, _ = world(1, 500)

    found = assess(
        Sealed(forest(members)),
        members,
        non_members,
        trainer=lambda X, y, seed: Sealed(forest(Data(X, y), seed)),
        shadows=4,
        seed=0,
        n_jobs=1,
    )

    assert (4, Leakage.SHOWN) == (found.shadows, found.verdict)


@pytest.mark.slow
def test_a_target_that_saw_neither_half_does_not_leak() -> None:
    """Over 25 worlds with a target trained on strangers, 2.5 % alarms at most, and silence is earned."""
    worlds = 25
    found = []
    for seed in range(worlds):
        members, non_members, strangers = world(100 + seed, 600)
        model = RandomForestClassifier(n_estimators=15, random_state=seed).fit(strangers.X, strangers.y)
        found.append(assess(model, members, non_members, seed=seed, fprs=(0.02,), n_jobs=1))

    assert sum(m.verdict is Leakage.SHOWN for m in found) <= worlds * 0.025 + 3 * np.sqrt(worlds * 0.025)
    assert sum(m.verdict is Leakage.NONE_SHOWN for m in found) >= 0.8 * worlds


def test_a_model_that_knows_nothing_shows_nothing() -> None:
    """A constant model, equalled by its shadows, ties every record: AUC exactly 0.5, none shown."""
    members, non_members, _ = world(5, 1000)
    constant = DummyClassifier(strategy="constant", constant=1).fit(members.X, members.y)

    found = assess(constant, members, non_members, seed=0, n_jobs=1)

    assert (0.5, Leakage.NONE_SHOWN) == (found.auc.point, found.verdict)


def test_a_shifted_split_voids_the_measurement() -> None:
    """When members and non-members differ without the model, even a clear separation decides nothing."""
    members, non_members, _ = world(6, 500)
    shifted = Data(non_members.X + 1.0, non_members.y)

    found = assess(forest(members), members, shifted, seed=0, n_jobs=1)

    assert not found.blind_baseline.passed
    assert Leakage.UNDECIDED is found.verdict


def test_shadows_of_another_kind_do_not_earn_silence() -> None:
    """When shadows are much worse than the target, not finding a leak means nothing."""
    members, non_members, strangers = world(7, 1000)

    found = assess(
        LogisticRegression().fit(strangers.X, strangers.y),
        members,
        non_members,
        trainer=lambda X, y, seed: LogisticRegression().fit(X, np.roll(y, seed % 97 + 1)),
        seed=0,
        n_jobs=1,
    )

    assert found.shadow_accuracy is not None
    assert (False, Leakage.UNDECIDED) == (found.shadow_accuracy.passed, found.verdict)


def test_frames_with_text_labels() -> None:
    """DataFrames with names and text labels give what arrays with numbers give."""
    members, non_members, _ = world(8, 300)

    def named(data: Data) -> Data:
        return Data(
            pd.DataFrame(data.X, columns=list("abcdef"), index=range(7, 307)),
            pd.Series(np.where(data.y, "yes", "no"), index=range(7, 307)),
        )

    arrays, frames = (
        assess(forest(members), members, non_members, seed=1, n_jobs=1)
        for members, non_members in ((members, non_members), (named(members), named(non_members)))
    )

    assert arrays.body() == frames.body()


def test_a_measurement_repeats() -> None:
    """Equal arguments give equal bytes."""
    members, non_members, _ = world(9, 200)

    one, two = (assess(forest(members), members, non_members, seed=4, n_jobs=1).body() for _ in range(2))

    assert canonical(one) == canonical(two)


def test_evidence_round_trip() -> None:
    """The evidence names the bytes, producer, time and expiry, and survives being written down."""
    members, non_members, _ = world(9, 200)
    measured = assess(forest(members), members, non_members, seed=4, n_jobs=1)

    evidence = to_evidence(measured, "ab" * 32, "governance assess", NOW, 180)

    assert (
        Evidence(
            type=EvidenceType.MEMBERSHIP_INFERENCE,
            subject_digest="ab" * 32,
            producer="governance assess",
            created_at=NOW,
            expires_at=NOW + timedelta(days=180),
            body=measured.body(),
        )
        == evidence
    )
    assert evidence == Evidence.from_statement(json.loads(canonical(evidence.statement())))
    assert to_evidence(measured, "ab" * 32, "p", NOW, None).expires_at is None


def test_shared_records_are_refused_before_anything_is_trained() -> None:
    """A record on both sides would hide the leak; the count is told, the record is not."""
    members, non_members, _ = world(1, 200)
    mixed = Data(
        np.concatenate([non_members.X, members.X[:7]]), np.concatenate([non_members.y, members.y[:7]])
    )

    with pytest.raises(
        UsageError, match=r"^members and non_members share 7 records; deduplicate before splitting"
    ):
        assess(forest(members), members, mixed, seed=0, n_jobs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fprs": ()}, "at least one FPR"),
        ({"fprs": (0.0,)}, "between 0 and 1"),
        ({"confidence": 1.0}, "between 0 and 1"),
        ({"shadows": 3}, "complementary pairs"),
    ],
)
def test_wrong_calls_are_refused(options: dict[str, Any], message: str) -> None:
    """Options outside their range are a usage error."""
    members, non_members, _ = world(1, 100)

    with pytest.raises(UsageError, match=message):
        assess(forest(members), members, non_members, seed=0, n_jobs=1, **options)


def test_regressors_are_refused() -> None:
    """A regressor is refused with the kinds that are supported."""
    members, non_members, _ = world(1, 100)

    with pytest.raises(UsageError, match="Regressors cannot be assessed yet"):
        assess(LinearRegression().fit(members.X, members.y), members, non_members, seed=0)


def test_a_model_is_not_its_own_shadow() -> None:
    """A trainer that hands back the target would tie every score and look like no leak: refused."""
    members, non_members, _ = world(1, 100)
    model = forest(members)

    with pytest.raises(UsageError, match="identical to the model assessed"):
        assess(model, members, non_members, trainer=lambda *_: model, seed=0, n_jobs=1)


def test_the_verb_loads_no_numbers() -> None:
    """Importing the verb leaves numpy, pandas and scikit-learn alone: a command line starts at once."""
    heavy = ("numpy", "scipy", "sklearn", "pandas", "joblib", "torch", "opacus", "dp_accounting")
    code = f"import sys, governance.measuring; print([m for m in {heavy} if m in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == found.stdout.strip()
