from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from governance.privacy.paired import difference, largest, lift, permutation_p, share, smallest
from governance.privacy.scoring import Interval


def test_share_is_clopper_and_pearson_s() -> None:
    """5 of 20 gives the published [0.0866, 0.4910]; the ends are exact where there is nothing or all."""
    found = share(5, 20)

    np.testing.assert_allclose([0.25, 0.0866, 0.4910], [found.point, found.low, found.high], atol=1e-4)
    assert 0.0 == share(0, 20).low
    assert 1.0 == share(20, 20).high
    assert Interval(0.0, 0.0, 1.0) == share(0, 0)


@pytest.mark.parametrize("better", [0.0, 0.02, 0.1, 0.3])
@pytest.mark.parametrize("worse", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("n", [12, 200])
def test_lift_covers(better: float, worse: float, n: int) -> None:
    """Over 400 draws of n pairs the 90 % interval holds the true lift at least that often."""
    random = np.random.default_rng(1)
    missed = 0
    for _ in range(400):
        kind = random.random(n)
        mine, other = kind < better, (kind >= better) & (kind < better + worse)
        found = lift(mine, other, 0.9)
        missed += not found.low <= better - worse <= found.high

    assert missed <= binom.isf(0.001, 400, 0.1)


def test_lift_does_not_hear_what_both_know() -> None:
    """Records on which both guesses are right, or both wrong, leave the sign of the lift certain."""
    mine = np.array([True] * 30 + [False] * 5 + [True] * 400)
    other = np.array([False] * 30 + [True] * 5 + [True] * 400)

    found = lift(mine, other)

    assert 25 / 435 == pytest.approx(found.point)
    assert 0 < found.low < found.point < found.high


def test_lift_of_a_guess_over_itself() -> None:
    """Nothing differs: the point is zero, and zero is inside."""
    found = lift([True, False] * 50, [True, False] * 50)

    assert 0.0 == found.point
    assert found.low <= 0 <= found.high
    assert found.high < 0.05


def test_intervals_are_put_together_end_by_end() -> None:
    """A difference spans all differences; the largest and the smallest are taken at each end."""
    first, second = Interval(0.5, 0.4, 0.6), Interval(0.3, 0.1, 0.7)

    apart = difference(first, second)
    np.testing.assert_allclose([0.2, -0.3, 0.5], [apart.point, apart.low, apart.high])
    assert Interval(0.5, 0.4, 0.7) == largest([first, second])
    assert Interval(0.3, 0.1, 0.6) == smallest([first, second])


def test_permutation_finds_a_shift() -> None:
    """Gains of one kind of records alone have the smallest p-value there is."""
    values = np.repeat([[1, 0], [0, 0], [0, 1], [0, 0]], [60, 40, 5, 95], axis=0)

    assert 1 / 5000 == permutation_p(values, 100, np.random.default_rng(0))


def test_permutation_is_exact() -> None:
    """Over 400 worlds of exchangeable records p ≤ 5 % at most 5 % of the time, ties included."""
    random = np.random.default_rng(2)
    alarms = 0
    for _ in range(400):
        values = random.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=(90, 3))
        alarms += permutation_p(values, 60, random, draws=199) <= 0.05

    assert alarms <= binom.isf(0.001, 400, 0.05)


def test_equal_values_are_no_evidence() -> None:
    """When nobody gained anything, p is one."""
    assert 1.0 == permutation_p(np.zeros((50, 2), dtype=int), 20, np.random.default_rng(0))
