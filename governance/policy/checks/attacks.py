"""The check on attacks of every class but membership inference: a test of it was withstood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from governance.domain.decision import Finding, Status
from governance.domain.evidence import EvidenceType
from governance.policy.checks import remedies
from governance.policy.checks.counting import CONFIDENCE, VERDICTS, absence, percent, readable
from governance.policy.checks.interface import CHOSEN, Case

ATTACKS = (
    EvidenceType.ATTRIBUTE_INFERENCE,
    EvidenceType.MODEL_INVERSION,
    EvidenceType.RECONSTRUCTION,
    EvidenceType.EXTRACTION,
    EvidenceType.PROPERTY_INFERENCE,
    EvidenceType.MEMORISATION,
)
"""The evidence types whose body this reads."""

CHECK = "attack-withstood"

ONLY_THIS = "evidence only of resistance to that very attack"


@dataclass(frozen=True, slots=True)
class Tried:
    """What one piece of evidence says of one attack."""

    attack: str
    measure: str
    about: str
    """The column that was guessed, or what else tells two tests by one attack apart; may be empty."""
    point: float
    low: float
    high: float
    null: float
    confidence: float
    verdict: str

    @property
    def subject(self) -> tuple[str, str, str]:
        """What was measured: of two tests with the same, the conclusive one counts."""
        return self.attack, self.measure, self.about

    @property
    def conclusive(self) -> bool:
        """Whether it came to a verdict, with intervals wide enough to be believed."""
        return self.verdict != "undecided" and self.confidence >= CONFIDENCE

    def __str__(self) -> str:
        name = f"{self.attack} of {self.about}" if self.about else self.attack
        ends = f"(interval {self.low:.4g} to {self.high:.4g}; {self.null:.4g} if the model tells nothing)"
        return f"{name}: {self.verdict}, {self.measure} {self.point:.4g} {ends}"


def read(body: Any) -> Tried:
    """The outcome in an evidence body, as `governance.privacy.outcome.Outcome.body` writes it.

    Raises:
        ValueError: a value is missing, of the wrong type or outside its range; the message says which.
    """
    if not isinstance(body, Mapping):
        raise ValueError("the body is not a mapping")
    verdict = body.get("verdict")
    if verdict not in VERDICTS:
        raise ValueError(f"verdict is {verdict!r}, expected one of {', '.join(VERDICTS)}")
    estimate = body.get("estimate")
    if not isinstance(estimate, Mapping):
        raise ValueError("estimate is not a mapping with point, low and high")
    point, low, high = (_number(estimate.get(key), f"estimate.{key}") for key in ("point", "low", "high"))
    if not low <= point <= high:
        raise ValueError(f"estimate {point} is not between its bounds {low} and {high}")
    confidence = _number(body.get("confidence"), "confidence")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}, expected a number between 0 and 1")
    return Tried(
        attack=_words(body.get("attack"), "attack"),
        measure=_words(body.get("measure"), "measure"),
        about=_about(body.get("details")),
        point=point,
        low=low,
        high=high,
        null=_number(body.get("null"), "null"),
        confidence=confidence,
        verdict=verdict,
    )


def _about(details: Any) -> str:
    facts = details if isinstance(details, Mapping) else {}
    about = facts.get("attribute", facts.get("property"))
    return about if isinstance(about, str) else ""


def _words(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where} is {value!r}, expected a text")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{where} is {value!r}, expected a finite number")
    return float(value)


def attack_withstood(case: Case, attack: str, max: float | None = None) -> tuple[Finding, ...]:
    """Every test by attacks of one class showed no leak; with `max`, its upper end is at most that.

    An undecided test counts as none, unless the same was measured again with a verdict. Withstanding a
    test is evidence only of resistance to that very attack.
    """
    kind = EvidenceType(attack)
    required = (
        f"no leak shown by {attack}"
        if max is None
        else f"upper end of every estimate by {attack} at most {max:g} {CHOSEN}"
    )
    remedy = remedies.attack(case, attack)
    tried, unreadable = readable(case, kind, read, CHECK, required, remedy)
    if unreadable and not tried:
        return unreadable
    finding = partial(_finding, required=required)
    broken = [one for one in tried if one.conclusive and _breaks(one, max)]
    if broken:
        worst = sorted(broken, key=lambda one: (one.high - one.null, one.subject))[-1]
        return (*unreadable, _failed(case, worst, len(broken), required, attack, max))
    # Two tests of nameless properties may be of two properties: one must not close the other.
    named = kind is not EvidenceType.PROPERTY_INFERENCE
    decided = {one.subject for one in tried if one.conclusive and (named or one.about)}
    open_ = [one for one in tried if not one.conclusive and one.subject not in decided]
    if open_:
        return (
            *unreadable,
            finding(Status.MISSING, str(open_[0]), reason=_inconclusive(open_), remedy=remedy),
        )
    if not tried:
        return (finding(Status.MISSING, "no measurement", reason=absence(case, kind, attack), remedy=remedy),)
    highest = sorted(tried, key=lambda one: (one.conclusive, one.high - one.null, one.subject))[-1]
    return (*unreadable, finding(Status.PASSED, str(highest), reason=f"withstood, which is {ONLY_THIS}"))


def _finding(status: Status, observed: str, *, required: str, reason: str, remedy: str = "") -> Finding:
    return Finding(CHECK, status, observed, required, reason, remedy)


def _breaks(one: Tried, max: float | None) -> bool:
    return one.verdict == "leak shown" if max is None else one.high > max


def _failed(case: Case, worst: Tried, count: int, required: str, attack: str, max: float | None) -> Finding:
    others = f"; {count - 1} more did" if count > 1 else ""
    if max is not None and worst.point <= max:
        reason = f"the upper end breaks the limit; more records would make the interval narrower{others}"
        return Finding(CHECK, Status.FAILED, str(worst), required, reason, remedies.attack(case, attack))
    reason = f"the attack found what it looked for{others}"
    return Finding(CHECK, Status.FAILED, str(worst), required, reason, remedies.harden(attack))


def _inconclusive(tried: Sequence[Tried]) -> str:
    if all(one.verdict == "undecided" for one in tried):
        return "the test came to no verdict; its controls say why"
    most = sorted(one.confidence for one in tried)[-1]
    return f"the interval has {percent(most)} confidence, expected at least {percent(CONFIDENCE)}"
