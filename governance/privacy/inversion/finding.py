"""What an inversion found, as an `Outcome`: counts of nearest persons, never a reconstruction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.inversion.ground import Ground
from governance.privacy.inversion.nearest import (
    SMALL,
    ClassCount,
    Reconstructions,
    Side,
    count_nearest,
    nearest_share,
    p_value,
)
from governance.privacy.outcome import Outcome
from governance.privacy.verdict import POWER, conclude

DETECTABLE_SHARE = 0.75
"""How large a share of members may at most be needed for a leak to be found; see `verdict.POWER`."""

REACHED = 0.5
"""The least share of reconstructions that the model itself must take for the class asked for."""

MEASURE = "share of members among the persons nearest to the reconstructions, beside equally many non-members"


def find(
    attack: str,
    threat_model: ThreatModel,
    made: Reconstructions,
    starts: Reconstructions,
    reached: NDArray[np.bool_],
    sides: tuple[Side, Side],
    ground: Ground,
    *,
    queries: int,
    seed: int,
    confidence: float,
    small: int = SMALL,
    details: dict[str, Any],
) -> Outcome:
    """Judge reconstructions, and beside them the points at which the attack began.

    Args:
        attack: Its name.
        threat_model: Who could run it.
        made: The reconstructions.
        starts: Where they began, before the model was asked anything: these cannot be nearer to members
            unless members and control differ without the model.
        reached: (R,) whether the model takes a reconstruction for the class asked for.
        sides: Members and control.
        ground: Where they come from.
        queries: To the model, altogether.
        seed: Of the whole attack.
        confidence: Of the interval; the alarm holds at (1 + confidence) / 2.
        small: See `nearest.count_nearest`.
        details: What more there is to say of the attack.
    """
    # The same draws of equally many from each side: what differs is the reconstruction alone.
    draws = np.random.SeedSequence([seed, 1])
    counts, before = (count_nearest(points, *sides, draws, small) for points in (made, starts))
    if not counts:
        raise UsageError(
            "No class has both members and non-members, so no reconstruction can be judged",
            "Give non-members of the classes that the model knows.",
        )
    level = (1 - confidence) / 2
    ranks = [one.p_value for one in counts if one.p_value is not None]
    # Two questions where there are small classes, one where there are none: each has its part of α.
    each = level / 2 if ranks else level
    overall, disclosed = p_value(counts), _disclosed(ranks, each)
    shift = p_value(before)
    detectable = detectable_share(sum(one.nearest for one in counts), confidence)
    able = detectable <= DETECTABLE_SHARE and float(reached.mean()) >= REACHED
    return Outcome(
        type=EvidenceType.MODEL_INVERSION,
        attack=attack,
        threat_model=threat_model,
        measure=MEASURE,
        estimate=nearest_share(counts, confidence),
        null=0.5,
        confidence=confidence,
        verdict=conclude(alarm=overall <= each or disclosed > 0, shift_found=shift <= level, able=able),
        power=POWER,
        detectable=detectable,
        counts={
            "members": len(ground.members),
            "non_members": len(ground.control),
            "public": len(ground.public),
            "classes": len(counts),
            "small_classes": len(ranks),
            "small_classes_disclosed": disclosed,
            "reconstructions": len(made.columns),
            "nearest": sum(one.nearest for one in counts),
            "nearest_members": sum(one.members for one in counts),
            "queries": queries,
        },
        controls={
            "starts": {**_summary(before, confidence), "passed": shift > level},
            "reached": {"share": float(reached.mean()), "passed": bool(reached.mean() >= REACHED)},
            "shared_records": ground.shared,
        },
        details={
            "p_value": overall,
            "alarm_level": each,
            "classes": [_row(one) for one in counts],
            **details,
        },
        seed=seed,
    )


def detectable_share(n: int, confidence: float) -> float:
    """The least share that n nearest persons show above one half with probability `POWER`; inf if none."""
    needed = int(binom.isf((1 - confidence) / 2, n, 0.5)) + 1 if n else 1
    return float(beta.ppf(POWER, needed, n - needed + 1)) if needed <= n else math.inf


def _disclosed(p_values: list[float], level: float) -> int:
    """How many small classes stand out, by Holm's method (Scand. J. Statist. 6, 1979)."""
    for found, p in enumerate(sorted(p_values)):
        if p > level / (len(p_values) - found):
            return found
    return len(p_values)


def _summary(counts: tuple[ClassCount, ...], confidence: float) -> dict[str, Any]:
    share = nearest_share(counts, confidence)
    return {"share": share.point, "low": share.low, "high": share.high, "p_value": p_value(counts)}


def _row(one: ClassCount) -> dict[str, Any]:
    """A class by its number among the model's classes: its name may be a person's."""
    row: dict[str, Any] = {
        "class": one.column,
        "persons": one.persons,
        "reconstructions": one.reconstructions,
        "nearest": one.nearest,
        "nearest_members": one.members,
        "small": one.small,
    }
    return row if one.p_value is None else {**row, "p_value": one.p_value}
