"""Checks on measured membership inference, gated on the upper end of the confidence interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.domain.decision import Finding, Status
from governance.domain.evidence import EvidenceType
from governance.policy.checks import remedies
from governance.policy.checks.counting import CONFIDENCE, VERDICTS, absence, percent, readable
from governance.policy.checks.interface import CHOSEN, Case

RECORDS_PER_FALSE_POSITIVE = 10
"""A TPR at FPR f needs this many over f non-members: fewer than ten false positives resolve nothing."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A measured rate with its confidence interval, all in [0, 1]."""

    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AtFpr:
    """The TPR measured at one FPR."""

    fpr: float
    tpr: Bounds
    resolved: bool


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one piece of membership evidence says."""

    attack: str
    n_non_members: int
    confidence: float
    auc: Bounds
    tpr_at_fpr: tuple[AtFpr, ...]
    verdict: str

    def at(self, fpr: float) -> AtFpr | None:
        """The TPR at that FPR, None if it was not measured there."""
        return next((p for p in self.tpr_at_fpr if math.isclose(p.fpr, fpr, rel_tol=1e-6)), None)


def read(body: Any) -> Measurement:
    """The measurement in an evidence body.

    Raises:
        ValueError: a value is missing, of the wrong type or outside its range; the message says which.
    """
    if not isinstance(body, Mapping):
        raise ValueError("the body is not a mapping")
    verdict = body.get("verdict")
    if verdict not in VERDICTS:
        raise ValueError(f"verdict is {verdict!r}, expected one of {', '.join(VERDICTS)}")
    n_non_members = body.get("n_non_members")
    if isinstance(n_non_members, bool) or not isinstance(n_non_members, int) or n_non_members < 1:
        raise ValueError(f"n_non_members is {n_non_members!r}, expected a positive whole number")
    points = body.get("tpr_at_fpr")
    if not isinstance(points, Sequence) or isinstance(points, str):
        raise ValueError("tpr_at_fpr is not a list")
    return Measurement(
        attack=str(body.get("attack")),
        n_non_members=n_non_members,
        confidence=_rate(body.get("confidence"), "confidence"),
        auc=_bounds(body.get("auc"), "auc", "point"),
        tpr_at_fpr=tuple(map(_at_fpr, points)),
        verdict=verdict,
    )


def _at_fpr(point: Any) -> AtFpr:
    tpr = _bounds(point, "tpr_at_fpr", "tpr")
    return AtFpr(_rate(point.get("fpr"), "tpr_at_fpr.fpr"), tpr, point.get("resolved") is True)


def _bounds(value: Any, where: str, middle: str) -> Bounds:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is not a mapping with {middle}, low and high")
    point, low, high = (_rate(value.get(key), f"{where}.{key}") for key in (middle, "low", "high"))
    if not low <= point <= high:
        raise ValueError(f"{where} {point} is not between its bounds {low} and {high}")
    return Bounds(point, low, high)


def _rate(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{where} is {value!r}, expected a number in [0, 1]")
    return float(value)


def membership_tpr(case: Case, fpr: float, max: float) -> tuple[Finding, ...]:
    """The upper bound of the true-positive rate at a false-positive rate is low, in every measurement.

    A measurement needs 10/`fpr` non-members; with fewer it can show a leak (its lower bound is above
    `max`) but never the absence of one.
    """
    check = "membership-tpr"
    required = f"upper bound of TPR at {percent(fpr)} FPR at most {percent(max)} {CHOSEN}"
    measurements, unreadable = _measurements(case, check, required)
    counting = [
        point.tpr
        for m in measurements
        if (point := m.at(fpr)) is not None
        and _conclusive(m)
        and ((m.n_non_members >= _needed(fpr) and point.resolved) or point.tpr.low > max)
    ]
    if counting:
        return (*unreadable, _bounded(case, check, f"TPR at {percent(fpr)} FPR", counting, required, max))
    if unreadable and not measurements:
        return unreadable
    observed, reason = _unresolved(case, measurements, fpr)
    return (*unreadable, Finding(check, Status.MISSING, observed, required, reason, remedies.assess(case)))


def _needed(fpr: float) -> int:
    return math.ceil(RECORDS_PER_FALSE_POSITIVE / fpr - 1e-6)


def _unresolved(case: Case, measurements: Sequence[Measurement], fpr: float) -> tuple[str, str]:
    """What there is instead of a TPR at this FPR, and why that does not count."""
    if not measurements:
        return "no measurement", _absence(case)
    there = [m for m in measurements if m.at(fpr) is not None]
    if not there:
        measured = sorted({p.fpr for m in measurements for p in m.tpr_at_fpr})
        rates = ", ".join(map(percent, measured)) or "no"
        return f"TPR at {rates} FPR", f"not measured at {percent(fpr)} FPR"
    most = sorted(m.n_non_members for m in there)[-1]
    if most < _needed(fpr):
        reason = f"too few records for this FPR: has {most:,}, needs {_needed(fpr):,}"
    else:
        reason = _inconclusive(there)
    return f"{most:,} non-members", reason


def membership_auc(case: Case, max: float) -> tuple[Finding, ...]:
    """The upper bound of the attack's AUC is low, in every measurement; 0.5 is a coin flip."""
    check = "membership-auc"
    required = f"upper bound of AUC at most {max:g} {CHOSEN}"
    measurements, unreadable = _measurements(case, check, required)
    enough = [m for m in measurements if _conclusive(m)]
    if enough:
        return (*unreadable, _bounded(case, check, "AUC", [m.auc for m in enough], required, max))
    if unreadable and not measurements:
        return unreadable
    observed = f"{len(measurements)} inconclusive" if measurements else "no measurement"
    reason = _inconclusive(measurements) if measurements else _absence(case)
    return (*unreadable, Finding(check, Status.MISSING, observed, required, reason, remedies.assess(case)))


