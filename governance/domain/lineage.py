"""What went into a model version: datasets, parents, and the gaps where nobody can tell.

Lineage is read when a version is registered and again whenever it is judged, and the readings add
up: an input that was logged late counts, an input that was removed still does. Only gaps can close.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, order=True)
class DatasetUse:
    """A run read a dataset. Every use counts as training, whatever context the caller wrote."""

    run_id: str
    name: str
    mlflow_digest: str
    source: str
    context: str
    sha256: str | None = None
    """Our content digest, when it was logged through `governance_mlflow.log_input`."""
    part_of: str | None = None
    """The catalogued dataset that the caller says these records were taken from."""


class ParentKind(str, Enum):
    """How a version descends from another model; every kind passes the whole label on."""

    COPIED_FROM = "copied_from"
    BASE_MODEL = "base_model"
    FINE_TUNED_FROM = "fine_tuned_from"
    DISTILLED_FROM = "distilled_from"
    MERGED_FROM = "merged_from"


@dataclass(frozen=True, slots=True, order=True)
class Parent:
    """A model that this one descends from; `uid` is None when the registry does not know it."""

    kind: ParentKind
    reference: str
    """As it was written: `models:/name/3`, `models:/m-…`, `hf:org/name`."""
    uid: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A part of the lineage that could not be read, and the command that would close it."""

    what: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """All uses, parents and gaps of one version, sorted and without repetition."""

    uses: tuple[DatasetUse, ...] = ()
    parents: tuple[Parent, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        for part in ("uses", "parents", "gaps"):
            # A None sorts against no text, hence the key.
            unique = sorted(set(getattr(self, part)), key=repr)
            object.__setattr__(self, part, tuple(unique))

    def __or__(self, other: Lineage) -> Lineage:
        """Two parts of one reading together."""
        return Lineage(self.uses + other.uses, self.parents + other.parents, self.gaps + other.gaps)

    def then(self, newer: Lineage) -> Lineage:
        """This reading and a later one: inputs add up, gaps are those that are still open."""
        return Lineage(self.uses + newer.uses, self.parents + newer.parents, newer.gaps)
