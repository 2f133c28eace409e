"""p-values of "members and non-members are alike" that hold at every sample size, ties included.

If a model learned nothing from its members, any score treats members and non-members alike: given the
pooled scores, every way to call m of the N records members is equally likely. Both tests below compute
their tail under exactly that law, so each is at most α with a probability of at most α.
"""

from __future__ import annotations

import math
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import hypergeom

from governance.privacy.scoring import scores_of

FEW_LEVELS = 64
"""With no more distinct scores than this, ties are kept and the law is drawn from."""

DRAWS = 9_999
"""A p-value from drawing is at least 1 / (1 + DRAWS)."""

FEW_RECORDS = 20
"""With a smaller side, the law of the rank sum is counted rather than inverted."""


def rank_p_value(members: ArrayLike, non_members: ArrayLike) -> float:
    """P(an AUC at least as large, when both sides are alike): the exact one-sided Mann–Whitney test.

    Scores with few distinct values keep their ties: the number of members at each value is multivariate
    hypergeometric, of which 9,999 draws and the observation make the p-value (1 + #) / (1 + 9,999)
    (Phipson & Smyth 2010). Other ties are broken by a coin whose seed is the pooled scores, the
    same for every labelling; then the law is that of untied ranks, see `rank_tail`.
    """
    positive, negative = scores_of(members, non_members)
    m, n = len(positive), len(negative)
    pooled = np.concatenate([positive, negative])
    levels, level, counts = np.unique(pooled, return_inverse=True, return_counts=True)
    if len(levels) == 1:
        return 1.0
    if len(levels) == len(pooled):
        return rank_tail(m, n, int(np.searchsorted(negative, positive).sum()))
    random = np.random.default_rng(zlib.crc32(np.sort(pooled).tobytes()))
    if len(levels) <= FEW_LEVELS:
        ranks = 2 * np.cumsum(counts) - counts
        drawn = random.multivariate_hypergeometric(counts, m, size=DRAWS, method="marginals") @ ranks
        reached = int((drawn >= ranks[level[:m]].sum()).sum())
        return (1 + reached) / (1 + DRAWS)
    order = np.lexsort((random.random(len(pooled)), pooled))
    place = np.empty(len(pooled), dtype=np.int64)
    place[order] = np.arange(len(pooled))
    return rank_tail(m, n, int(place[:m].sum()) - m * (m - 1) // 2)


def rank_tail(m: int, n: int, wins: float) -> float:
    """P(W ≥ wins), W the number of (member, non-member) pairs that the member wins, untied and alike.

    W's characteristic function about mn/2 is Π_{i=1}^{k} [sin((K+i)t/2)/(K+i)] / [sin(it/2)/i], k and K
    the smaller and the larger count (its generating function is a Gaussian binomial coefficient). The
    tail follows by a finite Fourier sum on a lattice 32σ wide; what is folded over or left out there is
    less than 1e-9 from 20 records a side on. Below 1e-12 the answer is 1e-12.
    """
    if min(m, n) < FEW_RECORDS:
        return _counted_tail(m, n, math.ceil(wins))
    sigma = math.sqrt(m * n * (m + n + 1) / 12)
    x = wins - 0.5 - m * n / 2
    if abs(x) > 7 * sigma:
        return 1e-12 if x > 0 else 1.0
    small, large = sorted((m, n))
    i = np.arange(1, small + 1, dtype=np.float64)
    period = 4 * math.ceil(8 * sigma)
    total = 0.0
    for step in range(1, math.ceil(8 * period / (2 * math.pi * sigma)), 2):
        t = 2 * math.pi * step / period
        above, below = np.sin((large + i) * (t / 2)) / (large + i), np.sin(i * (t / 2)) / i
        size = math.exp(float(np.sum(np.log(np.abs(above) + 1e-300) - np.log(np.abs(below)))))
        sign = -1 if np.count_nonzero(above < 0) % 2 else 1
        total += sign * size * math.sin(t * x) / math.sin(t / 2)
    return min(max(0.5 - 2 * total / period, 1e-12), 1.0)


def _counted_tail(m: int, n: int, wins: int) -> float:
    """The same by the coefficients of the Gaussian binomial [m + n choose m], in shares of one."""
    small, large = sorted((m, n))
    law = np.ones(1)
    for i in range(1, small + 1):
        # Times (1 − q^(large+i)) / (1 − q^i), scaled by i / (large + i): still a law after each factor.
        law = np.concatenate([law, np.zeros(large)])
        shifted = law.copy()
        shifted[large + i :] -= law[: len(law) - large - i]
        padded = np.concatenate([shifted, np.zeros(-len(shifted) % i)]).reshape(-1, i)
        law = np.cumsum(padded, axis=0).reshape(-1)[: len(shifted)] * (i / (large + i))
    return float(min(1.0, max(law[max(wins, 0) :].sum(), 1e-12)))


def top_p_value(members: ArrayLike, non_members: ArrayLike, share: float) -> float:
    """P(so many members among the highest `share` of all records, when both sides are alike).

    Fisher's exact test behind a threshold that is fixed by the pooled scores alone: the most generous
    one that accepts no more than ⌈share · N⌉ records. Records tied at it are all left out, and where
    that leaves none the answer is 1.
    """
    positive, negative = scores_of(members, non_members)
    pooled = np.sort(np.concatenate([positive, negative]))
    wanted = math.ceil(share * len(pooled) - 1e-9)
    if wanted >= len(pooled):
        return 1.0
    cut = pooled[len(pooled) - 1 - wanted]
    hits = len(positive) - int(np.searchsorted(positive, cut, side="right"))
    accepted = len(pooled) - int(np.searchsorted(pooled, cut, side="right"))
    return float(min(1.0, hypergeom.sf(hits - 1, len(pooled), len(positive), accepted)))


@lru_cache(maxsize=256)
def least_auc(m: int, n: int, alpha: float) -> float:
    """The least AUC of untied scores whose `rank_p_value` is at most alpha; above 1 if there is none."""
    if min(m, n) < FEW_RECORDS:
        tails = ((wins, rank_tail(m, n, wins)) for wins in range(m * n + 1))
        return next((wins for wins, tail in tails if tail <= alpha), m * n + 1) / (m * n)
    middle, sigma = m * n / 2, math.sqrt(m * n * (m + n + 1) / 12)
    bracket = middle, min(middle + 7 * sigma, m * n)
    found = brentq(lambda w: math.log(rank_tail(m, n, w)) - math.log(alpha), *bracket, xtol=0.4)
    wins = math.floor(found) - 1
    while rank_tail(m, n, wins) > alpha:
        wins += 1
    return float(wins / (m * n))


def p_values(
    members: ArrayLike, non_members: ArrayLike, fprs: tuple[float, ...] = ()
) -> tuple[tuple[str, float], ...]:
    """The tests of one attack by name: `auc`, then `tpr@f` for each of these false-positive rates."""
    tops = [(f"tpr@{f:g}", top_p_value(members, non_members, f)) for f in fprs]
    return (("auc", rank_p_value(members, non_members)), *tops)


def permuted_p_value(
    members: ArrayLike, non_members: ArrayLike, draws: int, seed: int
) -> NDArray[np.float64]:
    """(draws,) `rank_p_value` after calling other records members by chance: a null test of one's own data.

    On any data whatever, the share at or below α is at most about α.
    """
    pooled = np.concatenate(scores_of(members, non_members))
    m, random = int(np.size(members)), np.random.default_rng(seed)
    mixed = (random.permutation(pooled) for _ in range(draws))
    return np.array([rank_p_value(one[:m], one[m:]) for one in mixed])