def tpr_contradiction(parameters: Mapping[str, Any]) -> str:
    """Why no model can meet these parameters, if none can: guessing alone has a TPR equal to the FPR."""
    if parameters["max"] > parameters["fpr"]:
        return ""
    return "max is not above fpr, and a coin flip already has a TPR equal to the FPR; expected a larger max"


def _bounded(
    case: Case, check: str, what: str, worst: Sequence[Bounds], required: str, max: float
) -> Finding:
    rate = sorted(worst, key=lambda bounds: (bounds.high, bounds.point))[-1]
    form = percent if check == "membership-tpr" else _plain
    observed = f"{what} {form(rate.point)} (interval {form(rate.low)} to {form(rate.high)})"
    if rate.high <= max:
        reason = "even the upper bound keeps the limit"
        return Finding(check, Status.PASSED, observed, required, reason)
    if rate.point <= max:
        reason = "the upper bound breaks the limit; more records would make the interval narrower"
        return Finding(check, Status.FAILED, observed, required, reason, remedies.assess(case))
    reason = "it can be told too well whether a record was used for training"
    remedy = f"Train again with less over-fitting or with differential privacy {remedies.NEW_VERSION}"
    return Finding(check, Status.FAILED, observed, required, reason, remedy)


def _conclusive(measurement: Measurement) -> bool:
    return measurement.verdict != "undecided" and measurement.confidence >= CONFIDENCE


def _inconclusive(measurements: Sequence[Measurement]) -> str:
    if all(m.confidence < CONFIDENCE for m in measurements):
        most = sorted(m.confidence for m in measurements)[-1]
        return f"the interval has {percent(most)} confidence, expected at least {percent(CONFIDENCE)}"
    if all(m.verdict == "undecided" for m in measurements):
        return "the measurement came to no verdict; its controls say why"
    return "the measurement does not resolve this"


def _measurements(
    case: Case, check: str, required: str
) -> tuple[tuple[Measurement, ...], tuple[Finding, ...]]:
    """Every readable measurement that counts, and a finding for each that cannot be read."""
    kind = EvidenceType.MEMBERSHIP_INFERENCE
    return readable(case, kind, read, check, required, remedies.assess(case))


def _absence(case: Case) -> str:
    return absence(case, EvidenceType.MEMBERSHIP_INFERENCE, "membership inference")


def _plain(rate: float) -> str:
    return f"{rate:.4g}"
