"""From what a DP training did to what it guarantees: (ε, δ), μ, and the ceiling on membership attacks.

ε comes from privacy loss distributions (Google's dp-accounting, a pessimistic estimate, so an upper
bound). Opacus' PRV accountant is asked as well where it is installed: two independent programs must
not contradict each other. A claimed ε plays no part.

Rules:
1. Amplification by sampling counts for Poisson sampling only. A shuffled training is accounted as one
   full Gaussian release for each batch that a record can have been in: with floor(1 / sample_rate)
   batches a pass, at most ceil(steps / floor(1 / sample_rate)) of them.
2. Trainings with different neighbouring relations are composed under replace-one: the same facts give
   at least as large an ε there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from typing import TypeAlias

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr

from governance.domain.budget import Guarantee
from governance.domain.mechanism import DpTraining, Neighbouring, Sampling
from governance.errors import Undecided, UsageError
from governance.privacy.scoring import tpr_ceiling

Releases: TypeAlias = tuple[tuple[float, float, int], ...]
"""(noise_multiplier, sample_rate, count) of Poisson-subsampled Gaussian releases."""

CEILING_FPRS = (0.001, 0.01)

HOPELESS = 100.0
"""An ε beyond which nothing is promised any more, and a second opinion costs gigabytes."""

AGREEMENT = 0.02
"""How far the second ε may lie above the first, beyond its own stated error, in ε or as a share of it."""


def guarantee(training: DpTraining) -> Guarantee:
    """What a training guarantees at its own δ, computed from its facts and nothing else.

    Raises:
        UsageError: the facts are such that no training can have produced them.
        Undecided: no finite ε could be computed, or the accountants contradict each other.
    """
    _check(training)
    releases = _releases(training)
    epsilon = _epsilon(releases, training.neighbouring, training.delta)
    return Guarantee(
        epsilon=epsilon,
        delta=training.delta,
        accountant=f"PLD (dp-accounting {metadata.version('dp-accounting')})",
        mu=gaussian_mu(epsilon, training.delta),
        tpr_at_fpr=tuple((fpr, tpr_ceiling(epsilon, training.delta, fpr)) for fpr in CEILING_FPRS),
        cross_check=_cross_check(releases, training.neighbouring, training.delta, epsilon),
    )


def composed_epsilon(trainings: Iterable[DpTraining], delta: float) -> float:
    """ε at `delta` of everything the trainings released together; 0 for none.

    One accountant composes all phases of all trainings: adding their ε would add their δ as well and
    overstate the loss.

    Raises:
        UsageError: a training's facts are impossible, or δ is not in (0, 1).
        Undecided: no finite ε could be computed.
    """
    if not 0 < delta < 1:
        raise UsageError(f"delta {delta} is not in (0, 1)")
    trainings = tuple(trainings)
    for training in trainings:
        _check(training)
    counts: Counter[tuple[float, float]] = Counter()
    for noise_multiplier, sample_rate, count in (r for training in trainings for r in _releases(training)):
        counts[noise_multiplier, sample_rate] += count
    releases = tuple((*kind, count) for kind, count in sorted(counts.items()))
    relations = {training.neighbouring for training in trainings}
    relation = relations.pop() if len(relations) == 1 else Neighbouring.REPLACE_ONE
    return _epsilon(releases, relation, delta) if releases else 0.0


def gaussian_mu(epsilon: float, delta: float) -> float:
    """The μ of the Gaussian trade-off with this δ at this ε (Dong et al. 2019, arXiv:1905.02383, Cor. 2.13).

    Solves δ = Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ), whose right side grows with μ; 0 for a δ of 0.
    """
    if delta <= 0:
        return 0.0

    def excess(log_mu: float) -> float:
        mu = math.exp(log_mu)
        # e^ε overflows long before its product with the tail does.
        tail = math.exp(min(0.0, epsilon + float(log_ndtr(-mu / 2 - epsilon / mu))))
        return float(ndtr(mu / 2 - epsilon / mu)) - tail - delta

    return math.exp(float(brentq(excess, math.log(1e-12), math.log(1e8), xtol=1e-12)))


def _check(training: DpTraining) -> None:
    try:
        training.check()
    except ValueError as error:
        raise UsageError(f"Not the facts of a DP training: {error}") from error


def _releases(training: DpTraining) -> Releases:
    if training.sampling is Sampling.POISSON:
        return tuple((p.noise_multiplier, p.sample_rate, p.steps) for p in training.phases)
    # 1 / (256 / 64000) must give 250 batches a pass, not 249.
    passes = [math.ceil(p.steps / math.floor(1 / p.sample_rate + 1e-9)) for p in training.phases]
    return tuple((p.noise_multiplier, 1.0, n) for p, n in zip(training.phases, passes, strict=True))


@lru_cache(maxsize=1024)
def _epsilon(releases: Releases, relation: Neighbouring, delta: float) -> float:
    import dp_accounting
    from dp_accounting.pld import PLDAccountant

    neighbours = {
        Neighbouring.ADD_OR_REMOVE_ONE: dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE,
        Neighbouring.REPLACE_ONE: dp_accounting.NeighboringRelation.REPLACE_ONE,
    }[relation]
    try:
        accountant = PLDAccountant(neighbours, _interval(releases))
        for noise_multiplier, sample_rate, count in releases:
            event = dp_accounting.GaussianDpEvent(noise_multiplier)
            if sample_rate < 1:
                event = dp_accounting.PoissonSampledDpEvent(sample_rate, event)
            accountant.compose(event, count)
        epsilon = float(accountant.get_epsilon(delta))
    except dp_accounting.UnsupportedEventError as error:
        raise Undecided(
            f"dp-accounting {metadata.version('dp-accounting')} cannot account for {relation.value}",
            "Install a newer dp-accounting.",
        ) from error
    except (MemoryError, ArithmeticError, ValueError) as error:
        raise Undecided(f"dp-accounting could not compute ε: {type(error).__name__}: {error}") from error
    if not math.isfinite(epsilon):
        raise Undecided(
            f"No finite ε holds at δ = {delta:g}",
            "Ask at a larger δ, or train with more noise.",
        )
    return epsilon


def _interval(releases: Releases) -> float:
    """Grid width of the privacy loss: fine where losses are small, coarse where the grid would not fit.

    Any width gives an upper bound. The range of the composed loss is that of about as many full
    releases as a record takes part in, with eight standard deviations of margin each way.
    """
    span = 0.0
    for noise_multiplier, sample_rate, count in releases:
        hits = count * sample_rate
        hits = min(count, hits + 8 * math.sqrt(hits) + 8)
        span += hits / (2 * noise_multiplier**2) + 8 * math.sqrt(hits) / noise_multiplier
    return max(1e-4, span / 4e6)


def _cross_check(releases: Releases, relation: Neighbouring, delta: float, epsilon: float) -> str:
    if find_spec("opacus") is None:
        return "dp-accounting only: Opacus is not installed"
    if relation is not Neighbouring.ADD_OR_REMOVE_ONE:
        return "dp-accounting only: Opacus knows add-or-remove-one and no other relation"
    if epsilon > HOPELESS or min(noise_multiplier for noise_multiplier, _, _ in releases) < 0.1:
        return "dp-accounting only: too little noise for Opacus PRV to be worth its memory"
    second, error = _opacus_epsilon(releases, delta, max(0.01, epsilon / 500))
    name = f"Opacus {metadata.version('opacus')} PRV"
    if second is None:
        return f"dp-accounting only: {name} could not compute ε ({error})"
    allowed = float(error) + max(AGREEMENT, AGREEMENT * epsilon)
    if second > epsilon + allowed:
        raise Undecided(
            f"The accountants contradict each other: PLD says ε = {epsilon:.4f}, {name} {second:.4f}",
            "Treat the training as if it had no guarantee, and report the facts to both projects.",
        )
    return (
        f"{name}: ε = {second:.4f} (upper bound, error ≤ {float(error):.2g}), {second - epsilon:+.4f} to PLD"
    )


@lru_cache(maxsize=1024)
def _opacus_epsilon(
    releases: Releases, delta: float, eps_error: float
) -> tuple[float, float] | tuple[None, str]:
    """ε by Opacus' PRV accountant and the error it was allowed, or None and why there is none."""
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = list(releases)
    try:
        with np.errstate(all="ignore"):
            epsilon = float(accountant.get_epsilon(delta, eps_error=eps_error))
    except (MemoryError, RuntimeError, ArithmeticError, ValueError, IndexError) as error:
        return None, type(error).__name__
    return (epsilon, eps_error) if math.isfinite(epsilon) else (None, "no finite value")
