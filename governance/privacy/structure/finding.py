"""One thing found inside a model or its files: what, where, how many; never a value of a record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(str, Enum):
    """What was found."""

    STORED_RECORDS = "stored records"
    """Rows of training data, kept by design or recognised as members."""
    STORED_VALUES = "stored values"
    """Values of single columns, each of which belongs to one member."""
    TABLE = "table"
    """A data frame, or a file of rows."""
    PER_RECORD = "one entry a record"
    """An array as long as the training data."""
    SMALL_LEAF = "small leaf"
    RARE_CATEGORY = "rare category"
    RARE_TERM = "rare term"
    SMALL_CLASS = "small class"
    UNREAD = "unread"
    """Something that could hold records and that this check cannot look into."""


RECORDS = frozenset({Kind.STORED_RECORDS, Kind.STORED_VALUES, Kind.TABLE})
"""Kinds that are records, or parts of them, as they stand in the training data."""

GROUPS = frozenset({Kind.SMALL_LEAF, Kind.RARE_CATEGORY, Kind.RARE_TERM, Kind.SMALL_CLASS})
"""Kinds that say something of fewer than k persons."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, as it goes into evidence."""

    kind: Kind
    holder: str
    """The class that holds it, or the kind of file."""
    where: str
    """Attributes from the model to it, or the file's path in the artifact; no key of a mapping."""
    count: int
    """Rows, values, leaves, terms or categories."""
    members: int | None = None
    """How many members stand behind them; None if that is not known."""
    of: int | None = None
    """Out of how many."""
    by_design: bool = False
    """Whether every model of this class keeps training rows there."""

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind.value,
            "holder": self.holder,
            "where": self.where,
            "count": self.count,
            "members": self.members,
            "of": self.of,
            "by_design": self.by_design,
        }
