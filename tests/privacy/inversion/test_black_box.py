from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance.privacy.inversion.black_box import invert
from governance.privacy.inversion.finding import detectable_share
from governance.privacy.outcome import Outcome
from governance.privacy.verdict import Leakage

WORLDS = 120


class Peaks:
    """A classifier that is sure of a class only where a training record of the class is: it knows them."""

    def __init__(self, X: Any, y: Any, width: float) -> None:
        self.X, self.y, self.width = X, y, width
        self.classes_ = np.unique(y)

    def predict_proba(self, X: Any) -> Any:
        squares = ((X[:, None] - self.X[None]) ** 2).sum(axis=2)
        near = np.exp(-squares / (2 * self.width**2))
        mass = np.column_stack([near[:, self.y == one].max(axis=1) for one in self.classes_])
        return (mass + 1e-3) / (mass + 1e-3).sum(axis=1, keepdims=True)


def records(n: int, seed: int, features: int = 4) -> Any:
    """Two classes that differ in their first feature."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, n)
    X = random.normal(size=(n, features))
    X[:, 0] += 2 * y
    return SimpleNamespace(X=X, y=y)


def part(whole: Any, first: int, last: int) -> Any:
    """Some of the records."""
    return SimpleNamespace(X=whole.X[first:last], y=whole.y[first:last])


@pytest.mark.slow
def test_a_model_trained_on_neither_half_shows_no_leak() -> None:
    """Of 120 worlds in which the model saw neither side, at most 2.5 % alarm within binomial error."""
    shown = 0
    for world in range(WORLDS):
        whole = records(260, world)
        third = part(whole, 0, 60)
        kinds = (
            GaussianNB().fit(third.X, third.y),
            DecisionTreeClassifier(random_state=0).fit(third.X, third.y),
            Peaks(third.X, third.y, 0.5),
        )
        outcome = invert(
            kinds[world % 3],
            part(whole, 60, 120),
            part(whole, 120, 260),
            seed=world,
            rounds=8,
            proposals=4,
            restarts=15,
        )
        shown += outcome.verdict is Leakage.SHOWN

    assert shown <= WORLDS * 0.025 + 3 * math.sqrt(WORLDS * 0.025 * 0.975)


def test_a_model_that_knows_its_records_is_found() -> None:
    """Confidence that peaks at training records leads to them, and not to others like them."""
    whole = records(400, 1)
    members = part(whole, 0, 100)
    outcome = invert(Peaks(members.X, members.y, 0.4), members, part(whole, 100, 400), seed=2)

    assert (EvidenceType.MODEL_INVERSION, "class-search", Leakage.SHOWN) == (
        outcome.type,
        outcome.attack,
        outcome.verdict,
    )
    assert outcome.estimate.low > 0.5
    assert outcome.controls["starts"]["passed"] is outcome.controls["reached"]["passed"] is True


def test_an_average_class_is_no_leak() -> None:
    """A linear model gives its class away, but of a class of hundreds that is no person."""
    whole = records(900, 3, 8)
    members = part(whole, 0, 300)
    outcome = invert(LogisticRegression().fit(members.X, members.y), members, part(whole, 300, 900), seed=4)

    assert Leakage.SHOWN is not outcome.verdict
    assert 1.0 == outcome.controls["reached"]["share"]
    assert 0 == outcome.counts["small_classes"]


def people(n: int, seed: int) -> tuple[Any, Any]:
    """Three records each of n persons to train on, and of n strangers; a class is a person."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(2 * n, 6))
    X = np.repeat(centres, 3, axis=0) + random.normal(0, 0.1, (6 * n, 6))
    y = np.repeat(np.arange(2 * n), 3)
    return part(SimpleNamespace(X=X, y=y), 0, 3 * n), part(SimpleNamespace(X=X, y=y), 3 * n, 6 * n)


def test_a_class_of_one_person_is_a_leak() -> None:
    """The average of a class is the person, if the class is one person: found for most of 12."""
    members, strangers = people(12, 5)
    model = GaussianNB(var_smoothing=0.05).fit(members.X, members.y)
    outcome = invert(model, members, strangers, seed=6, persons=(members.y, strangers.y))

    assert (Leakage.SHOWN, 12) == (outcome.verdict, outcome.counts["small_classes"])
    assert all(one["small"] for one in outcome.details["classes"])


def test_persons_the_model_never_learned_are_no_leak() -> None:
    """The same classes, but each learned from somebody else's records: no alarm but by chance."""
    shown = 0
    for world in range(40):
        members, strangers = people(8, world)
        others, _ = people(8, 1000 + world)
        model = GaussianNB(var_smoothing=0.05).fit(others.X, others.y)
        outcome = invert(
            model,
            members,
            strangers,
            seed=world,
            rounds=8,
            restarts=4,
            proposals=4,
            persons=(members.y, strangers.y),
        )
        shown += outcome.verdict is Leakage.SHOWN

    assert shown <= 40 * 0.025 + 3 * math.sqrt(40 * 0.025 * 0.975)


