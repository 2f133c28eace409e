"""Exposure: how far up a secret stands among all secrets of its format, in bits.

Carlini et al. 2019, "The Secret Sharer" (arXiv:1802.08232): with the candidates R ordered by likelihood,
exposure = log2 |R| − log2 rank (definition 3). A secret drawn from R with equal chances and never trained on
has every rank with equal chances, so P(exposure ≥ e) ≤ 2^−e whatever the model: rank / |R| is a p-value.
A candidate exactly as likely as the secret counts as ahead of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, skewnorm

from governance.privacy.paired import share
from governance.privacy.scoring import Interval

Floats = NDArray[np.float64]

DRAWS = 4999
"""Permutations; the smallest p-value is one in 5000."""


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """s secrets, each among m candidates that nobody planted."""

    ranks: NDArray[np.intp]
    """(s,) from 1, the most likely, to m + 1."""
    candidates: int

    @property
    def bits(self) -> float:
        """The exposure of the most likely one: log2 (m + 1)."""
        return math.log2(self.candidates + 1)

    @property
    def exposures(self) -> Floats:
        """(s,) in bits, from 0 to `bits`."""
        return np.asarray(self.bits - np.log2(self.ranks), dtype=np.float64)

    @property
    def p_values(self) -> Floats:
        """(s,) 2^−exposure: exact for each secret, whatever became of the others."""
        return np.asarray(self.ranks / (self.candidates + 1), dtype=np.float64)


def expose(own: Floats, candidates: Floats) -> Exposures:
    """Rank log-likelihoods (s,) of secrets among those (m,) of candidates."""
    ahead = len(candidates) - np.searchsorted(np.sort(candidates), own, side="left")
    return Exposures(np.asarray(1 + ahead, dtype=np.intp), len(candidates))


def unplanted_mean(candidates: int) -> float:
    """The mean exposure in bits of a secret that was never trained on: just below 1/ln 2 = 1.443."""
    n = candidates + 1
    return (n * math.log(n) - math.lgamma(n + 1)) / (n * math.log(2))


@dataclass(frozen=True, slots=True)
class Joint:
    """A test of all secrets together."""

    p_value: float
    critical: float
    """A mean exposure of all secrets of at least this, in bits, gives a p-value of at most `level`."""


def together(own: Floats, candidates: Floats, level: float, seed: np.random.SeedSequence) -> Joint:
    """Permute who was planted: exact if secrets and candidates are exchangeable, as drawing makes them.

    The statistic is the mean exposure of the secrets in one ranking of all s + m texts. The observed
    order counts as one of the permutations (Phipson and Smyth 2010, eq. 2).
    """
    s, n = len(own), len(own) + len(candidates)
    everything = np.concatenate([own, candidates])
    bits = math.log2(n) - np.log2(n - np.searchsorted(np.sort(everything), everything, side="left"))
    random = np.random.default_rng(seed)
    drawn = bits[_subsets(n, s, random)].mean(axis=1)
    p = (1 + int((drawn >= bits[:s].mean() - 1e-12).sum())) / (1 + DRAWS)
    # The least mean that at most a share `level` of permutations reaches, itself counted.
    allowed = math.floor(level * (1 + DRAWS)) - 1
    critical = float(np.sort(drawn)[::-1][allowed]) if allowed >= 0 else math.inf
    return Joint(p, _apart(critical, s, n))


def _subsets(n: int, s: int, random: np.random.Generator) -> NDArray[np.intp]:
    """(DRAWS, s) sets of s among n, each equally likely (Floyd's algorithm, all draws at once)."""
    drawn = np.empty((DRAWS, s), dtype=np.intp)
    for i, last in enumerate(range(n - s, n)):
        drawn[:, i] = random.integers(last + 1, size=DRAWS)
        drawn[(drawn[:, :i] == drawn[:, i, None]).any(axis=1), i] = last
    return drawn


def _apart(pooled: float, s: int, n: int) -> float:
    """From a mean exposure among all to one among the candidates that is never less than it.

    Others planted stand at most s − 1 places before a secret, so its exposure among all is at least
    h(e) = −log2(2^−e + s/n), which is concave: it lies above its chord from e = 0 to the most, log2 n.
    """
    lowest, highest = -math.log2(1 + s / n), math.log2(n) - math.log2(1 + s)
    return (pooled - lowest) / (highest - lowest) * math.log2(n)


def rank_interval(exposures: Exposures, space: int, confidence: float) -> list[Interval]:
    """Exposure in bits among all `space` candidates, of which m were drawn; each at `confidence`.

    The point is Secret Sharer's estimate by sampling (§4.3), the ends are Clopper and Pearson's for the
    share of candidates ahead.
    """
    whole = math.log2(space)
    found = []
    for rank in exposures.ranks.tolist():
        ahead = share(rank - 1, exposures.candidates, confidence)
        ends = [whole - math.log2(1 + part * (space - 1)) for part in (ahead.point, ahead.high, ahead.low)]
        found.append(Interval(*ends))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Extrapolation:
    """Exposure by a distribution fitted to the candidates: a reading beyond them, not a proof."""

    exposures: Floats
    """(s,) in bits, at most log2 of the space."""
    distance: float
    """Kolmogorov's distance between the candidates and the fit; above 0.05, do not trust the tail."""


def extrapolate(own: Floats, candidates: Floats, space: int) -> Extrapolation | None:
    """Exposure as −log2 of a skew-normal's tail (Secret Sharer §4.3), fitted by its three moments.

    It assumes that log-perplexities of the whole format are skew-normal far beyond the candidates asked
    about. None where they do not vary or some are impossible.
    """
    perplexity = -candidates
    if not np.isfinite(perplexity).all() or not np.isfinite(own).all() or np.ptp(perplexity) == 0:
        return None
    mean, deviation = float(perplexity.mean()), float(perplexity.std())
    skew = float((((perplexity - mean) / deviation) ** 3).mean())
    # A skew-normal's skewness stays below 0.9953; its moments are inverted as in Azzalini 1985.
    size = min(abs(skew), 0.99) ** (2 / 3)
    delta = math.copysign(math.sqrt(math.pi / 2 * size / (size + ((4 - math.pi) / 2) ** (2 / 3))), skew)
    shape = delta / math.sqrt(1 - delta**2)
    scale = deviation / math.sqrt(1 - 2 * delta**2 / math.pi)
    place = mean - scale * delta * math.sqrt(2 / math.pi)
    fitted = skewnorm(shape, place, scale) if abs(delta) > 1e-6 else norm(mean, deviation)
    ordered = np.sort(perplexity)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    cdf = fitted.cdf(ordered)
    distance = float(max(np.abs(cdf - steps[1:]).max(), np.abs(cdf - steps[:-1]).max()))
    with np.errstate(divide="ignore"):
        bits = -np.log2(np.maximum(fitted.cdf(-own), 0.0))
    return Extrapolation(np.clip(bits, 0.0, math.log2(space)), distance)
