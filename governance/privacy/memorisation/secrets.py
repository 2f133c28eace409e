"""Whether a model that scores texts knows the canaries that were planted in its training text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.memorisation.canaries import Canaries
from governance.privacy.memorisation.exposure import (
    Exposures,
    Floats,
    Joint,
    expose,
    extrapolate,
    rank_interval,
    together,
    unplanted_mean,
)
from governance.privacy.memorisation.language import Scorer, log_likelihoods
from governance.privacy.outcome import Outcome
from governance.privacy.scoring import Interval, chernoff_end, mean_bounds
from governance.privacy.verdict import POWER, conclude

CANDIDATES = 10_000
"""How many un-planted texts to score, if the format allows as many."""

DISCOVERIES = 0.05
"""Expected share of false ones among `found_fdr` canaries (Benjamini and Hochberg 1995)."""


MOST_TIED = 0.5
"""A larger share of candidates with one score, and the scorer does not rank texts."""


def expose_canaries(
    scorer: Scorer,
    canaries: Canaries,
    *,
    seed: int,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    candidates: int = CANDIDATES,
    commitment: str | None = None,
) -> Outcome:
    """Measure the exposure of planted canaries, beside that of canaries held out.

    Args:
        scorer: Texts to log-likelihoods.
        canaries: As drawn before training.
        seed: Of the candidates and permutations; same arguments, same outcome.
        confidence: Of the two-sided interval for the mean exposure; the alarm holds at (1 + confidence) / 2.
        progress: Is told how many texts are scored, of all.
        candidates: How many un-planted texts to score; all of the format if it has no more.
        commitment: What was published before training.

    Raises:
        UsageError: these are not the canaries that were committed to.
    """
    if commitment is not None and not canaries.opens(commitment):
        raise UsageError(
            "These canaries are not the ones that were committed to",
            "Draw them again with the arguments of that time.",
        )
    chance, *tests = np.random.SeedSequence(seed).spawn(3)
    enumerated = canaries.space <= candidates + len(canaries.planted) + len(canaries.held_out)
    texts = list(canaries.others()) if enumerated else canaries.sample(candidates, chance)
    asked = [*canaries.planted, *canaries.held_out, *texts]
    told = log_likelihoods(scorer, asked, progress and (lambda done: progress(done, len(asked))))
    s, h = len(canaries.planted), len(canaries.held_out)
    planted, held_out, rest = told[:s], told[s : s + h], told[s + h :]
    # Held out, a canary is a candidate like any other; and none planted is one.
    others = np.concatenate([held_out, rest])
    level = (1 - confidence) / 2
    exposures = expose(planted, others)
    joint = together(planted, others, level / 2, tests[0])
    found = holm(exposures.p_values, level / 2)
    control = _control(held_out, rest, level, tests[1])
    detectable = detectable_mean(exposures, joint, level / 2)
    # A model that says the same of every text ranks none of them: its silence means nothing.
    ranks = float(np.unique(others, return_counts=True)[1].max()) <= len(others) * MOST_TIED
    mean = float(exposures.exposures.mean())
    low, high = mean_bounds(min(mean / exposures.bits, 1.0), s, confidence)
    return Outcome(
        type=EvidenceType.MEMORISATION,
        attack="canary-exposure",
        threat_model=ThreatModel(
            "black box: likelihood of any text", "the format of the secret", len(asked) - s
        ),
        measure="mean exposure of planted canaries, in bits",
        estimate=Interval(mean, low * exposures.bits, high * exposures.bits),
        null=unplanted_mean(exposures.candidates),
        confidence=confidence,
        verdict=conclude(
            alarm=joint.p_value <= level / 2 or found > 0,
            shift_found=not control.get("passed", True),
            able=ranks and detectable <= exposures.bits / 2,
        ),
        power=POWER,
        detectable=detectable,
        counts={
            "planted": s,
            "held_out": h,
            "times": canaries.times,
            "candidates": exposures.candidates,
            "found": found,
            "found_fdr": benjamini_hochberg(exposures.p_values, DISCOVERIES),
            "queries": len(asked),
        },
        controls={"held_out": control, "commitment": commitment is not None},
        details={
            "commitment": canaries.commitment,
            "slots": canaries.slots,
            "format_bits": math.log2(canaries.space),
            "enumerated": enumerated,
            "bits": exposures.bits,
            "p_value": joint.p_value,
            "alarm_level": level / 2,
            **_by_canary(planted, others, exposures, canaries.space, enumerated, confidence),
        },
        seed=seed,
    )


def detectable_mean(exposures: Exposures, joint: Joint, level: float) -> float:
    """The least mean exposure in bits that is found with probability `POWER`, however it is distributed.

    Found it is for certain when the mean of those planted reaches what `together` needs, or when the
    largest, which is no less than the mean, reaches what `holm` needs. Chernoff's bound leads from there
    to a true mean that falls short of it with probability 1 − `POWER`.
    """
    s, bits = len(exposures.ranks), exposures.bits
    enough = min(joint.critical, math.log2(s / level))
    if enough > bits:
        return math.inf
    found = bits * chernoff_end(enough / bits, math.log(1 / (1 - POWER)) / s, 1.0)
    # Where all scores tie, none of them is enough to reach what chance has on average.
    return max(found, unplanted_mean(exposures.candidates))


def holm(p_values: Floats, level: float) -> int:
    """How many are rejected so that one is falsely so with probability `level` at most (Holm 1979)."""
    ordered = np.sort(p_values)
    beyond = np.flatnonzero(ordered > level / np.arange(len(ordered), 0, -1))
    return int(beyond[0]) if len(beyond) else len(ordered)


def benjamini_hochberg(p_values: Floats, share: float) -> int:
    """How many are rejected so that this share of them is expected to be falsely so at most."""
    ordered = np.sort(p_values)
    below = np.flatnonzero(ordered <= share * np.arange(1, len(ordered) + 1) / len(ordered))
    return int(below[-1]) + 1 if len(below) else 0


def _control(held_out: Floats, rest: Floats, level: float, seed: np.random.SeedSequence) -> dict[str, Any]:
    """The same of canaries that were never planted; if it alarms, they were, or chance did not draw them."""
    if not len(held_out):
        return {"ran": False}
    exposures, joint = expose(held_out, rest), together(held_out, rest, level, seed)
    return {
        "ran": True,
        "mean": float(exposures.exposures.mean()),
        "found": holm(exposures.p_values, level),
        "p_value": joint.p_value,
        "passed": joint.p_value > level,
    }


def _by_canary(
    planted: Floats, others: Floats, exposures: Exposures, space: int, enumerated: bool, confidence: float
) -> dict[str, Any]:
    """Lists with the most exposed canary first."""
    order = np.argsort(exposures.ranks, kind="stable")
    facts: dict[str, Any] = {"exposures": exposures.exposures[order].tolist()}
    if not enumerated:
        ends = rank_interval(exposures, space, confidence)
        facts["whole_format"] = [
            {"point": ends[i].point, "low": ends[i].low, "high": ends[i].high} for i in order.tolist()
        ]
    fitted = extrapolate(planted, others, space)
    if fitted is not None:
        facts["skew_normal"] = {"exposures": fitted.exposures[order].tolist(), "distance": fitted.distance}
    return facts
