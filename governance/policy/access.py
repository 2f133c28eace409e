"""Who may see and load a version of which label, and where its bytes may lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from governance.policy.conditions import EVERY_LABEL, When
from governance.policy.names import matches


class Access(str, Enum):
    """What somebody may do with a version."""

    SEE = "see"
    """Read its entry in the registry."""
    LOAD = "load"
    """Learn where its bytes lie, and use them."""
    DOWNLOAD = "download"
    """Read its files one by one."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """When the label is like this, only these roles may do these things with a version."""

    name: str
    roles: tuple[str, ...]
    when: When = EVERY_LABEL
    actions: tuple[Access, ...] = tuple(Access)
    purposes: tuple[str, ...] = ()
    """Purposes of which the caller must state one; empty asks for none."""

    def to_json(self) -> dict[str, Any]:
        """The rule as it stands in a policy document."""
        data: dict[str, Any] = {"name": self.name}
        if when := self.when.to_json():
            data["when"] = when
        data |= {"roles": list(self.roles), "actions": [action.value for action in self.actions]}
        return data | ({"purposes": list(self.purposes)} if self.purposes else {})


@dataclass(frozen=True, slots=True)
class Regions:
    """Where the registry and the places that hold bytes are."""

    registry: str | None = None
    artifacts: tuple[tuple[str, str], ...] = ()
    """Glob patterns over artifact URIs, each with the region of what it matches; the first match counts."""

    def of(self, spellings: Iterable[str]) -> str | None:
        """The region of a place, by any way of writing it; None where no pattern matches any of them."""
        written = tuple(spellings)
        for pattern, region in self.artifacts:
            if any(matches(spelling, pattern) for spelling in written):
                return region
        return None

    def to_json(self) -> dict[str, Any]:
        """The section as it stands in a policy document."""
        data: dict[str, Any] = {} if self.registry is None else {"registry": self.registry}
        return data | ({"artifacts": dict(self.artifacts)} if self.artifacts else {})


ANYWHERE = Regions()
"""Nothing is said about where bytes lie."""
