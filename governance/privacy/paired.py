"""Shares, and differences of shares on the same records, with intervals exact in finite samples.

Every interval is two-sided at `confidence` and has at least that coverage at every sample size. It
covers the drawing of the records that were measured, not training the model again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from governance.privacy.scoring import Interval


def share(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """`hits` of `n` records, with Clopper and Pearson's interval (Biometrika 26, 1934)."""
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return Interval(hits / n if n else 0.0, low, high)


def lift(ours: ArrayLike, theirs: ArrayLike, confidence: float = 0.95) -> Interval:
    """How much more often one guess is right than another about the same records, in [−1, 1].

    With π the share of records on which exactly one of the two is right, and θ the share of those on
    which it is ours, the lift is π(2θ − 1). Given their number, the count for θ is binomial: that is
    McNemar's exact test (Psychometrika 12, 1947). Each of π and θ gets an exact interval at half of
    α; the ends of the lift are those of the product over both, so it covers whatever they are.

    Args:
        ours: (n,) whether our guess is right.
        theirs: (n,) whether the other guess is.
    """
    mine, other = np.asarray(ours, dtype=np.bool_), np.asarray(theirs, dtype=np.bool_)
    better, worse, n = int((mine & ~other).sum()), int((other & ~mine).sum()), len(mine)
    each = 1 - (1 - confidence) / 2
    apart, won = share(better + worse, n, each), share(better, better + worse, each)
    low, high = 2 * won.low - 1, 2 * won.high - 1
    return Interval(
        (better - worse) / n,
        low * (apart.low if low > 0 else apart.high),
        high * (apart.high if high > 0 else apart.low),
    )


def difference(first: Interval, second: Interval) -> Interval:
    """One independent measure less another; each interval must be at 1 − α/2 to give 1 − α."""
    return Interval(first.point - second.point, first.low - second.high, first.high - second.low)


def largest(intervals: list[Interval]) -> Interval:
    """The largest of several measures, whose intervals must hold all at once."""
    return Interval(*(max(getattr(one, end) for one in intervals) for end in ("point", "low", "high")))


def smallest(intervals: list[Interval]) -> Interval:
    """The smallest of several measures, whose intervals must hold all at once."""
    return Interval(*(min(getattr(one, end) for one in intervals) for end in ("point", "low", "high")))


def permutation_p(
    values: NDArray[np.int_], n_first: int, random: np.random.Generator, draws: int = 4999
) -> float:
    """P of a largest difference of column means like this one, were the records exchangeable.

    Exact whatever the values (Phipson and Smyth 2010, eq. 2): the observed order counts as one of the
    draws. Records with equal rows are drawn together, so the cost does not grow with their number.

    Args:
        values: (n, r) small whole numbers; the statistic is the largest over the columns of the mean
            of the first `n_first` rows less that of the others.
        n_first: How many rows are of the first kind.
        random: The only source of chance.
        draws: Permutations; the smallest p-value is 1 / (draws + 1).
    """
    patterns, kinds, counts = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    n_others = len(values) - n_first
    observed = np.bincount(kinds.reshape(-1)[:n_first], minlength=len(patterns))
    drawn = random.multivariate_hypergeometric(counts, n_first, size=draws, method="marginals")

    def statistic(first: NDArray[np.int_]) -> NDArray[np.float64]:
        sums = first @ patterns
        return np.asarray((sums / n_first - (counts @ patterns - sums) / n_others).max(axis=-1))

    # A sum of the same fractions in another order may differ in the last digit.
    reached = int((statistic(drawn) >= statistic(observed) - 1e-12).sum())
    return (1 + reached) / (1 + draws)
