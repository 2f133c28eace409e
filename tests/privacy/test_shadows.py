from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from governance.errors import Undecided, UsageError
from governance.privacy.shadows import SklearnTrainer, pair_plan, sklearn_trainer, train

LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=60)
PAIRS = st.integers(1, 4)
SEEDS = st.integers(0, 2**63)


class Noting:
    """A trainer whose models remember what they were trained on: the record's number is its column."""

    def __call__(self, X: Any, y: Any, seed: int) -> Any:  # noqa: ARG002  the words of `Trainer`
        return Remembering(set(X[:, 0].tolist()), seed)


class Remembering:
    """Gives its true label 0.9 to records that it was trained on, 0.6 to others."""

    def __init__(self, seen: set[float], seed: int) -> None:
        self.seen = seen
        self.seed = seed

    def predict_proba(self, X: Any) -> Any:
        own = np.where([x in self.seen for x in X[:, 0].tolist()], 0.9, 0.6)
        return np.column_stack([own, 1 - own])


@given(LABELS, PAIRS, SEEDS)
def test_every_record_is_in_one_shadow_of_each_pair(labels: list[int], pairs: int, seed: int) -> None:
    """Rows 2i and 2i + 1 are complements, so every record is IN exactly half of the shadows."""
    inside = pair_plan(labels, 2 * pairs, seed).inside

    assert (~inside[1::2]).tolist() == inside[::2].tolist()
    assert [pairs] * len(labels) == inside.sum(axis=0).tolist()


@given(LABELS, PAIRS, SEEDS)
def test_halves_are_halves_of_every_class(labels: list[int], pairs: int, seed: int) -> None:
    """The two halves of the pool, and of each class in it, differ by at most one record."""
    plan = pair_plan(labels, 2 * pairs, seed)
    groups = [np.array(labels) == label for label in {*labels}] + [np.ones(len(labels), dtype=bool)]

    gaps = [
        abs(2 * int(inside[group].sum()) - int(group.sum())) for inside in plan.inside for group in groups
    ]

    assert max(gaps) <= 1


@given(LABELS, PAIRS, SEEDS)
def test_a_plan_follows_from_its_seed(labels: list[int], pairs: int, seed: int) -> None:
    """Equal seeds give equal plans, and every shadow its own training seed."""
    one, two = (pair_plan(labels, 2 * pairs, seed) for _ in range(2))

    assert (one.inside.tolist(), one.seeds) == (two.inside.tolist(), two.seeds)
    assert 2 * pairs == len(set(one.seeds))


def test_every_record_is_equally_likely_to_be_in() -> None:
    """Over 2,000 seeds each record is IN the first shadow half of the time, at odd class sizes as well."""
    worlds = 2000
    labels = ["a"] * 5 + ["b"] * 3 + ["c"]
    share = np.mean([pair_plan(labels, 2, seed).inside[0] for seed in range(worlds)], axis=0)

    assert np.abs(share - 0.5).max() < 4.5 * 0.5 / np.sqrt(worlds)


def test_pairs_differ_from_each_other() -> None:
    """The second pair is another split."""
    inside = pair_plan([0] * 50, 4, 7).inside

    assert inside[0].tolist() not in (inside[2].tolist(), inside[3].tolist())


@pytest.mark.parametrize("shadows", [0, 1, 3, -2])
def test_odd_numbers_make_no_pairs(shadows: int) -> None:
    """An odd or empty set of shadows is refused."""
    with pytest.raises(UsageError, match="complementary pairs"):
        pair_plan([0, 1], shadows, 0)


def test_shadows_are_trained_on_their_half_and_read_on_the_pool() -> None:
    """Confidence is high exactly where the plan says IN, and accuracy comes from OUT records alone."""
    X, y = np.arange(20.0).reshape(-1, 1), np.zeros(20, dtype=int)
    plan = pair_plan(y, 4, 3)
    told: list[tuple[int, int]] = []

    actual = train(plan, X, y, Noting(), n_jobs=1, progress=lambda done, total: told.append((done, total)))

    assert np.log(np.where(plan.inside, 0.9, 0.6)).astype(np.float32).tolist() == actual.signals.tolist()
    assert 1.0 == actual.accuracy
    assert [(1, 4), (2, 4), (3, 4), (4, 4)] == told


@pytest.mark.slow
def test_processes_give_what_one_process_gives() -> None:
    """The number of jobs changes nothing but the time."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(100, 3)), random.integers(0, 2, 100)
    trainer = sklearn_trainer(RandomForestClassifier(n_estimators=5))
    plan = pair_plan(y, 2, 1)

    one, two = (train(plan, X, y, trainer, n_jobs=n) for n in (1, 2))

    assert (one.confidence.tolist(), one.accuracy) == (two.confidence.tolist(), two.accuracy)


def test_a_failing_trainer_s_message_is_not_passed_on() -> None:
    """The trainer's own error may quote a record, so only its type is told."""

    def quoting(X: Any, y: Any, seed: int) -> Any:  # noqa: ARG001  the words of `Trainer`
        raise ValueError("bad record: Ada Lovelace")

    with pytest.raises(Undecided) as caught:
        train(pair_plan([0, 1], 2, 0), np.zeros((2, 1)), np.array([0, 1]), quoting, n_jobs=1)

    assert "A shadow model could not be trained: ValueError" == caught.value.message
    assert caught.value.__suppress_context__


def test_the_seed_reaches_every_random_state() -> None:
    """A pipeline's steps are seeded too, and the original estimator is left alone."""
    original = make_pipeline(StandardScaler(), LogisticRegression(C=2.0, random_state=5))
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])

    fitted = sklearn_trainer(original)(X, y, 11)

    assert {"random_state": 11, "C": 2.0} == {
        name: fitted.get_params()[f"logisticregression__{name}"] for name in ("random_state", "C")
    }
    assert 5 == original.get_params()["logisticregression__random_state"]
    assert not hasattr(original[-1], "coef_")


def test_an_estimator_without_random_state_is_refitted() -> None:
    """Estimators that leave nothing to chance need no seed."""
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])

    assert 3 == len(
        sklearn_trainer(make_pipeline(StandardScaler(), LogisticRegression()))(X, y, 1).predict(X[:3])
    )


def test_what_was_learned_is_not_copied() -> None:
    """The trainer keeps parameters only, so no shadow starts from the target's knowledge."""
    fitted = LogisticRegression(C=3.0).fit([[0.0], [1.0]], [0, 1])

    trainer = sklearn_trainer(fitted)

    assert isinstance(trainer, SklearnTrainer)
    assert 3.0 == trainer.estimator.C
    assert not hasattr(trainer.estimator, "coef_")


def test_what_cannot_be_cloned_is_refused() -> None:
    """An object that scikit-learn cannot clone needs a trainer of its own."""
    with pytest.raises(UsageError, match="cannot be trained again") as caught:
        sklearn_trainer(Remembering(set(), 0))

    assert "Pass trainer=, a function (X, y, seed) that returns a fitted classifier." == caught.value.remedy
