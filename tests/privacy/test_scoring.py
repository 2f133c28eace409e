from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, norm

from governance.errors import UsageError
from governance.privacy.scoring import (
    Curve,
    Interval,
    auc,
    chernoff_bounds,
    curve,
    mean_bounds,
    mean_tail,
    rates,
    roc,
    tpr_at_fpr,
    tpr_ceiling,
)

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=30)
"""Few levels, so that most examples have ties within and across the two sides."""


def brute_force_auc(members: list[int], non_members: list[int]) -> float:
    """The definition, pair by pair."""
    wins = sum(2 * (m > n) + (m == n) for m in members for n in non_members)
    return wins / (2 * len(members) * len(non_members))


@given(SCORES, SCORES)
def test_auc_is_the_share_of_ordered_pairs(members: list[int], non_members: list[int]) -> None:
    """AUC counts pairs, half for a tie, and equals the trapezoid area under the ROC."""
    fpr, tpr = roc(members, non_members)
    area = float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1]) / 2))

    assert brute_force_auc(members, non_members) == auc(members, non_members).point
    assert area == pytest.approx(auc(members, non_members).point, abs=1e-12)


@given(SCORES, SCORES)
def test_roc_counts_every_threshold(members: list[int], non_members: list[int]) -> None:
    """Every vertex is the pair of shares at or above one score; tied records move together."""
    thresholds = sorted(set(members) | set(non_members), reverse=True)
    expected = [(0.0, 0.0)] + [
        tuple(sum(s >= t for s in side) / len(side) for side in (non_members, members)) for t in thresholds
    ]

    assert expected == list(zip(*(rate.tolist() for rate in roc(members, non_members)), strict=True))


@given(SCORES, SCORES)
def test_swapping_the_sides_mirrors_auc(members: list[int], non_members: list[int]) -> None:
    """AUC(a, b) + AUC(b, a) = 1."""
    there, back = auc(members, non_members), auc(non_members, members)

    assert there.point + back.point == pytest.approx(1, abs=1e-12)
    assert there.low + back.high == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 7), (4001, 3999)])
def test_all_tied_is_exactly_one_half(m: int, n: int) -> None:
    """Constant scores have AUC 0.5 to the last bit, and two ROC points."""
    assert 0.5 == auc([0.1] * m, [0.1] * n).point
    assert ([0.0, 1.0], [0.0, 1.0]) == tuple(rate.tolist() for rate in roc([0.1] * m, [0.1] * n))


@pytest.mark.parametrize(
    ("members", "non_members", "point"), [([2] * 100, [1] * 100, 1.0), ([1] * 100, [2] * 100, 0.0)]
)
def test_the_interval_holds_at_the_edges(members: list[int], non_members: list[int], point: float) -> None:
    """At AUC 0 and 1 the interval has a width: 1 − (α/2)^(1/k)."""
    width = 1 - 0.025 ** (1 / 100)
    expected = Interval(point, max(0.0, point - width), min(1.0, point + width))

    actual = auc(members, non_members)

    assert (expected.point, pytest.approx(expected.low), pytest.approx(expected.high)) == (
        actual.point,
        actual.low,
        actual.high,
    )


def coverage(
    draw: Callable[[Any, float, int], Any],
    interval: Callable[[Any, Any], tuple[float, float]],
    truth: float,
    shift: float,
    n: int,
    worlds: int,
) -> tuple[int, int]:
    """How many worlds have the truth below the interval, and above."""
    random = np.random.default_rng(20240607)
    below = above = 0
    for _ in range(worlds):
        low, high = interval(draw(random, shift, n), draw(random, 0.0, n))
        below, above = below + (truth < low), above + (truth > high)
    return below, above


def normal(random: Any, shift: float, n: int) -> Any:
    """Continuous scores."""
    return random.normal(shift, 1, n)


def coarse(random: Any, shift: float, n: int) -> Any:
    """The same rounded down to half units: about a dozen levels, all tied many times."""
    return np.floor(2 * random.normal(shift, 1, n)) / 2