def test_members_from_elsewhere_say_nothing() -> None:
    """Where the start of the search is nearer to members already, the outcome is undecided."""
    whole = records(400, 7)
    members = part(whole, 0, 100)
    far = part(whole, 100, 400)
    far.X[150:] += 9
    outcome = invert(
        Peaks(members.X, members.y, 0.4), members, part(far, 150, 300), seed=8, public=far.X[:150]
    )

    assert (Leakage.UNDECIDED, False) == (outcome.verdict, outcome.controls["starts"]["passed"])


def run(seed: int = 9, **kwargs: Any) -> Outcome:
    """A short search against a model that was trained on the members."""
    whole = records(200, 10)
    members = part(whole, 0, 60)
    model = GaussianNB().fit(members.X, members.y)
    return invert(
        model,
        members,
        part(whole, 60, 200),
        seed=seed,
        **{"rounds": 5, "restarts": 4, "proposals": 3} | kwargs,
    )


def test_the_same_arguments_give_the_same_outcome() -> None:
    """All chance comes from the seed."""
    assert run() == run() != run(seed=11)


def test_counts_and_progress() -> None:
    """Queries are counted as asked, and progress reaches its end."""
    heard: list[tuple[int, int]] = []
    outcome = run(progress=lambda *told: heard.append(told))

    assert [(i, 5) for i in range(1, 6)] == heard
    assert (8, 8 * (1 + 5 * 3), 60, 70, 70) == tuple(
        outcome.counts[key] for key in ("reconstructions", "queries", "members", "non_members", "public")
    )


def test_no_record_is_in_the_outcome() -> None:
    """Evidence is JSON of counts and shares; classes go by number, for a name may be a person's."""
    whole = records(200, 12)
    names = np.array(["Ada Lovelace", "Alan Turing"])[whole.y]
    members = SimpleNamespace(X=whole.X[:60], y=names[:60])
    outcome = invert(
        GaussianNB().fit(members.X, members.y),
        members,
        SimpleNamespace(X=whole.X[60:], y=names[60:]),
        seed=1,
        rounds=3,
    )
    text = json.dumps([dict(outcome.counts), dict(outcome.controls), dict(outcome.details)])

    assert "Ada" not in text
    assert [0, 1] == [one["class"] for one in outcome.details["classes"]]


def test_a_pipeline_with_levels_is_inverted() -> None:
    """Records with text columns reach the model as a DataFrame of the same types."""
    random = np.random.default_rng(13)
    frame = pd.DataFrame({"town": random.choice(["Bonn", "Ulm"], 120), "age": random.integers(18, 90, 120)})
    y = (frame["town"] == "Bonn").to_numpy() ^ (random.random(120) < 0.1)
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough"), LogisticRegression()
    ).fit(frame[:50], y[:50])
    outcome = invert(
        model,
        SimpleNamespace(X=frame[:50], y=y[:50]),
        SimpleNamespace(X=frame[50:], y=y[50:]),
        seed=14,
        rounds=10,
    )

    assert 1.0 == outcome.controls["reached"]["share"]


def test_what_has_no_confidence_is_refused() -> None:
    """Regressors and classifiers of labels alone have nothing to climb; unknown classes nothing to judge."""
    whole = records(200, 15)
    members, others = part(whole, 0, 60), part(whole, 60, 200)
    for model, message in (
        (LinearRegression().fit(members.X, members.y + 0.5), "no probabilities"),
        (LinearSVC().fit(members.X, members.y), "no probabilities"),
        (GaussianNB().fit(members.X, members.y + 5), "None of the members' labels"),
    ):
        with pytest.raises(UsageError, match=message):
            invert(model, members, others, seed=1, rounds=1)
    model = GaussianNB().fit(members.X, members.y)
    with pytest.raises(UsageError, match="at least four records"):
        invert(model, members, part(whole, 60, 63), seed=1, rounds=1)
    with pytest.raises(UsageError, match="no reconstruction can be judged"):
        invert(model, members, SimpleNamespace(X=others.X, y=others.y + 7), seed=1, rounds=1)
    with pytest.raises(UsageError, match="persons has"):
        invert(model, members, others, seed=1, rounds=1, persons=(members.y, members.y))


def test_a_record_on_both_sides_is_left_out_of_the_control() -> None:
    """It would be as near from the one side as from the other."""
    whole = records(200, 16)
    members = part(whole, 0, 60)
    both = SimpleNamespace(
        X=np.concatenate([whole.X[:10], whole.X[60:100]]), y=np.concatenate([whole.y[:10], whole.y[60:100]])
    )
    outcome = invert(
        GaussianNB().fit(members.X, members.y), members, both, seed=1, rounds=1, public=whole.X[100:]
    )

    assert (10, 40) == (outcome.controls["shared_records"], outcome.counts["non_members"])


def test_detectable_share() -> None:
    """Few nearest persons show nothing; of 100, a share of two thirds is found four times in five."""
    assert math.inf == detectable_share(0, 0.95) == detectable_share(5, 0.95)
    random = np.random.default_rng(17)
    share = detectable_share(100, 0.95)
    needed = next(
        k for k in range(50, 100) if 0.025 >= sum(math.comb(100, i) for i in range(k, 101)) / 2**100
    )
    found = (random.binomial(100, share, 20_000) >= needed).mean()

    assert 0.64 < share < 0.66
    assert abs(found - 0.8) < 0.01
