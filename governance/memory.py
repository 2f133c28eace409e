"""The ports in memory: for tests and dry runs, and gone with the process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import reduce

from governance.canonical import canonical
from governance.domain.approval import Approval
from governance.domain.budget import Spend, SpendState
from governance.domain.chain import GENESIS, Entry, seal
from governance.domain.dataset import Catalogued, Dataset, Labelling
from governance.domain.decision import Decision, Outcome
from governance.domain.events import Event
from governance.domain.evidence import Evidence
from governance.domain.lineage import Lineage
from governance.domain.manifest import Manifest
from governance.domain.subject import Subject, VersionName
from governance.errors import Conflict, NotFound, UsageError
from governance.ports import Books


@dataclass(slots=True)
class _State:
    """Containers of values that never change, so that a copy of the containers is a copy of all."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    labellings: list[Labelling] = field(default_factory=list)
    subjects: dict[str, Subject] = field(default_factory=dict)
    buried: dict[str, datetime] = field(default_factory=dict)
    readings: list[tuple[str, Lineage]] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    sightings: list[tuple[str, str]] = field(default_factory=list)
    approvals: dict[str, Approval] = field(default_factory=dict)
    decisions: dict[str, tuple[Decision, str | None]] = field(default_factory=dict)
    audit: list[Entry] = field(default_factory=list)
    spends: dict[tuple[str, str], Spend] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)

    def copied(self) -> _State:
        """The same values in containers of their own."""
        return _State(**{part.name: copy(getattr(self, part.name)) for part in fields(self)})


class MemoryArchive:
    """The books in memory; see `ports.Archive`."""

    def __init__(self) -> None:
        self._state = _State()
        self._gate = threading.RLock()
        self._inside = False

    @contextmanager
    def reading(self) -> Iterator[Books]:
        """Books for reading, as they stand now; what is written through them is dropped."""
        yield _books(self._state.copied())

    @contextmanager
    def writing(self) -> Iterator[Books]:
        """Books for writing, one writer at a time; kept when the block ends, dropped when it raises."""
        with self._gate:
            if self._inside:
                raise UsageError("writing() inside writing(): the inner change would be lost.")
            self._inside = True
            try:
                state = self._state.copied()
                yield _books(state)
                self._state = state
            finally:
                self._inside = False


def _books(state: _State) -> Books:
    return Books(
        catalogue=Catalogue(state),
        subjects=Subjects(state),
        lineages=Lineages(state),
        evidence=EvidenceStore(state),
        approvals=Approvals(state),
        decisions=Decisions(state),
        audit=AuditLog(state),
        ledger=SpendLedger(state),
        policies=PolicyArchive(state),
    )


