"""What can be wrong between the registry's tables, the frozen bytes and our records, one word each.

The docstring of each kind is its documentation; a kind, once written, never changes its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(str, Enum):
    """Every kind of discrepancy there is."""

    UNGATED_PROMOTION = "ungated-promotion"
    """a version holds a protected alias, stage or name that no standing decision let it into"""
    DECISION_WITHOUT_CHANGE = "decision-without-change"
    """the log says that a version holds a protected alias or stage, and the registry says it does not"""
    UNFROZEN = "unfrozen"
    """a version in service is served from other bytes than those that were frozen for it"""
    LOST_FROZEN = "lost-frozen"
    """frozen bytes that a decision put into service are gone or cannot be read"""
    TAMPERED_FROZEN = "tampered-frozen"
    """frozen bytes are not the approved ones"""
    TAMPERED_ORIGIN = "tampered-origin"
    """bytes were changed where a version in service came from; the registry serves the frozen copy"""
    STALE = "stale"
    """the policy would refuse a version in service today"""
    UNDECIDABLE = "undecidable"
    """nobody can say today whether the policy would refuse a version in service"""
    TOMBSTONE_MISMATCH = "tombstone-mismatch"
    """a version that was never deleted through the gate is gone from the registry"""
    LOST_DECISION = "lost-decision"
    """the log names a decision that is not recorded"""
    UNLOGGED_DECISION = "unlogged-decision"
    """a decision is recorded that the log does not name"""
    DUPLICATE_DECISION = "duplicate-decision"
    """the log names one decision more than once"""
    EXCEPTIONAL = "exceptional"
    """a version is in service only because a check was waived or the glass was broken"""
    UNREGISTERED = "unregistered"
    """a version is in the registry that governance has never seen"""
    UNFINISHED_FREEZE = "unfinished-freeze"
    """a copy that no decision refers to, left by an interrupted promotion"""

    @property
    def harmful(self) -> bool:
        """Whether it does harm for as long as it stays."""
        return self not in (Kind.EXCEPTIONAL, Kind.UNREGISTERED, Kind.UNFINISHED_FREEZE)

    @property
    def ends_service(self) -> bool:
        """Whether a version should not stay where it is; an origin that anybody may write is no reason."""
        return self in _ENDS_SERVICE


_ENDS_SERVICE = frozenset(
    {Kind.UNGATED_PROMOTION, Kind.UNFROZEN, Kind.LOST_FROZEN, Kind.TAMPERED_FROZEN, Kind.STALE}
)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that is not as it should be, and what mends it."""

    kind: Kind
    subject: str
    """What it is about, for example `models:/risk/1 as alias @champion of risk`."""
    observed: str
    expected: str
    remedy: str
    mended: bool = False

    @property
    def harmful(self) -> bool:
        """Whether it does harm now."""
        return self.kind.harmful and not self.mended

    def to_json(self) -> dict[str, Any]:
        """As it stands in `governance/reconcile/v1`."""
        return {
            "kind": self.kind.value,
            "subject": self.subject,
            "observed": self.observed,
            "expected": self.expected,
            "remedy": self.remedy,
            "harmful": self.harmful,
            "mended": self.mended,
        }
