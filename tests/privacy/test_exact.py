from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from governance.privacy.exact import (
    least_auc,
    p_values,
    permuted_p_value,
    rank_p_value,
    rank_tail,
    top_p_value,
)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 5), (7, 4)])
def test_small_tails_by_listing_every_labelling(m: int, n: int) -> None:
    """P(W ≥ w) is the share of all ways to call m of the ranks members."""
    wins = [sum(ranks) - m * (m - 1) // 2 for ranks in combinations(range(m + n), m)]

    for w in range(m * n + 1):
        assert np.mean([one >= w for one in wins]) == pytest.approx(rank_tail(m, n, w), abs=1e-12)


@pytest.mark.parametrize(("m", "n"), [(19, 25), (20, 20), (25, 60), (200, 21)])
def test_inverted_tails_agree_with_counted_ones(m: int, n: int) -> None:
    """From 20 records on, the Fourier sum gives what SciPy counts."""
    shifted = np.arange(m + n) + 0.5
    random = np.random.default_rng(m)
    for _ in range(5):
        mixed = random.permutation(shifted) + 0.0
        members, non_members = mixed[:m], mixed[m:]
        counted = mannwhitneyu(members, non_members, alternative="greater", method="exact").pvalue
        assert counted == pytest.approx(rank_p_value(members, non_members), abs=1e-8)


@pytest.mark.parametrize("scores", [(200.0, 0.0), (0.0, 200.0)])
def test_far_tails_stay_within_their_range(scores: tuple[float, float]) -> None:
    """Complete separation is 1e-12 or 1, never nought, never above one."""
    members, non_members = (np.arange(100) + start for start in scores)

    assert (1e-12 if scores[0] else 1.0) == rank_p_value(members, non_members)


def test_constant_scores_say_nothing() -> None:
    """Everybody tied: both tests answer one."""
    tied = np.full(50, 0.1)

    assert (1.0, 1.0) == (rank_p_value(tied, tied), top_p_value(tied, tied, 0.1))


def test_few_levels_keep_their_ties() -> None:
    """Two levels: the drawn p-value is Fisher's up to the error of drawing, and at least 1 in 10,000."""
    members, non_members = [1] * 60 + [0] * 40, [1] * 45 + [0] * 55
    fisher = top_p_value(members, non_members, 105 / 200)

    assert fisher == pytest.approx(rank_p_value(members, non_members), abs=0.005)
    assert 1e-4 == rank_p_value([1] * 100, [0] * 100)


def test_many_ties_are_broken_by_a_coin_that_does_not_know_the_sides() -> None:
    """Scores with many levels and ties give the same p-value each time, and alarm no more than they say."""
    random = np.random.default_rng(5)
    worlds = [random.integers(0, 100, 160).astype(float) for _ in range(400)]
    found = np.array([rank_p_value(world[:80], world[80:]) for world in worlds])

    assert found[0] == rank_p_value(worlds[0][:80], worlds[0][80:])
    assert (found <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert (found <= 0.5).mean() == pytest.approx(0.5, abs=0.08)


def test_the_top_is_fixed_by_the_pooled_scores() -> None:
    """Of the 10 highest of 100 records 9 are members: the hypergeometric tail, by hand."""
    members = [*range(900, 909), *range(41)]
    non_members = [999, *(x + 0.5 for x in range(49))]
    ways = sum(_choose(50, k) * _choose(50, 10 - k) for k in (9, 10)) / _choose(100, 10)

    assert ways == pytest.approx(top_p_value(members, non_members, 0.1))


@pytest.mark.parametrize(("share", "expected"), [(0.05, 1.0), (1.0, 1.0)])
def test_a_tie_at_the_threshold_is_left_out(share: float, expected: float) -> None:
    """Where all above the threshold are tied with it, or all are accepted, nothing can be said."""
    assert expected == top_p_value([1] * 30 + [0] * 20, [0] * 50, share)


def test_least_auc_is_where_the_alarm_begins() -> None:
    """One pair fewer would not alarm."""
    m, n, alpha = 100, 150, 0.0125
    wins = round(least_auc(m, n, alpha) * m * n)

    assert (True, False) == tuple(rank_tail(m, n, w) <= alpha for w in (wins, wins - 1))
    assert least_auc(2, 2, 0.01) > 1


def test_one_s_own_data_can_be_permuted() -> None:
    """Leaking scores stop alarming once the labels are shuffled."""
    members, non_members = np.arange(100) + 60.5, np.arange(100)

    assert rank_p_value(members, non_members) < 1e-6
    assert (permuted_p_value(members, non_members, 200, 3) <= 0.05).mean() < 0.1


def test_tests_have_names() -> None:
    """The area first, then one for each rate."""
    assert ("auc", "tpr@0.01", "tpr@0.1") == tuple(n for n, _ in p_values([1, 2], [0, 1], (0.01, 0.1)))


def _choose(n: int, k: int) -> Any:
    from math import comb

    return comb(n, k)
