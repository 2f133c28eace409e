"""The attacks on membership of one model: what is shown, what is not, and what voids it."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from governance.canonical import canonical
from governance.errors import UsageError
from governance.measuring import CLASSES, MEMBERSHIP, Asked, Data
from governance.privacy.verdict import Leakage

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


class Sealed:
    """A classifier that nobody can train again."""

    def __init__(self, model: Any) -> None:
        self.predict_proba = model.predict_proba
        self.classes_ = model.classes_


def test_an_overfitted_forest_leaks(assess: Any, forest: Any, world: Any) -> None:
    """The leak is shown, every control passes, and the evidence is exactly the agreed body."""
    members, non_members, _ = world(1, 1000)
    told: list[tuple[str, int, int]] = []

    body = assess(
        forest(members),
        members,
        non_members,
        seed=3,
        stages=lambda stage: lambda done, total: told.append((stage, done, total)),
    ).body()

    assert "leak shown" == body["verdict"]
    assert 0.8 < body["auc"]["low"] < body["auc"]["point"] < body["auc"]["high"] < 1
    assert [("training shadow models", 1, 2), ("training shadow models", 2, 2)] == told
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
    controls = body["controls"]
    assert (0, 0, []) == (controls["duplicates"], controls["repeated_records"], controls["lacking"])
    assert {"blind_baseline", "shadow_accuracy", "positive_control", "negative_control"} == {
        name for name, control in controls.items() if isinstance(control, dict) and control.get("passed")
    }
    assert (0.8, True) == (controls["power"]["probability"], 0.5 < controls["power"]["auc"] < 0.575)
    assert 200 < controls["per_record"]["identifiable"] <= 1000
    assert {"class": 2, "correctness": 2, "outlier decile": 10} == {
        name: sum(one["slicing"] == name for one in body["slices"])
        for name in ("class", "correctness", "outlier decile")
    }
    assert (1, 1, "leak shown") == (
        len(body["looks"]["looks"]),
        body["family"]["looks"],
        body["looks"]["stopped"],
    )
    assert sum(body["histogram"]["members"]) == sum(body["histogram"]["non_members"]) == 1000
    assert {"access", "knowledge", "queries"} == set(body["threat_model"])
    assert [name for name in CLASSES if name != MEMBERSHIP] == [one["class"] for one in body["not_run"]]
    assert {
        "accuracy",
        "attack",
        "attacks",
        "auc",
        "confidence",
        "controls",
        "family",
        "histogram",
        "looks",
        "n_members",
        "n_non_members",
        "not_run",
        "p_value",
        "pool_fraction",
        "power",
        "records",
        "resolution",
        "roc",
        "seed",
        "shadow_training",
        "shadows",
        "slices",
        "statistic",
        "threat_model",
        "tpr_at_fpr",
        "unit",
        "verdict",
        "versions",
    } == set(body)


@pytest.mark.slow
def test_two_shadows_see_more_than_a_threshold(assess: Any, forest: Any, world: Any) -> None:
    """On the same forest the log-ratio with K = 2 beats the population attack beyond both intervals."""
    members, non_members, _ = world(1, 1000)
    model = forest(members)

    population, ratio = (assess(each, members, non_members, seed=3) for each in (Sealed(model), model))

    assert ("population", "log-ratio-online") == (population.attack, ratio.attack)
    assert population.auc.high < ratio.auc.low
    assert population.tpr_at_fpr[1].tpr.point < ratio.tpr_at_fpr[1].tpr.point


@pytest.mark.slow
def test_without_a_trainer_a_leak_can_be_shown_but_not_its_absence(
    assess: Any, forest: Any, world: Any
) -> None:
    """A model that cannot be trained again gets the population attack, and the body says what is missing."""
    members, non_members, strangers = world(2, 1000)

    leaking = assess(Sealed(forest(members)), members, non_members, seed=0)
    silent = assess(Sealed(forest(strangers)), members, non_members, seed=0)

    assert (Leakage.SHOWN, Leakage.UNDECIDED) == (leaking.verdict, silent.verdict)
    reason = "Sealed cannot be trained again: it holds no parameters of a training, and no trainer was given"
    body = silent.body()
    assert {"class": "membership-inference with shadow models", "reason": reason} == body["not_run"][0]
    assert ["negative_control", "positive_control", "own_kind", "shadow_accuracy"] == [
        one["control"] for one in body["controls"]["lacking"]
    ]
    assert ["population", "quantile"] == [one["attack"] for one in body["attacks"]]
    assert 0 == silent.shadows


def test_a_trainer_serves_models_of_any_kind(assess: Any, forest: Any, world: Any) -> None:
    """With a trainer the log-ratio attack runs on a model that scikit-learn cannot clone."""
    members, non_members, _ = world(1, 500)

    found = assess(
        Sealed(forest(members)),
        members,
        non_members,
        trainer=lambda X, y, seed: Sealed(forest(Data(X, y), seed)),
        shadows=4,
        seed=0,
    )

    assert (4, Leakage.SHOWN) == (found.shadows, found.verdict)


@pytest.mark.slow
def test_a_target_that_saw_neither_half_does_not_leak(assess: Any, world: Any) -> None:
    """Over 12 worlds with a target trained on strangers, 2.5 % alarms at most, and silence is earned."""
    worlds = 12
    found = []
    for seed in range(worlds):
        members, non_members, strangers = world(100 + seed, 600)
        model = RandomForestClassifier(n_estimators=15, random_state=seed).fit(strangers.X, strangers.y)
        found.append(assess(model, members, non_members, seed=seed, asked=Asked([MEMBERSHIP], fprs=(0.02,))))

    assert sum(m.verdict is Leakage.SHOWN for m in found) <= worlds * 0.025 + 3 * np.sqrt(worlds * 0.025)
    assert sum(m.verdict is Leakage.NONE_SHOWN for m in found) >= 0.8 * worlds


def test_a_model_that_knows_nothing_shows_nothing(assess: Any, world: Any) -> None:
    """A constant model, equalled by its shadows, ties every record: AUC exactly 0.5, none shown."""
    members, non_members, _ = world(5, 1000)
    constant = DummyClassifier(strategy="constant", constant=1).fit(members.X, members.y)

    found = assess(constant, members, non_members, seed=0)

    assert (0.5, Leakage.NONE_SHOWN) == (found.auc.point, found.verdict)


def test_a_shifted_split_voids_the_measurement(assess: Any, forest: Any, world: Any) -> None:
    """When members and non-members differ without the model, even a clear separation decides nothing."""
    members, non_members, _ = world(6, 500)
    shifted = Data(non_members.X + 1.0, non_members.y)

    found = assess(forest(members), members, shifted, seed=0)

    assert not found.controls.blind.passed
    assert Leakage.UNDECIDED is found.verdict


def test_shadows_of_another_kind_do_not_earn_silence(assess: Any, world: Any) -> None:
    """When shadows are much worse than the target, not finding a leak means nothing."""
    members, non_members, strangers = world(7, 1000)

    found = assess(
        LogisticRegression().fit(strangers.X, strangers.y),
        members,
        non_members,
        trainer=lambda X, y, seed: LogisticRegression().fit(X, np.roll(y, seed % 97 + 1)),
        seed=0,
    )

    assert (False, Leakage.UNDECIDED) == (found.controls.matched, found.verdict)


def test_frames_with_text_labels(assess: Any, forest: Any, world: Any) -> None:
    """DataFrames with names and text labels give what arrays with numbers give."""
    members, non_members, _ = world(8, 300)

    def named(data: Data) -> Data:
        return Data(
            pd.DataFrame(data.X, columns=list("abcdef"), index=range(7, 307)),
            pd.Series(np.where(data.y, "yes", "no"), index=range(7, 307)),
        )

    arrays, frames = (
        assess(forest(members), members, non_members, seed=1).body()
        for members, non_members in ((members, non_members), (named(members), named(non_members)))
    )
    for body, labels in ((arrays, ["0", "1"]), (frames, ["no", "yes"])):
        assert labels == [one.pop("value") for one in body["slices"] if one["slicing"] == "class"]

    assert arrays == frames


def test_a_measurement_repeats(assess: Any, forest: Any, world: Any) -> None:
    """Equal arguments give equal bytes."""
    members, non_members, _ = world(9, 200)

    one, two = (assess(forest(members), members, non_members, seed=4).body() for _ in range(2))

    assert canonical(one) == canonical(two)


def test_shared_records_are_refused_before_anything_is_trained(assess: Any, forest: Any, world: Any) -> None:
    """A record on both sides would hide the leak; the count is told, the record is not."""
    members, non_members, _ = world(1, 200)
    mixed = Data(
        np.concatenate([non_members.X, members.X[:7]]), np.concatenate([non_members.y, members.y[:7]])
    )

    with pytest.raises(
        UsageError, match=r"^members and non_members share 7 records; deduplicate before splitting"
    ):
        assess(forest(members), members, mixed, seed=0)


def test_a_model_is_not_its_own_shadow(assess: Any, forest: Any, world: Any) -> None:
    """A trainer that hands back the target would tie every score and look like no leak: refused."""
    members, non_members, _ = world(1, 100)
    model = forest(members)

    with pytest.raises(UsageError, match="identical to the model assessed"):
        assess(model, members, non_members, trainer=lambda *_: model, seed=0)


def test_the_verb_loads_no_numbers() -> None:
    """Importing the verb leaves numpy, pandas and scikit-learn alone: a command line starts at once."""
    heavy = ("numpy", "scipy", "sklearn", "pandas", "joblib", "torch", "opacus", "dp_accounting")
    code = f"import sys, governance.measuring; print([m for m in {heavy} if m in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == found.stdout.strip()
