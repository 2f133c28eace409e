"""What the verbs need from the outside: a few small protocols, kept by memory and by a database alike.

All stores are append-only where they can be: a record, once added, is never changed. Every method
that adds the same record twice leaves one record and does not complain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from governance.domain.approval import Approval
from governance.domain.budget import Spend
from governance.domain.chain import Entry
from governance.domain.dataset import Catalogued, Dataset, Labelling
from governance.domain.decision import Decision
from governance.domain.events import Event
from governance.domain.evidence import Evidence
from governance.domain.lineage import Lineage
from governance.domain.manifest import Manifest
from governance.domain.review import Act
from governance.domain.signature import Signature
from governance.domain.subject import Subject, VersionName

Clock = Callable[[], datetime]
"""Tells the time, in UTC; tests pass one that stands still."""


class Catalogue(Protocol):
    """Datasets and their labellings."""

    def add(self, dataset: Dataset, labelling: Labelling) -> None:
        """Record a dataset with its first label; `Conflict` if its identity is catalogued already."""

    def relabel(self, labelling: Labelling) -> None:
        """Add a labelling; `NotFound` if its dataset is not catalogued."""

    def named(self, name: str) -> tuple[Catalogued, ...]:
        """All datasets of that name (several contents may share one), newest last."""

    def all(self) -> tuple[Catalogued, ...]:
        """Every dataset with its newest label, by name, then age."""

    def history(self, identity: str) -> tuple[Labelling, ...]:
        """Every labelling of one dataset, oldest first."""


class Subjects(Protocol):
    """Model versions by uid; names move, uids do not."""

    def add(self, subject: Subject) -> None:
        """Record a version; `Conflict` if a living version has that name."""

    def get(self, uid: str) -> Subject:
        """The version with that uid, living or buried, under its newest name; else `NotFound`."""

    def get_each(self, uids: Collection[str]) -> dict[str, Subject]:
        """The versions with these uids, living or buried; those that are none are left out."""

    def find(self, named: VersionName) -> Subject | None:
        """The living version of that name."""

    def find_each(self, names: Collection[VersionName]) -> dict[VersionName, Subject]:
        """The living versions of these names; those that are none are left out."""

    def living(self, name: str, workspace: str) -> tuple[Subject, ...]:
        """All living versions of a registered model, by version."""

    def rename(self, uid: str, named: VersionName) -> None:
        """Give a living version another name."""

    def bury(self, uid: str, at: datetime) -> None:
        """Mark a version as deleted: its name is free, its record stays."""

    def locate(self, uid: str, location: str) -> None:
        """Remember that bytes of a version lie, or lay, at a canonical location."""

    def located(self, places: Collection[str], living: bool = False) -> tuple[Subject, ...]:
        """Every version, or with `living` every living one, with bytes at one of these, oldest first."""

    def unlocated(self) -> tuple[Subject, ...]:
        """Every living version of which no location was ever recorded, oldest first."""


class Lineages(Protocol):
    """Readings of a version's lineage; they only add up."""

    def add(self, uid: str, lineage: Lineage) -> None:
        """Record one reading."""

    def of(self, uid: str) -> Lineage:
        """All readings, each `then` the next; the empty lineage if there was none."""

    def of_each(self, uids: Collection[str]) -> dict[str, Lineage]:
        """The same for many versions at once; those without any reading are left out."""


