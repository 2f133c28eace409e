"""How well scores separate members from non-members, with bounds that hold at every sample size.

All intervals are two-sided at `confidence`; each end alone holds at (1 + confidence) / 2. They cover
the drawing of the records that were measured: members from the training set, non-members from the
same population. They do not cover training the model again.

A record's score is larger the more it looks like a member. "FPR f" is always the false-positive rate
in the population, not in the sample: the bounds on TPR include the error of the threshold itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import betainc, rel_entr
from scipy.stats import beta, binom

from governance.errors import UsageError

Floats = NDArray[np.float64]

NEGATIVES_PER_FPR = 10
"""A false-positive rate f is resolved by at least this many / f non-members."""

CURVE_POINTS = 200

TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between the ends of its confidence interval."""

    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rate:
    """The true-positive rate at one false-positive rate."""

    fpr: float
    tpr: Interval
    resolved: bool
    """Whether there were enough non-members to speak of this FPR at all."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of the empirical ROC, in order, each with a pointwise interval for TPR at that FPR."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def roc(members: ArrayLike, non_members: ArrayLike) -> tuple[Floats, Floats]:
    """FPR and TPR at every distinct threshold, from (0, 0) to (1, 1); tied records move together."""
    positive, negative = scores_of(members, non_members)
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    rates = [
        np.concatenate([[0.0], (len(side) - np.searchsorted(side, thresholds, side="left")) / len(side)])
        for side in (negative, positive)
    ]
    return rates[0], rates[1]


def auc(members: ArrayLike, non_members: ArrayLike, confidence: float = 0.95) -> Interval:
    """P(member > non-member) + ½ P(tie): 0.5 exactly when all scores are tied.

    The interval is `mean_bounds` of the k records of the smaller side. It holds in finite samples and
    without any assumption on the scores: AUC is a two-sample U-statistic with a kernel in [0, 1], hence
    an average of averages of k independent terms (Hoeffding 1963, §5a), and averaging only narrows a
    law in the convex order. The usual normal intervals do neither: DeLong's has width zero at AUC 1.
    The price is a width of at most 1.5 times theirs around AUC 0.5.
    """
    positive, negative = scores_of(members, non_members)
    below = np.searchsorted(negative, positive, side="left").sum(dtype=np.int64)
    up_to = np.searchsorted(negative, positive, side="right").sum(dtype=np.int64)
    # Whole numbers until the last division, so that nothing rounds away from one half.
    point = float((int(below) + int(up_to)) / (2 * len(positive) * len(negative)))
    low, high = mean_bounds(point, min(len(positive), len(negative)), confidence)
    return Interval(point, low, high)


def mean_bounds(mean: float, n: int, confidence: float) -> tuple[float, float]:
    """Bounds for the expectation θ of n independent values in [0, 1] with this mean: all θ not refuted.

    Such an average lies below Bin(n, θ)/n in the convex order (Hoeffding 1956, 1963), so for every t < x
    P(nX̄ ≥ x) ≤ E(Bin(n, θ) − t)₊ / (x − t) (Bentkus 2004, Ann. Probab. 32:1650): never more than
    Chernoff's bound, which takes e^{s(B − x)} for the ramp, and about a tenth narrower.
    """
    if not 0 < confidence < 1:
        raise UsageError(f"A confidence of {confidence} is not between 0 and 1")
    alpha = (1 - confidence) / 2
    return mean_end(mean, n, alpha), 1 - mean_end(1 - mean, n, alpha)


def mean_end(mean: float, n: int, alpha: float) -> float:
    """The lower end alone, at 1 − alpha, rounded outward."""
    if mean_tail(mean, n, TINY) > alpha:
        return 0.0
    root = float(brentq(lambda theta: mean_tail(mean, n, theta) - alpha, TINY, mean, xtol=TINY, rtol=1e-10))
    step = TINY
    while root > 0 and mean_tail(mean, n, root) > alpha:
        root, step = max(root - step, 0.0), 2 * step
    return root


def mean_tail(mean: float, n: int, theta: float) -> float:
    """Bentkus' bound on P(X̄ ≥ mean) where the expectation is theta < mean; every ramp tried is valid."""
    if not 0 < theta < mean:
        return 0.0 if theta <= 0 else 1.0
    x, spread = n * mean, math.sqrt(n * theta * (1 - theta))
    z = (x - n * theta) / spread
    # Where the mean excess of a normal law over the ramp's foot meets x; then the whole numbers about it.
    foot = n * theta + spread * (z - 1 / (z + 1 / (z + 1)))
    steps = np.linspace(-0.6, 0.6, 13) * spread
    t = np.concatenate([np.rint(foot + steps), [math.ceil(x) - 1]])
    t = np.clip(t, 0, math.ceil(x) - 1)
    beyond, up_to = betainc(t, n - t, theta), betainc(t + 1, n - t, theta)
    # E(B − t)₊ = nθ P(Bin(n−1, θ) ≥ t) − t P(Bin(n, θ) ≥ t + 1); at t = 0 the first is certain.
    ramp = n * theta * np.where(t > 0, beyond, 1.0) - t * up_to
    # Chernoff bounds the same probability, and is the better one where no foot that was tried fits.
    return float(min(1.0, math.exp(-n * divergence(mean, theta)), np.min(ramp / (x - t))))


