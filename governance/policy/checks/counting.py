"""Which evidence of attacks counts for a check, and why other evidence does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from governance.domain.decision import Finding, Status
from governance.domain.evidence import Evidence, EvidenceType
from governance.policy.checks.interface import Case

CONFIDENCE = 0.95
"""An interval of less confidence is narrower than it should be, and does not count."""

VERDICTS = ("leak shown", "none shown", "undecided")

Read = TypeVar("Read")


def current(case: Case, type: EvidenceType) -> tuple[Evidence, ...]:
    """Evidence of one type that counts and is not too old for the policy."""
    valid = case.evidence(type)
    if case.policy.max_age_days is None:
        return valid
    since = case.asking.at - timedelta(days=case.policy.max_age_days)
    return tuple(e for e in valid if e.created_at >= since)


def readable(
    case: Case,
    type: EvidenceType,
    read: Callable[[object], Read],
    check: str,
    required: str,
    remedy: str,
) -> tuple[tuple[Read, ...], tuple[Finding, ...]]:
    """Everything that counts and can be read, and a finding for each that cannot."""
    found, unreadable = [], []
    for evidence in current(case, type):
        try:
            found.append(read(evidence.body))
        except ValueError as error:
            observed = f"unreadable evidence by {evidence.producer}"
            reason = f"the evidence cannot be read: {error}"
            unreadable.append(Finding(check, Status.UNDECIDED, observed, required, reason, remedy))
    return tuple(found), tuple(unreadable)


def absence(case: Case, type: EvidenceType, what: str) -> str:
    """Why nothing counts: `what` was not measured on these bytes, or was and is left out."""
    there = [e for e in case.dossier.evidence if e.type is type]
    unsigned = sum(not case.trusts(e) for e in there)
    old = len(there) - unsigned - len(current(case, type))
    stray = sum(e.type is type for e in case.dossier.stray)
    why = [f"{unsigned} not signed by {case.signers}"] if unsigned else []
    why += [f"{old} too old"] if old else []
    why += [f"{stray} about other bytes"] if stray else []
    reason = f"{what} was not measured on these bytes"
    return f"{reason}; not counted: {', '.join(why)}" if why else reason


def percent(rate: float) -> str:
    """A share as people write it."""
    return f"{rate * 100:.4g} %"
