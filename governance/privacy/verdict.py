"""What may be concluded from an attack: a leak, no leak at a stated power, or nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

from numpy.typing import ArrayLike
from scipy.optimize import brentq

from governance.privacy.scoring import auc, chernoff_end, divergence, tpr_at_fpr

POWER = 0.8
"""The probability with which a leak must have been found before its absence is worth a word."""

DETECTABLE_AUC = 0.6
"""How large an AUC may at most be needed for that; a weaker measurement stays undecided."""


class Leakage(str, Enum):
    """The three answers. None of them says that a model is free of leaks."""

    SHOWN = "leak shown"
    NONE_SHOWN = "none shown"
    UNDECIDED = "undecided"


def leak_shown(members: ArrayLike, non_members: ArrayLike, fprs: Sequence[float], confidence: float) -> bool:
    """Whether a lower bound beats chance: AUC above 0.5, or TPR above f at a resolved FPR f.

    Bonferroni over all of these statistics: when there is no leak, the answer is yes with a
    probability of at most (1 − confidence) / 2, however many rates are asked for.
    """
    resolved = [f for f in fprs if tpr_at_fpr(members, non_members, f, confidence).resolved]
    each = 1 - (1 - confidence) / (1 + len(resolved))
    if auc(members, non_members, each).low > 0.5:
        return True
    return any(tpr_at_fpr(members, non_members, f, each).tpr.low > f for f in resolved)


def detectable_auc(n_members: int, n_non_members: int, n_resolved: int, confidence: float) -> float:
    """The least true AUC that `leak_shown` finds with probability `POWER`, whatever the scores.

    Twice Chernoff's bound: up from 0.5 to the AUC that raises the alarm, and from there to the true
    AUC that falls below it with probability 1 − `POWER`.
    """
    k = min(n_members, n_non_members)
    loss = math.log(2 * (1 + n_resolved) / (1 - confidence)) / k
    if divergence(1.0, 0.5) <= loss:
        return 1.0
    alarm = float(brentq(lambda point: divergence(point, 0.5) - loss, 0.5, 1.0))
    return chernoff_end(alarm, math.log(1 / (1 - POWER)) / k, 1.0)


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