class Catalogue:
    """Datasets and their labellings; see `ports.Catalogue`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def add(self, dataset: Dataset, labelling: Labelling) -> None:
        """Record a dataset with its first label; `Conflict` if its identity is catalogued already."""
        if labelling.dataset != dataset.identity:
            raise UsageError(f"The labelling is of {labelling.dataset}, the dataset is {dataset.identity}.")
        known = self._state.datasets.get(dataset.identity)
        if known is None:
            self._state.datasets[dataset.identity] = dataset
            self.relabel(labelling)
        elif (known, self.history(dataset.identity)[0]) != (dataset, labelling):
            raise Conflict(
                f"{dataset.identity} is catalogued already.",
                f"To label it anew: governance dataset relabel {dataset.name}",
            )

    def relabel(self, labelling: Labelling) -> None:
        """Add a labelling; `NotFound` if its dataset is not catalogued."""
        if labelling.dataset not in self._state.datasets:
            raise NotFound(
                f"No dataset {labelling.dataset} is catalogued.",
                "To see those that are: governance dataset list",
            )
        if (labelling,) != self.history(labelling.dataset)[-1:]:
            self._state.labellings.append(labelling)

    def named(self, name: str) -> tuple[Catalogued, ...]:
        """All datasets of that name (several contents may share one), newest last."""
        return tuple(entry for entry in self.all() if entry.dataset.name == name)

    def all(self) -> tuple[Catalogued, ...]:
        """Every dataset with its newest label, by name, then age."""
        newest = {labelling.dataset: labelling for labelling in self._state.labellings}
        found = [Catalogued(dataset, newest[name]) for name, dataset in self._state.datasets.items()]
        return tuple(sorted(found, key=lambda entry: entry.dataset.name))

    def history(self, identity: str) -> tuple[Labelling, ...]:
        """Every labelling of one dataset, oldest first."""
        return tuple(labelling for labelling in self._state.labellings if labelling.dataset == identity)


class Subjects:
    """Model versions by uid; see `ports.Subjects`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def add(self, subject: Subject) -> None:
        """Record a version; `Conflict` if a living version has that name."""
        known = self._state.subjects.get(subject.uid)
        if known is not None:
            if known != subject:
                raise Conflict(f"The uid {subject.uid} belongs to {known.named} already.")
            return
        self._free(subject.named)
        self._state.subjects[subject.uid] = subject

    def get(self, uid: str) -> Subject:
        """The version with that uid, living or buried, under its newest name; else `NotFound`."""
        if uid not in self._state.subjects:
            raise NotFound(f"No model version has the uid {uid}.")
        return self._state.subjects[uid]

    def find(self, named: VersionName) -> Subject | None:
        """The living version of that name."""
        for uid, subject in self._state.subjects.items():
            if subject.named == named and uid not in self._state.buried:
                return subject
        return None

    def living(self, name: str, workspace: str) -> tuple[Subject, ...]:
        """All living versions of a registered model, by version."""
        found = (
            subject
            for uid, subject in self._state.subjects.items()
            if (subject.named.name, subject.named.workspace) == (name, workspace)
            and uid not in self._state.buried
        )
        return tuple(sorted(found, key=lambda subject: subject.named.version))

    def rename(self, uid: str, named: VersionName) -> None:
        """Give a living version another name."""
        subject = self.get(uid)
        if uid in self._state.buried:
            raise Conflict(f"{subject.named} ({uid}) was deleted and cannot be renamed.")
        if subject.named == named:
            return
        self._free(named)
        self._state.subjects[uid] = replace(subject, named=named)

    def bury(self, uid: str, at: datetime) -> None:
        """Mark a version as deleted: its name is free, its record stays."""
        self.get(uid)
        self._state.buried.setdefault(uid, at)

    def _free(self, named: VersionName) -> None:
        holder = self.find(named)
        if holder is not None:
            raise Conflict(f"{named} is a living version already, with the uid {holder.uid}.")


class Lineages:
    """Readings of a version's lineage; see `ports.Lineages`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def add(self, uid: str, lineage: Lineage) -> None:
        """Record one reading."""
        # Only the newest is compared: a gap that closed and opened again is open.
        if [lineage] != [reading for owner, reading in self._state.readings if owner == uid][-1:]:
            self._state.readings.append((uid, lineage))

    def of(self, uid: str) -> Lineage:
        """All readings, each `then` the next; the empty lineage if there was none."""
        return reduce(
            Lineage.then, (reading for owner, reading in self._state.readings if owner == uid), Lineage()
        )


class EvidenceStore:
    """Evidence by digest, and the manifests that the digests stand for; see `ports.EvidenceStore`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def add(self, evidence: Evidence) -> None:
        """Record evidence."""
        # Written down and read back, so that nobody can change the body afterwards.
        statement = json.loads(canonical(evidence.statement()))
        self._state.evidence.setdefault(evidence.digest, Evidence.from_statement(statement))

    def about(self, subject_digest: str) -> tuple[Evidence, ...]:
        """All evidence about those bytes, oldest first."""
        return tuple(e for e in self._state.evidence.values() if e.subject_digest == subject_digest)

    def keep_manifest(self, uid: str, manifest: Manifest) -> None:
        """Remember that a version was seen with this manifest."""
        self._state.manifests[manifest.digest] = manifest
        if (uid, manifest.digest) not in self._state.sightings:
            self._state.sightings.append((uid, manifest.digest))

    def manifest(self, digest: str) -> Manifest | None:
        """The manifest with that digest."""
        return self._state.manifests.get(digest)

    def seen(self, uid: str) -> tuple[str, ...]:
        """Digests of all manifests a version was seen with, oldest first."""
        return tuple(digest for owner, digest in self._state.sightings if owner == uid)