EDGES = np.arange(-10, 12, 0.5)
WORLDS = 400
ALLOWED = WORLDS * 0.025 + 3 * np.sqrt(WORLDS * 0.025 * 0.975)
"""Misses on one side of a valid 95 % interval, with three standard deviations of the simulation."""


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize(("fpr", "n"), [(0.01, 1000), (0.1, 100), (0.001, 1000)])
def test_tpr_interval_covers_the_tpr_at_the_true_fpr(shift: float, fpr: float, n: int) -> None:
    """With known normal scores, each end misses TPR at the population's FPR no more often than it says."""
    truth = float(norm.sf(norm.isf(fpr) - shift))

    def interval(members: Any, non_members: Any) -> tuple[float, float]:
        tpr = tpr_at_fpr(members, non_members, fpr).tpr
        return tpr.low, tpr.high

    assert (True, True) == tuple(
        misses <= ALLOWED for misses in coverage(normal, interval, truth, shift, n, WORLDS)
    )


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize(("fpr", "n"), [(0.01, 1000), (0.1, 100)])
def test_tpr_interval_covers_under_ties(shift: float, fpr: float, n: int) -> None:
    """With tied scores the truth is the ROC of the best threshold that may decide ties by chance."""
    false, true = norm.sf(EDGES), norm.sf(EDGES - shift)
    truth = float(np.interp(fpr, false[::-1], true[::-1]))

    def interval(members: Any, non_members: Any) -> tuple[float, float]:
        tpr = tpr_at_fpr(members, non_members, fpr).tpr
        return tpr.low, tpr.high

    assert (True, True) == tuple(
        misses <= ALLOWED for misses in coverage(coarse, interval, truth, shift, n, WORLDS)
    )


@pytest.mark.parametrize(("shift", "n"), [(0.0, 100), (1.0, 100), (4.0, 100)])
def test_auc_interval_covers_the_true_auc(shift: float, n: int) -> None:
    """Each end misses the population's AUC no more often than it says, close to 1 as well."""
    truth = float(norm.cdf(shift / np.sqrt(2)))

    def interval(members: Any, non_members: Any) -> tuple[float, float]:
        found = auc(members, non_members)
        return found.low, found.high

    assert (True, True) == tuple(
        misses <= ALLOWED for misses in coverage(normal, interval, truth, shift, n, WORLDS)
    )


def test_the_naive_interval_would_not_cover() -> None:
    """Clopper–Pearson at the empirical threshold misses too often: the threshold's error is not in it."""

    def naive(members: Any, non_members: Any) -> tuple[float, float]:
        hits = round(tpr_at_fpr(members, non_members, 0.01).tpr.point * len(members))
        rest = len(members) - hits
        return float(beta.ppf(0.025, hits, rest + 1)), float(beta.ppf(0.975, hits + 1, rest))

    truth = float(norm.sf(norm.isf(0.01) - 1))

    assert sum(coverage(normal, naive, truth, 1.0, 1000, WORLDS)) > 3 * ALLOWED


@pytest.mark.parametrize("theta", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [5, 50, 500])
def test_the_tail_bound_holds_for_coins(n: int, theta: float) -> None:
    """It is never below the binomial tail, the hardest case, and never above Chernoff's."""
    for k in range(int(n * theta) + 1, n + 1):
        chernoff = np.exp(-n * (k / n * np.log(k / n / theta) + _entropy(1 - k / n, 1 - theta)))

        assert binom.sf(k - 1, n, theta) - 1e-12 <= mean_tail(k / n, n, theta) <= chernoff + 1e-9


def _entropy(p: float, q: float) -> float:
    return float(p * np.log(p / q)) if p else 0.0


@given(st.floats(0, 1), st.integers(1, 5000))
def test_bounds_of_a_mean_lie_within_chernoff_s(mean: float, n: int) -> None:
    """Narrower on both sides, about the mean, and mirrored about one half."""
    low, high = mean_bounds(mean, n, 0.95)
    wide = chernoff_bounds(mean, n, 0.95)

    assert wide[0] - 1e-9 <= low <= mean <= high <= wide[1] + 1e-9
    assert (1 - high, 1 - low) == pytest.approx(mean_bounds(1 - mean, n, 0.95), abs=1e-6)


@given(SCORES, SCORES, st.floats(0, 1))
def test_point_lies_within_its_interval(members: list[int], non_members: list[int], fpr: float) -> None:
    """low ≤ TPR ≤ high at any FPR, any ties, any size."""
    tpr = tpr_at_fpr(members, non_members, fpr).tpr

    assert 0 <= tpr.low <= tpr.point <= tpr.high <= 1


def test_ties_are_rejected_together() -> None:
    """A tie that would overshoot the FPR is not accepted in part: constant scores have TPR 0, not f."""
    assert Interval(0.0, 0.0, 1.0) == tpr_at_fpr([1.0] * 100, [1.0] * 1000, 0.01).tpr


def test_the_point_is_the_most_generous_threshold_allowed() -> None:
    """With 1 of 100 non-members allowed, everything above the second largest is accepted."""
    members, non_members = [99.5, 98.5, 98.0, 97.0], list(range(100))

    assert 0.5 == tpr_at_fpr(members, non_members, 0.01).tpr.point


