"""When a rule looks at a label: conditions as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from governance.domain.label import EVERYTHING, Ordered


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of a chain of label words; None is an open end."""

    at_least: Ordered | None = None
    at_most: Ordered | None = None

    def __contains__(self, value: Ordered) -> bool:
        low = self.at_least is None or self.at_least <= value
        return low and (self.at_most is None or value <= self.at_most)

    def to_json(self) -> dict[str, str]:
        """The range as it stands in a policy document."""
        return {
            key: value.word
            for key in ("at_least", "at_most")
            if isinstance(value := getattr(self, key), Ordered)
        }


CHAINS = ("confidentiality", "identifiability", "consent", "legal_basis")
SETS = ("special_categories", "subject_categories")
FLAGS = ("vulnerable", "unknown")


@dataclass(frozen=True, slots=True)
class When:
    """The labels a rule looks at: all conditions given must hold; without any it looks at every label."""

    confidentiality: Range | None = None
    identifiability: Range | None = None
    consent: Range | None = None
    legal_basis: Range | None = None
    special_categories: frozenset[str] | None = None
    """At least one of these; `EVERYTHING` is any at all."""
    subject_categories: frozenset[str] | None = None
    vulnerable: bool | None = None
    unknown: bool | None = None
    """Whether something unknown went into the model."""

    def to_json(self) -> dict[str, Any]:
        """The conditions as they stand in a policy document."""
        given = {key: value for key in CHAINS + SETS + FLAGS if (value := getattr(self, key)) is not None}
        return {
            key: value.to_json()
            if isinstance(value, Range)
            else value
            if isinstance(value, bool)
            else "any"
            if value == EVERYTHING
            else {"any_of": sorted(value)}
            for key, value in given.items()
        }


EVERY_LABEL = When()
"""No condition at all."""
