"""What may be concluded from an attack: a leak, no leak at a stated power, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from governance.privacy.exact import least_auc, p_values
from governance.privacy.multiplicity import holm, part
from governance.privacy.scoring import NEGATIVES_PER_FPR, Interval, Rate, auc, mean_end, tpr_at_fpr

POWER = 0.8
"""The probability with which a leak must have been found before its absence is worth a word."""

DETECTABLE_AUC = 0.6
"""How large an AUC may at most be needed for that; a weaker measurement stays undecided."""


class Leakage(str, Enum):
    """The three answers. None of them says that a model is free of leaks."""

    SHOWN = "leak shown"
    NONE_SHOWN = "none shown"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large the upper ends may be, as a policy has it; what is not named has no limit."""

    auc: float | None = None
    tpr_at_fpr: tuple[tuple[float, float], ...] = ()
    """Pairs of a false-positive rate and the largest TPR there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One attack: point, lower and upper bound, resolution, power, and one of three answers.

    All bounds of all attacks judged together hold at once with probability `confidence`.
    """

    leakage: Leakage
    p_value: float
    """Holm's, over all attacks judged together; `SHOWN` when at most (1 − confidence) / 2."""
    statistic: str
    """Which statistic gave it: `auc`, or `tpr@` a false-positive rate."""
    auc: Interval
    tpr_at_fpr: tuple[Rate, ...]
    resolution: float
    """The smallest false-positive rate that can be told from 0: one over the non-members."""
    power: float
    """With this probability a leak of `detectable_auc` or more would have been found."""
    detectable_auc: float
    confidence: float

    def below(self, limits: Limits) -> bool:
        """Whether every upper end that a limit is set for lies below it; unresolved rates never do."""
        high = {rate.fpr: rate.tpr.high for rate in self.tpr_at_fpr if rate.resolved}
        ends = [(self.auc.high, limits.auc)] if limits.auc is not None else []
        ends += [(high.get(fpr, 1.0), limit) for fpr, limit in limits.tpr_at_fpr]
        return all(end < limit for end, limit in ends)

    def body(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "verdict": self.leakage.value,
            "p_value": self.p_value,
            "statistic": self.statistic,
            "auc": {"point": self.auc.point, "low": self.auc.low, "high": self.auc.high},
            "tpr_at_fpr": [
                {
                    "fpr": rate.fpr,
                    "tpr": rate.tpr.point,
                    "low": rate.tpr.low,
                    "high": rate.tpr.high,
                    "resolved": rate.resolved,
                }
                for rate in self.tpr_at_fpr
            ],
            "resolution": self.resolution,
            "power": {"probability": self.power, "auc": self.detectable_auc},
            "confidence": self.confidence,
        }


def judge(
    scores: Mapping[str, tuple[ArrayLike, ArrayLike]],
    fprs: Sequence[float],
    confidence: float,
    *,
    able: Mapping[str, bool],
    shift_found: bool = False,
) -> dict[str, Verdict]:
    """One verdict an attack, with the error of the whole family kept.

    When there is no leak, any `SHOWN` among them has a probability of at most (1 − confidence) / 2.

    Args:
        scores: By attack: scores of the members, and of the non-members.
        fprs: False-positive rates at which the true-positive rate is wanted.
        confidence: Of all intervals together; after `multiplicity.part` when looks or slices share it.
        able: By attack, whether its silence means something: it trains shadows that match the target.
        shift_found: A control told members from non-members without the target.
    """
    tests = {
        (attack, statistic): p
        for attack, (inside, outside) in scores.items()
        for statistic, p in p_values(inside, outside, resolved(np.size(outside), fprs))
    }
    adjusted, each = holm(tests), part(confidence, 1 / max(len(tests), 1))
    verdicts = {}
    for attack, (inside, outside) in scores.items():
        own = {statistic: p for (name, statistic), p in adjusted.items() if name == attack}
        statistic = min(own, key=lambda key: own[key])
        rates = tuple(tpr_at_fpr(inside, outside, f, each) for f in fprs)
        sizes = np.size(inside), np.size(outside)
        detectable = detectable_auc(*sizes, len(tests) - 1, confidence)
        verdicts[attack] = Verdict(
            leakage=conclude(
                alarm=own[statistic] <= (1 - confidence) / 2,
                shift_found=shift_found,
                able=able.get(attack, False)
                and any(rate.resolved for rate in rates)
                and detectable <= DETECTABLE_AUC,
            ),
            p_value=own[statistic],
            statistic=statistic,
            auc=auc(inside, outside, each),
            tpr_at_fpr=rates,
            resolution=1 / sizes[1],
            power=POWER,
            detectable_auc=detectable,
            confidence=confidence,
        )
    return verdicts


def overall(verdicts: Mapping[str, Verdict]) -> Leakage:
    """The model's: a leak if any attack shows one, none if one that could show it did not."""
    found = {verdict.leakage for verdict in verdicts.values()}
    ordered = (Leakage.SHOWN, Leakage.NONE_SHOWN)
    return next((leakage for leakage in ordered if leakage in found), Leakage.UNDECIDED)


def resolved(n_non_members: int, fprs: Sequence[float]) -> tuple[float, ...]:
    """The false-positive rates f for which there are at least 10 / f non-members."""
    # Ten times 0.1 may round to just under one.
    return tuple(f for f in fprs if n_non_members * f >= NEGATIVES_PER_FPR - 1e-9)


def leak_shown(members: ArrayLike, non_members: ArrayLike, fprs: Sequence[float], confidence: float) -> bool:
    """Whether members score above non-members beyond chance, by AUC or at a resolved FPR f.

    Exact tests of "both are alike" (`exact`), with Bonferroni over all of these statistics: when there
    is no leak, the answer is yes with a probability of at most (1 − confidence) / 2, however many rates
    are asked for.
    """
    tests = p_values(members, non_members, resolved(np.size(non_members), fprs))
    return min(p for _, p in tests) * len(tests) <= (1 - confidence) / 2


@lru_cache(maxsize=256)
def detectable_auc(n_members: int, n_non_members: int, n_resolved: int, confidence: float) -> float:
    """The least true AUC that `leak_shown` finds with probability `POWER`, whatever the scores.

    The AUC that raises the alarm is the exact test's; how far the true one must lie above it, so that
    chance brings it below with a probability of at most 1 − `POWER`, is `mean_bounds`' worst case.

    Args:
        n_members: Records on the one side.
        n_non_members: Records on the other.
        n_resolved: How many tests share α with this one.
        confidence: Of all of them together.
    """
    alarm = least_auc(n_members, n_non_members, (1 - confidence) / 2 / (1 + n_resolved))
    if alarm > 1:
        return 1.0
    return 1 - mean_end(1 - alarm, min(n_members, n_non_members), 1 - POWER)


def conclude(*, alarm: bool, shift_found: bool, able: bool) -> Leakage:
    """The verdict.

    Args:
        alarm: `leak_shown`.
        shift_found: Members and non-members differ even without the model: nothing can be concluded.
        able: The attack trains shadows that match the target, an FPR asked for is resolved, and
            `detectable_auc` is at most `DETECTABLE_AUC`: then silence means something.
    """
    if shift_found:
        return Leakage.UNDECIDED
    if alarm:
        return Leakage.SHOWN
    return Leakage.NONE_SHOWN if able else Leakage.UNDECIDED