@pytest.mark.parametrize(
    ("n", "fpr", "expected"),
    [(999, 0.01, False), (1000, 0.01, True), (9_999, 0.001, False), (10_000, 0.001, True)],
)
def test_resolution_needs_ten_over_f_non_members(n: int, fpr: float, expected: bool) -> None:
    """An FPR is resolved from 10 / f non-members on."""
    assert expected is tpr_at_fpr(np.arange(100), np.arange(n), fpr).resolved


def test_few_non_members_bound_nothing() -> None:
    """With 100 non-members no bound above 0 at FPR 0.1 % exists, and none below 1 at confidence 99.99 %."""
    scores = np.arange(100)

    assert 0.0 == tpr_at_fpr(scores + 100, scores, 0.001).tpr.low
    assert 1.0 == tpr_at_fpr(scores, scores, 0.9, confidence=0.999999).tpr.high


def test_curve_is_thin_and_keeps_its_ends() -> None:
    """A long ROC becomes at most 200 of its own vertices, with (0, 0) and (1, 1)."""
    random = np.random.default_rng(1)
    members, non_members = random.normal(1, 1, 5000), random.normal(0, 1, 5000)
    vertices = set(zip(*(rate.tolist() for rate in roc(members, non_members)), strict=True))

    thin = curve(members, non_members)

    assert 100 < len(thin.fpr) <= 200
    assert set(zip(thin.fpr, thin.tpr, strict=True)) <= vertices
    assert ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) == (
        (thin.fpr[0], thin.tpr[0], thin.low[0]),
        (thin.fpr[-1], thin.tpr[-1], thin.high[-1]),
    )
    assert list(thin.fpr) == sorted(thin.fpr)
    assert list(thin.tpr) == sorted(thin.tpr)
    assert all(low <= tpr <= high for tpr, low, high in zip(thin.tpr, thin.low, thin.high, strict=True))


def test_curve_of_two_records() -> None:
    """The smallest ROC is written out in full."""
    assert Curve((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0), (1.0, 1.0, 1.0)) == curve([2], [1])


def test_band_and_table_agree() -> None:
    """The curve's band at FPR 1 % is the interval in the table."""
    random = np.random.default_rng(2)
    members, non_members = random.normal(1, 1, 1000), random.normal(0, 1, 1000)
    tpr, low, high = rates(members, non_members, [0.01])

    assert Interval(tpr[0], low[0], high[0]) == tpr_at_fpr(members, non_members, 0.01).tpr


@pytest.mark.parametrize(
    ("epsilon", "delta", "fpr", "expected"),
    [
        (0.0, 0.0, 0.01, 0.01),
        (0.0, 0.1, 0.01, 0.11),
        (np.log(2), 0.0, 0.01, 0.02),
        (np.log(2), 0.0, 0.9, 0.95),
        (1.0, 1e-5, 0.001, np.e * 0.001 + 1e-5),
        (1e9, 0.0, 0.001, 1.0),
        (5.0, 0.0, 1.0, 1.0),
        (0.0, 1.0, 0.0, 1.0),
    ],
)
def test_ceiling_by_hand(epsilon: float, delta: float, fpr: float, expected: float) -> None:
    """The ceiling is the smaller of the two lines of the (ε, δ) trade-off."""
    assert expected == pytest.approx(tpr_ceiling(epsilon, delta, fpr), abs=1e-15)


def test_randomised_response_reaches_the_ceiling() -> None:
    """The ceiling is tight: guessing by a coin of bias e^ε / (1 + e^ε) reaches it at FPR 1 / (1 + e^ε)."""
    epsilon = 1.7
    fpr = 1 / (1 + np.exp(epsilon))

    assert 1 - fpr == pytest.approx(tpr_ceiling(epsilon, 0.0, fpr))


@given(st.floats(0, 50), st.floats(0, 50), st.floats(0, 1), st.floats(0, 1))
def test_more_epsilon_never_lowers_the_ceiling(a: float, b: float, delta: float, fpr: float) -> None:
    """The ceiling grows with ε and never falls below chance."""
    low, high = (tpr_ceiling(epsilon, delta, fpr) for epsilon in sorted((a, b)))

    assert fpr <= low + 1e-12 <= high + 2e-12 <= 1 + 3e-12


@pytest.mark.parametrize(
    ("members", "non_members"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([[1.0]], [[1.0]])]
)
def test_scores_must_be_lists_of_numbers(members: Any, non_members: Any) -> None:
    """Empty, nested or undefined scores are refused."""
    with pytest.raises(UsageError):
        auc(members, non_members)


@pytest.mark.parametrize(("fpr", "confidence"), [(-0.1, 0.95), (1.1, 0.95), (0.1, 1.0), (float("nan"), 0.5)])
def test_rates_are_between_zero_and_one(fpr: float, confidence: float) -> None:
    """An FPR or a confidence outside its range is refused."""
    with pytest.raises(UsageError):
        rates([1.0], [1.0], [fpr], confidence)