class Approvals:
    """What reviewers said; see `ports.Approvals`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def add(self, approval: Approval) -> None:
        """Record a verdict."""
        self._state.approvals.setdefault(approval.digest, approval)

    def of(self, subject_uid: str) -> tuple[Approval, ...]:
        """Every verdict on a version, oldest first."""
        return tuple(a for a in self._state.approvals.values() if a.ground.subject_uid == subject_uid)


class Decisions:
    """Decisions by digest, with the frozen trees behind allowed ones; see `ports.Decisions`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def add(self, decision: Decision, frozen_uri: str | None) -> None:
        """Record a decision; `frozen_uri` is where its bytes were frozen, None for a denial."""
        name = decision.record_digest
        _, recorded = self._state.decisions.setdefault(name, (decision, frozen_uri))
        if recorded != frozen_uri:
            raise Conflict(f"Decision {name} is recorded with the frozen URI {recorded}.")

    def of(self, subject_uid: str) -> tuple[Decision, ...]:
        """Every decision on a version, oldest first."""
        return tuple(d for d, _ in self._state.decisions.values() if d.subject_uid == subject_uid)

    def get(self, record_digest: str) -> Decision:
        """The decision of that name; else `NotFound`."""
        if record_digest not in self._state.decisions:
            raise NotFound(f"No decision {record_digest} is recorded.")
        return self._state.decisions[record_digest][0]

    def frozen(self) -> tuple[tuple[Decision, str], ...]:
        """Every allowed decision with its frozen URI, oldest first."""
        return tuple(
            (decision, uri)
            for decision, uri in self._state.decisions.values()
            if uri is not None and decision.outcome is Outcome.ALLOWED
        )


class AuditLog:
    """The hash chain; see `ports.AuditLog`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def append(self, at: datetime, actor: str, event: Event) -> Entry:
        """Seal the event onto the end of the chain; concurrent appends neither fork nor lose one."""
        position, head = self.head()
        entry = seal(position + 1, at, actor, event.name, json.loads(canonical(event.body())), head)
        self._state.audit.append(entry)
        return entry

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Entries behind a position, in order."""
        return iter(self._state.audit[after:])

    def head(self) -> tuple[int, str]:
        """Position and hash of the last entry; (0, GENESIS) when there is none."""
        return (
            (self._state.audit[-1].position, self._state.audit[-1].hash)
            if self._state.audit
            else (0, GENESIS)
        )


class SpendLedger:
    """Reservations and charges; see `ports.SpendLedger`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def reserve(self, spend: Spend) -> None:
        """Record a reservation; `Conflict` if the key is reserved or committed on that dataset."""
        spend = replace(spend, state=SpendState.RESERVED)
        newest = self._state.spends.get((spend.dataset, spend.key))
        if newest != spend and newest is not None and newest.holds(spend.at):
            raise Conflict(
                f"The training {spend.key} is {newest.state.value} on {spend.dataset} already.",
                f"To see its charges: governance budget show {spend.dataset}",
            )
        self._state.spends[spend.dataset, spend.key] = spend

    def commit(self, spend: Spend) -> None:
        """Charge a training, whether or not it was reserved; a committed key stays as it was."""
        newest = self._state.spends.get((spend.dataset, spend.key))
        if newest is None or newest.state is not SpendState.COMMITTED:
            self._state.spends[spend.dataset, spend.key] = replace(spend, state=SpendState.COMMITTED)

    def release(self, key: str, dataset: str, at: datetime) -> None:
        """End a reservation; a committed charge is left alone."""
        newest = self._state.spends.get((dataset, key))
        if newest is not None and newest.state is SpendState.RESERVED:
            self._state.spends[dataset, key] = replace(newest, state=SpendState.RELEASED, at=at)

    def spends(self, dataset: str) -> tuple[Spend, ...]:
        """Every charge to that dataset in its newest state, oldest first."""
        return tuple(spend for (charged, _), spend in self._state.spends.items() if charged == dataset)


class PolicyArchive:
    """Policies by digest; see `ports.PolicyArchive`."""

    def __init__(self, state: _State) -> None:
        self._state = state

    def keep(self, digest: str, name: str, text: str, at: datetime) -> None:  # noqa: ARG002 - the port's arguments
        """Remember a policy's text by its digest."""
        self._state.policies.setdefault(digest, text)

    def text(self, digest: str) -> str:
        """The text of the policy with that digest; else `NotFound`."""
        if digest not in self._state.policies:
            raise NotFound(f"No policy with the digest {digest} was ever used here.")
        return self._state.policies[digest]
