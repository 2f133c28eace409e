"""How a policy lets somebody past a check: waivers, and broken glass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WaiverRule:
    """Who together may let one check pass, and for how long at most."""

    check: str
    roles: tuple[str, ...]
    """Every one of these must sign, each by another person."""
    count: int
    """How many different people must sign in all, at least one for each role."""
    max_days: int

    def to_json(self) -> dict[str, Any]:
        """The rule as it stands in a policy document."""
        return {"roles": list(self.roles), "count": self.count, "max_days": self.max_days}


@dataclass(frozen=True, slots=True)
class BreakGlassRule:
    """Who may break the glass, and for how many hours at most."""

    roles: tuple[str, ...]
    """Any one of these is enough."""
    max_hours: int

    def to_json(self) -> dict[str, Any]:
        """The rule as it stands in a policy document."""
        return {"roles": list(self.roles), "max_hours": self.max_hours}