def chernoff_bounds(mean: float, n: int, confidence: float) -> tuple[float, float]:
    """Chernoff's bounds for the same, which hold as well for a mean of dependent averages of n terms."""
    loss = math.log(2 / (1 - confidence)) / n
    return chernoff_end(mean, loss, 0.0), chernoff_end(mean, loss, 1.0)


def divergence(p: float, q: float) -> float:
    """kl(p ‖ q), the relative entropy of two coins, in nats."""
    return float(rel_entr(p, q) + rel_entr(1 - p, 1 - q))


def chernoff_end(mean: float, loss: float, end: float) -> float:
    """The θ between `mean` and `end` with kl(mean ‖ θ) = `loss`, rounded outward; `end` if there is none."""
    inside, outside = mean, end
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if divergence(mean, middle) <= loss else (inside, middle)
    return outside


def tpr_at_fpr(members: ArrayLike, non_members: ArrayLike, fpr: float, confidence: float = 0.95) -> Rate:
    """The true-positive rate of the best threshold on the scores at false-positive rate `fpr`.

    The point is the share of members accepted by the most generous threshold whose *empirical* FPR
    does not exceed `fpr`; non-members tied at the threshold are all rejected. The interval is for the
    TPR at the *true* FPR `fpr`, of a threshold that may decide ties by chance; see `rates`.

    Args:
        members: (m,) scores.
        non_members: (n,) scores; the smallest FPR that can be told apart is 1/n.
        fpr: In [0, 1].
        confidence: Of the two-sided interval.
    """
    tpr, low, high = rates(members, non_members, [fpr], confidence)
    # Ten times 0.1 may round to just under one.
    resolved = bool(np.size(non_members) * fpr >= NEGATIVES_PER_FPR - 1e-9)
    return Rate(float(fpr), Interval(float(tpr[0]), float(low[0]), float(high[0])), resolved)