class EvidenceStore(Protocol):
    """Evidence by digest, and the manifests that the digests stand for."""

    def add(self, evidence: Evidence) -> None:
        """Record evidence."""

    def about(self, subject_digest: str) -> tuple[Evidence, ...]:
        """All evidence about those bytes, oldest first."""

    def about_each(self, subject_digests: Collection[str]) -> dict[str, tuple[Evidence, ...]]:
        """The same for many at once; bytes without any evidence are left out."""

    def keep_manifest(self, uid: str, manifest: Manifest) -> None:
        """Remember that a version was seen with this manifest."""

    def manifest(self, digest: str) -> Manifest | None:
        """The manifest with that digest."""

    def seen(self, uid: str) -> tuple[str, ...]:
        """Digests of all manifests a version was seen with, oldest first."""

    def seen_each(self, uids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The same for many versions at once; those never seen are left out."""


class Approvals(Protocol):
    """What reviewers said."""

    def add(self, approval: Approval) -> None:
        """Record a verdict."""

    def of(self, subject_uid: str) -> tuple[Approval, ...]:
        """Every verdict on a version, oldest first."""

    def of_each(self, subject_uids: Collection[str]) -> dict[str, tuple[Approval, ...]]:
        """The same for many versions at once; those without any are left out."""

    def named(self, prefix: str) -> tuple[Approval, ...]:
        """Every verdict whose digest begins so, oldest first."""


class Acts(Protocol):
    """Requests, revocations, waivers and broken glass."""

    def add(self, act: Act) -> None:
        """Record an act."""

    def of(self, subject_uid: str) -> tuple[Act, ...]:
        """Every act about a version, oldest first."""

    def of_each(self, subject_uids: Collection[str]) -> dict[str, tuple[Act, ...]]:
        """The same for many versions at once; those without any are left out."""

    def get(self, digest: str) -> Act:
        """The act of that name; else `NotFound`."""

    def named(self, prefix: str) -> tuple[Act, ...]:
        """Every act whose digest begins so, oldest first."""

    def all(self, kind: str) -> tuple[Act, ...]:
        """Every act of one kind, oldest first."""


class Signatures(Protocol):
    """Signatures over the statements of evidence, approvals and acts."""

    def add(self, record_digest: str, signature: Signature) -> None:
        """Record a signature over the record of that name."""

    def of(self, record_digests: Collection[str]) -> dict[str, tuple[Signature, ...]]:
        """The signatures over each of these records, oldest first; those without any are left out."""


class Decisions(Protocol):
    """Every answer the gate ever gave, and the frozen trees that allowed ones put into service."""

    def add(self, decision: Decision, frozen_uri: str | None) -> None:
        """Record a decision; `frozen_uri` is where its bytes were frozen, None for a denial."""

    def of(self, subject_uid: str) -> tuple[Decision, ...]:
        """Every decision on a version, oldest first."""

    def get(self, record_digest: str) -> Decision:
        """The decision of that name; else `NotFound`."""

    def frozen(self) -> tuple[tuple[Decision, str], ...]:
        """Every allowed decision with its frozen URI, oldest first."""

    def allowed(self, subject_uids: Collection[str]) -> tuple[tuple[Decision, str], ...]:
        """For each of these versions and each target the newest allowed decision, with its frozen URI."""

    def frozen_uris(self) -> frozenset[str]:
        """Every URI that an allowed decision put into service."""


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Decisions that stand in one place only, or twice, by digest; each sorted."""

    lost: tuple[str, ...]
    """Named in the log, not recorded."""
    unlogged: tuple[str, ...]
    """Recorded, not named in the log."""
    repeated: tuple[str, ...]
    """Named in the log more than once."""


class Promotions(Protocol):
    """What the log says of protected places, and whether it agrees with the decisions."""

    def standing(self, subject_uids: Collection[str]) -> tuple[Entry, ...]:
        """For each of these versions, target and change the newest entry, in order of the log.

        An entry is `promotion:allowed` where the version is still there, else `promotion:withdrawn`.
        """

    def unpaired(self) -> Unpaired:
        """Where decisions and log disagree."""


class AuditLog(Protocol):
    """The hash chain."""

    def append(self, at: datetime, actor: str, event: Event) -> Entry:
        """Seal the event onto the end of the chain; concurrent appends neither fork nor lose one."""

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Entries behind a position, in order, a page at a time."""

    def head(self) -> tuple[int, str]:
        """Position and hash of the last entry; (0, GENESIS) when there is none."""


class SpendLedger(Protocol):
    """Charges of privacy loss; a key is charged once, and a committed charge stays."""

    def reserve(self, spend: Spend) -> None:
        """Record a reservation; `Conflict` if the key is reserved or committed on that dataset."""

    def commit(self, spend: Spend) -> None:
        """Charge a training, whether or not it was reserved; a committed key stays as it was."""

    def release(self, key: str, dataset: str, at: datetime) -> None:
        """End a reservation; a committed charge is left alone."""

    def spends(self, dataset: str) -> tuple[Spend, ...]:
        """Every charge to that dataset in its newest state, oldest first."""

    def spends_each(self, datasets: Collection[str]) -> dict[str, tuple[Spend, ...]]:
        """The same for many datasets at once; those without any are left out."""


class PolicyArchive(Protocol):
    """The text of every policy a decision was made under, for the auditor who comes later."""

    def keep(self, digest: str, name: str, text: str, at: datetime) -> None:
        """Remember a policy's text by its digest."""

    def text(self, digest: str) -> str:
        """The text of the policy with that digest; else `NotFound`."""


@dataclass(frozen=True, slots=True)
class Books:
    """All stores over one transaction."""

    catalogue: Catalogue
    subjects: Subjects
    lineages: Lineages
    evidence: EvidenceStore
    approvals: Approvals
    acts: Acts
    signatures: Signatures
    decisions: Decisions
    promotions: Promotions
    audit: AuditLog
    ledger: SpendLedger
    policies: PolicyArchive


class Archive(Protocol):
    """Opens the books; everything written in one `writing()` is kept together or not at all."""

    def reading(self) -> AbstractContextManager[Books]:
        """Books for reading."""

    def writing(self) -> AbstractContextManager[Books]:
        """Books for writing, one writer at a time: what is read inside cannot change before the commit."""


class LineageSource(Protocol):
    """Reads what the tracking server knows about how a version came to be."""

    def read(self, subject: Subject) -> Lineage:
        """The lineage as it stands now; what cannot be read comes back as gaps, never as silence."""


class Artifacts(Protocol):
    """The bytes of model versions, wherever they lie."""

    def manifest(self, uri: str) -> Manifest:
        """List and hash the tree at a URI, streaming; `Undecided` if it cannot be read."""

    def freeze(self, uri: str) -> tuple[Manifest, str]:
        """Copy the tree to its content address, hashing on the way; the manifest and the frozen URI."""

    def holds(self, frozen_uri: str) -> bool:
        """Whether a frozen tree is still there."""

    def sweep(self, keep: frozenset[str]) -> tuple[str, ...]:
        """Remove what an interrupted freeze left, and frozen trees whose URI is not in `keep`.

        To be called inside `Archive.writing()`: a promotion looks at its frozen tree under the same lock.
        """


class Registry(Protocol):
    """The model registry as the command line sees it; the rim supplies it."""

    def resolve(self, model_uri: str) -> Subject:
        """The governed version that a `models:/` URI names; `NotFound` otherwise."""

    def location(self, subject: Subject) -> str:
        """The URI of the bytes that the registry serves for a version."""

    def promote(self, subject: Subject, alias: str) -> Decision:
        """Move an alias through the gate and return what was decided."""

    def load(self, subject: Subject) -> tuple[Any, Path]:
        """The model itself, in its native flavour, through MLflow's own loaders; and its files' folder."""

    def describe(self, subject: Subject) -> str:
        """What the version's owner wrote it is for; empty if nobody did."""

    def examine(self, now: datetime, repair: bool = False) -> tuple[Ailment, ...]:
        """Everything that is not as it should be, of discrepancies one a kind; with `repair`, less of it."""


@dataclass(frozen=True, slots=True)
class Ailment:
    """Something that is not as it should be, and what mends it."""

    kind: str
    """A fixed word such as `tampered-origin`, `ungated-alias`, `unfinished-freeze`."""
    subject: str
    observed: str
    expected: str
    remedy: str
    harmful: bool = True
    """False for what is merely worth knowing, such as a mended leftover."""


class Rim(Protocol):
    """The framework the registry lives in: everything of it that the command line needs."""

    @property
    def registry(self) -> Registry:
        """The registry."""

    @property
    def artifacts(self) -> Artifacts:
        """The bytes."""

    @property
    def lineage(self) -> LineageSource:
        """The tracking server."""

    def input_digest(self, frame: Any) -> str:
        """The framework's own digest of a table, by which a plainly logged input is recognised."""

    def inventory(self) -> Any:
        """The `inventory.Inventory` of the registry's tables, for reconciling."""

    def remote_desk(self) -> Any:
        """The `desk.Desk` of the server that the settings name, for commands away from the database."""

    def demonstrate(self, folder: Path, seed: int) -> None:
        """Do the main job on real data in a folder, talking all the way."""
