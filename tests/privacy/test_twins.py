from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.subject_level import subject_plan, subjects_of
from governance.privacy.plan import pair_plan
from governance.privacy.twins import (
    Twin,
    halve,
    negative_control,
    overfitted,
    own_kind,
    positive_control,
    unseen,
)

N = 400


def observed(shadows: int = 4, *, memory: float = 1.0, shift: float = 0.0, seed: int = 0) -> Observations:
    """Signals of models that are surer by `memory` of what they were trained on.

    Members, the first half, are easier for every model by `shift`.
    """
    random = np.random.default_rng(seed)
    plan = pair_plan(np.zeros(N), shadows, seed)
    ease = random.normal(-4, 0.5, N) + shift * (np.arange(N) < N // 2)
    signals = ease + random.normal(0, 0.3, (shadows + 1, N))
    signals[1:] += memory * plan.inside
    return Observations(np.minimum(signals[0], -1e-6), np.minimum(signals[1:], -1e-6), plan.inside)


def test_the_unseen_target_never_saw_a_record() -> None:
    """Each record is judged by the shadow of the first pair that is OUT; the other pairs stay."""
    signals = np.array([[-1.0, -2.0], [-3.0, -4.0], [-5.0, -6.0], [-7.0, -8.0]])
    inside = np.array([[True, False], [False, True], [True, True], [False, False]])

    found = unseen(Observations(np.zeros(2), signals, inside))

    assert [-3.0, -2.0] == found.target.tolist()
    assert found.shadows is not None
    assert found.inside is not None
    assert (signals[2:].tolist(), inside[2:].tolist()) == (found.shadows.tolist(), found.inside.tolist())


@pytest.mark.parametrize(
    ("shadows", "attack"), [(2, "population"), (4, "log-ratio-online"), (6, "blend-online")]
)
def test_models_that_saw_nothing_show_nothing(shadows: int, attack: str) -> None:
    """However much models of the kind memorise, the negative control is quiet on an honest split."""
    found = negative_control(observed(shadows, memory=3.0, seed=1), N // 2)

    assert (attack, False) == (found.attack, found.shown)
    assert found.auc.low < 0.5 < found.auc.high


def test_sides_that_differ_in_themselves_fail_it() -> None:
    """Members that are easier for every model are told apart by models that never saw them."""
    assert negative_control(observed(2, shift=0.5), N // 2).shown


@pytest.mark.parametrize(("memory", "expected"), [(3.0, True), (0.0, False)])
def test_what_is_found_on_the_own_kind(memory: float, expected: bool) -> None:
    """A shadow in the target's place leaks if its kind memorises, and only then."""
    assert (expected, expected) == tuple(own_kind(observed(k, memory=memory, seed=3)).shown for k in (2, 4))


def table(random: np.random.Generator) -> Any:
    """Columns, a label and a value that half follow from the first of them."""
    X = random.normal(size=(N, 4)).astype(np.float32)
    noisy = X[:, 0] + random.normal(size=N)
    return X, np.where(noisy > 0, "yes", "no"), noisy


@pytest.mark.parametrize("classes", [True, False])
def test_an_overfitted_twin_is_found(classes: bool) -> None:
    """Trees that stand each training record alone leak, whether they predict labels or values."""
    X, labels, values = table(np.random.default_rng(5))
    half = halve(N, 6)

    signal = overfitted(X, labels if classes else values, half, 7, classes=classes)

    assert positive_control(observed(4), signal, half).shown
    assert positive_control(Observations(observed(2).target), signal, half).shown
    assert signal[half].mean() > signal[~half].mean() + 0.3


def test_an_attack_that_sees_nothing_fails_the_positive_control() -> None:
    """A twin of which nothing was told is not found."""
    assert not positive_control(observed(4), np.full(N, -0.5), halve(N, 2)).shown


def test_a_label_that_only_the_other_half_has() -> None:
    """What the twin never learned gets the least likelihood, not another label's."""
    X, labels = np.zeros((4, 1), dtype=np.float32), np.array(["a", "b", "a", "c"])

    signal = overfitted(X, labels, np.array([True, False, True, True]), 0, classes=True)

    assert np.log(1e-6) == pytest.approx(signal[1])


def test_halves_do_not_follow_the_order_of_the_records() -> None:
    """Half of the records, about half of them members, and another half for another seed."""
    one, two = halve(N, 1), halve(N, 2)

    assert (N // 2, N // 2) == (one.sum(), two.sum())
    assert 60 < one[: N // 2].sum() < 140
    assert one.tolist() != two.tolist()


def test_persons_are_judged_as_a_whole() -> None:
    """Halves are of persons, and each of the controls says what it says of 100 persons with 4 records."""
    subjects = subjects_of(np.repeat(np.arange(100), 4), N // 2)
    plan = subject_plan(subjects, 2, 1)
    memory = np.where(plan.inside, -1.0, -2.0) - np.random.default_rng(1).random(N) * 1e-3
    seen, half = Observations(np.full(N, -1.5), memory, plan.inside), halve(N, 3, subjects)

    kind = own_kind(seen, subjects=subjects)
    found = positive_control(seen, np.where(half, -0.1, -9.0), half, subjects=subjects)

    assert {50} == {int(half.reshape(100, 4).all(axis=1).sum()), int(half.reshape(100, 4).any(axis=1).sum())}
    assert ("subject-population", 1.0, "subject-log-ratio-online", 1.0) == (
        kind.attack,
        kind.auc.point,
        found.attack,
        found.auc.point,
    )
    assert not negative_control(seen, N // 2, subjects=subjects).shown


@pytest.mark.parametrize("shadows", [None, np.zeros((1, N)), np.zeros((3, N))])
def test_pairs_are_needed(shadows: Any) -> None:
    """Without complementary pairs there is no model that did not see a record."""
    inside = None if shadows is None else np.zeros(shadows.shape, dtype=np.bool_)

    with pytest.raises(UsageError, match="pairs"):
        negative_control(Observations(np.zeros(N), shadows, inside), N // 2)


@pytest.mark.parametrize(("p_value", "expected"), [(0.025, True), (0.0251, False)])
def test_a_twin_is_judged_like_a_target(p_value: float, expected: bool) -> None:
    """At half of α."""
    from governance.privacy.scoring import Interval

    assert expected is Twin(Interval(0.6, 0.5, 0.7), p_value, 0.95, "any").shown