def rates(
    members: ArrayLike, non_members: ArrayLike, fprs: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """TPR, its lower and its upper end at each false-positive rate; exact for any score distribution.

    With α = 1 − confidence, each end spends α/4 on where the threshold of true FPR f lies among the
    non-members' order statistics, and α/4 on the share of members beyond it (Clopper–Pearson):

    * high: with k least such that P(Bin(n, f) ≥ k) ≤ α/4, accepting all scores ≥ the k-th largest
      non-member has a true FPR of at least f, so its TPR is at least the one asked for;
    * low: with k greatest such that P(Bin(n, f) < k) ≤ α/4, accepting all scores > the k-th largest
      non-member has a true FPR of at most f, so its TPR is at most the one asked for.

    Where no such k exists, the end is 1 or 0. Members and non-members are drawn independently, which
    is why the members' interval holds although the threshold came from data.
    """
    positive, negative = scores_of(members, non_members)
    if not 0 < confidence < 1:
        raise UsageError(f"A confidence of {confidence} is not between 0 and 1")
    f = np.asarray(fprs, dtype=np.float64)
    if not ((f >= 0) & (f <= 1)).all():
        raise UsageError("A false-positive rate is not between 0 and 1")
    m, n, share = len(positive), len(negative), (1 - confidence) / 4

    def accepted(rank: NDArray[np.intp], side: Literal["left", "right"]) -> NDArray[np.intp]:
        """Members ≥ ("left") or > ("right") the non-member of that rank from the top, 1 … n."""
        cut = negative[n - np.clip(rank, 1, n)]
        return np.asarray(m - np.searchsorted(positive, cut, side=side), dtype=np.intp)

    allowed = np.floor(n * f + 1e-9).astype(np.intp)
    tpr = np.where(allowed >= n, 1.0, accepted(allowed + 1, "right") / m)

    outer = binom.isf(share, n, f).astype(np.intp) + 1
    hits = accepted(outer, "left")
    high = np.where((outer > n) | (hits >= m), 1.0, beta.ppf(1 - share, hits + 1, np.maximum(m - hits, 1)))

    inner = binom.ppf(share, n, f).astype(np.intp)
    hits = accepted(inner, "right")
    low = np.where((inner < 1) | (hits < 1), 0.0, beta.ppf(share, np.maximum(hits, 1), m - hits + 1))
    return tpr, np.where(f >= 1, 1.0, low), high


def curve(members: ArrayLike, non_members: ArrayLike, confidence: float = 0.95) -> Curve:
    """At most 200 points of the ROC, evenly spread over log FPR, always with (0, 0) and (1, 1)."""
    fpr, tpr = roc(members, non_members)
    grid = np.geomspace(1 / np.size(non_members), 1, CURVE_POINTS - 2)
    # The last grid point may round to just under 1, where the corner would be missed.
    wanted = np.searchsorted(fpr, np.concatenate([[0.0], grid[:-1], [1.0]]), side="right") - 1
    kept = np.unique(np.concatenate([[0], wanted]))
    _, low, high = rates(members, non_members, fpr[kept], confidence)
    low[0], high[-1] = 0.0, 1.0
    return Curve(*(tuple(values.tolist()) for values in (fpr[kept], tpr[kept], low, high)))


def tpr_ceiling(epsilon: float, delta: float, fpr: float) -> float:
    """The highest TPR at `fpr` of any membership attack on an (ε, δ)-DP mechanism.

    min(e^ε f + δ, 1 − e^{−ε}(1 − δ − f)), within [0, 1] (Kairouz et al. 2015, arXiv:1311.0776, Thm. 2.1).
    """
    rising = math.exp(min(epsilon, 700.0)) * fpr + delta
    falling = 1 - math.exp(-epsilon) * (1 - delta - fpr)
    return max(0.0, min(rising, falling, 1.0))


def scores_of(members: ArrayLike, non_members: ArrayLike) -> tuple[Floats, Floats]:
    """Both sides as float64, each in ascending order.

    Raises:
        UsageError: a side is empty or nested, or a score is not a number.
    """
    sides = [np.sort(np.asarray(side, dtype=np.float64)) for side in (members, non_members)]
    if any(side.ndim != 1 or not side.size for side in sides):
        raise UsageError("Scores are two non-empty lists of numbers: members, then non-members")
    if any(np.isnan(side).any() for side in sides):
        raise UsageError("A score is not a number", "Mend the attack that made it.")
    return sides[0], sides[1]
