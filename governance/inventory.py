"""What the registry's own tables hold, as it is held against our books."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from governance.domain.dossier import Asking
from governance.domain.lineage import Lineage
from governance.domain.manifest import Manifest
from governance.domain.subject import Subject, VersionName
from governance.ports import Books


@dataclass(frozen=True, slots=True)
class Row:
    """A version as the registry's tables have it."""

    named: VersionName
    uid: str | None
    """Of the living version of that name in our books; None if governance never saw it."""
    stage: str
    aliases: tuple[str, ...]
    location: str
    """Where the registry serves it from."""
    latest: bool
    """Whether no later version of its registered model is there."""


class Way(str, Enum):
    """How a version holds a protected place."""

    ALIAS = "alias"
    STAGE = "stage"
    NAME = "name"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Place:
    """A protected place that a version holds, or is said to hold."""

    named: VersionName
    uid: str | None
    target: str
    """The policy's target that protects it."""
    way: Way
    at: str
    """The alias or stage; the name of the registered model for the other ways."""

    @property
    def words(self) -> str:
        """As the gate writes it into the log."""
        return {
            Way.ALIAS: f"alias @{self.at} of {self.named.name}",
            Way.STAGE: f"stage {self.at} of {self.named.name}",
            Way.NAME: f"a version of {self.named.name}",
            Way.LATEST: f"the latest version of {self.named.name}",
        }[self.way]

    @property
    def can_be_left(self) -> bool:
        """Whether a version can leave it and stay; out of a name it can only be deleted."""
        return self.way in (Way.ALIAS, Way.STAGE)


class Snapshot(Protocol):
    """The registry's tables and our books at one moment."""

    @property
    def books(self) -> Books:
        """Our books."""

    def rows(self, after: VersionName | None, limit: int) -> tuple[Row, ...]:
        """The next versions of all workspaces, prompts left out, in a fixed order."""

    def gone(self, after: str, limit: int) -> tuple[Subject, ...]:
        """The next living versions of our books that the registry does not have, by uid."""


class Inventory(Protocol):
    """The registry's tables: read at one moment, put right under the gate's lock."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Tables and books that do not change while they are read."""

    def count(self, after: VersionName | None) -> int:
        """How many rows there are behind one."""

    def origin(self, subject: Subject) -> Manifest | None:
        """The bytes where a version came from; None if they are gone, or are those of another version."""

    def lineage(self, subject: Subject) -> Lineage:
        """What the tracking server says now of how a version came to be."""

    def leftovers(self, repair: bool) -> tuple[str, ...]:
        """Copies that no decision refers to; with `repair` they are removed, under the lock."""

    def adopt(self, named: VersionName) -> bool:
        """Give a version that governance never saw its uid, lineage and label; False if that failed."""

    def bury(self, subject: Subject, asking: Asking) -> bool:
        """Record that a version is gone, if it still is; whether that was so."""

    def vacate(self, place: Place, asking: Asking, reason: str) -> bool:
        """Take a version out of an alias or stage and put that into the log; False if it was not there.

        Where only the log says that it is there, that it left is put into the log.
        """
