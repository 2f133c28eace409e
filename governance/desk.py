"""What a person can ask of governance: each request one call, wherever the registry is.

The command line asks `LocalDesk` where it reaches the registry's database, and `RemoteDesk` where a
server stands before it; that server's REST interface asks its own `LocalDesk`. There is no second path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from governance import intents
from governance.approving import Answer, record
from governance.canonical import instant, timestamp
from governance.cataloguing import enter, relabel
from governance.documents import dataset_json, dataset_shown, label_json
from governance.domain.chain import Entry
from governance.domain.dataset import Catalogued, Dataset
from governance.domain.decision import Decision
from governance.domain.dossier import Asking, Dossier
from governance.domain.label import Label
from governance.domain.signature import Signature
from governance.domain.subject import Subject
from governance.errors import NotFound, UsageError
from governance.intents import Intent, Matter
from governance.policy.document import Policy, Target
from governance.ports import Archive, Books, Rim
from governance.promoting import Change, assemble, check
from governance.spending import account
from governance.submitting import submit


@dataclass(frozen=True, slots=True)
class Drafted:
    """What somebody is about to say, ready to be signed."""

    at: str
    """When it was drafted, as `canonical.timestamp` writes it; it is handed in with the same time."""
    statement: Mapping[str, Any]
    """The in-toto Statement; a signature is over its canonical bytes."""
    shown: Mapping[str, str]
    """What it is about, in words, by heading."""


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A version as it lies here."""

    model: Any
    """What MLflow's own loaders made of it."""
    subject: Mapping[str, Any]
    """Its name, its number and the digest of its bytes."""
    folder: Path
    """Of its files."""


class Desk(Protocol):
    """Every request that commands and the REST interface know; each raises `GovernanceError` alone."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""

    @property
    def actor(self) -> str:
        """Who asks."""

    def label(self, model: str) -> dict[str, Any]:
        """`governance/label/v1`: what a version inherits, and because of what."""

    def check(self, model: str, target: str) -> Decision:
        """What the gate would answer; nothing is changed and nothing is recorded."""

    def promote(self, model: str, target: str) -> Decision:
        """Move a target's alias to a version, if the policy allows it."""

    def opened(self, model: str) -> AbstractContextManager[Opened]:
        """A version to be assessed: loaded, its files at hand while it is open."""

    def submit(self, model: str, statement: Mapping[str, Any], signatures: Sequence[Signature]) -> str:
        """Record evidence about a version's bytes; the digest that names it."""

    def draft(self, intent: Intent) -> Drafted:
        """What an intent comes to, to be looked at and signed; nothing is recorded."""

    def hand_in(self, intent: Intent, at: str, signature: Signature | None) -> tuple[str, dict[str, Any]]:
        """Record what was drafted at that time: the kind of its document, and the document."""

    def report(self, model: str, target: str, form: str) -> str:
        """The report of a version as `html`, `md` or `json`."""

    def input_digest(self, frame: Any) -> str:
        """The registry's own digest of a table, by which a plainly logged input is recognised."""

    def catalogue(self, dataset: Dataset, label: Label, reason: str) -> dict[str, Any]:
        """`governance/dataset/v1`: record a described dataset with its first label."""

    def datasets(self, name: str | None = None) -> list[dict[str, Any]]:
        """Every catalogued dataset, or those of one name, with words, history and charges."""

    def relabel(self, name: str, label: Label, reason: str) -> None:
        """Give a dataset another label."""

    def decisions(self, model: str) -> tuple[Decision, ...]:
        """Every decision on a version, oldest first."""

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The audit log behind a position, oldest first."""

    def head(self) -> tuple[int, str]:
        """Where the audit log ends: position and hash."""


class LocalDesk:
    """The desk beside the registry's own database."""

    def __init__(
        self, archive: Archive, rim: Rim, policy: Callable[[], Policy], asking: Callable[[], Asking]
    ) -> None:
        self.archive = archive
        self.rim = rim
        self._policy = policy
        self.asking = asking

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy()

    @property
    def actor(self) -> str:
        """Who asks.

        Raises:
            UsageError: nobody was identified, and only somebody can answer for what they do.
        """
        if not self.asking().actor:
            raise UsageError("Nobody was identified.", "Sign in to the server.")
        return self.asking().actor or ""

    def label(self, model: str) -> dict[str, Any]:
        """`governance/label/v1`: what a version inherits, and because of what."""
        return label_json(*self.dossier(model))

    def check(self, model: str, target: str) -> Decision:
        """What the gate would answer; nothing is changed and nothing is recorded."""
        policy, registry = self.policy, self.rim.registry
        subject = registry.resolve(model)
        place, words = self.place(target, subject)
        uri = registry.location(subject)
        change = Change(subject, uri, place, words, "not asked")
        digest, lineage = self.rim.artifacts.manifest(uri).digest, self.rim.lineage.read(subject)
        with self.archive.reading() as books:
            return check(books, policy, change, digest, lineage, self.asking())

    def promote(self, model: str, target: str) -> Decision:
        """Move a target's alias to a version, if the policy allows it."""
        subject = self.rim.registry.resolve(model)
        place, alias = self.policy.resolve(target, subject.named.name)
        if alias is None:
            raise UsageError(
                f"Target {place.name!r} protects no alias, so there is none to move.",
                "Copy the version into a protected name with MlflowClient().copy_model_version.",
            )
        return self.rim.registry.promote(subject, alias)

    @contextmanager
    def opened(self, model: str) -> Iterator[Opened]:
        """A version to be assessed: loaded, its files at hand while it is open."""
        registry = self.rim.registry
        subject = registry.resolve(model)
        digest = self.rim.artifacts.manifest(registry.location(subject)).digest
        named = {"name": subject.named.name, "version": subject.named.version, "digest": digest}
        loaded, folder = registry.load(subject)
        yield Opened(loaded, named, folder)

    def submit(self, model: str, statement: Mapping[str, Any], signatures: Sequence[Signature]) -> str:
        """Record evidence about a version's bytes; the digest that names it."""
        subject, policy, now = self.rim.registry.resolve(model), self.policy, self.asking().at
        digest = self.rim.artifacts.manifest(self.rim.registry.location(subject)).digest
        with self.archive.writing() as books:
            found = submit(books, policy, statement, signatures, digest=digest, by=self.actor, now=now)
        return found.digest

    def draft(self, intent: Intent) -> Drafted:
        """What an intent comes to, to be looked at and signed; nothing is recorded."""
        now = self.asking().at
        answer, matter = self._drafted(intent, now)
        seen = intents.shown(matter, now) if isinstance(matter, Matter) else {"version": str(matter.named)}
        return Drafted(timestamp(now), answer.statement(), seen)

    def hand_in(self, intent: Intent, at: str, signature: Signature | None) -> tuple[str, dict[str, Any]]:
        """Record what was drafted at that time: the kind of its document, and the document."""
        now = self.asking().at
        try:
            drafted_at = instant(at)
        except ValueError as error:
            raise UsageError(
                f"{at!r} is no time of a draft.", "Hand in the time that the draft says."
            ) from error
        if not now - intents.SIGNING_TIME <= drafted_at <= now:
            raise UsageError(f"The draft of {at} is not of the last minutes.", "Draft it again.")
        answer, matter = self._drafted(intent, drafted_at)
        with self.archive.writing() as books:
            record(books, self.policy, answer, signature)
        subject = matter.subject if isinstance(matter, Matter) else matter
        return intents.kind_of(answer), intents.document(answer, subject, signature)

    def _drafted(self, intent: Intent, now: datetime) -> tuple[Answer, Matter | Subject]:
        by, groups, policy = self.actor, self.asking().groups, self.policy
        if intent.kind == "revocation":
            with self.archive.reading() as books:
                taken = intents.draft_taking_back(intent, books, policy, by, groups, now)
                return taken, books.subjects.get(taken.subject_uid)
        subject, dossier = self.dossier(intent.model)
        matter = Matter(subject, dossier, self.place(intent.target, subject)[0], policy)
        return intents.draft(intent, matter, by, groups, now), matter

    def report(self, model: str, target: str, form: str) -> str:
        """The report of a version as `html`, `md` or `json`; its digest goes into the audit log."""
        from governance.reports.answering import answer, publish

        subject, dossier = self.dossier(model)
        place, words = self.place(target, subject)
        asking, purpose = self.asking(), self.rim.registry.describe(subject)
        with self.archive.writing() as books:
            facts = answer(books, dossier, self.policy, place, asking, change=words, purpose=purpose)
            return publish(books, facts, form, subject, asking.at, self.actor)

    def input_digest(self, frame: Any) -> str:
        """The registry's own digest of a table, by which a plainly logged input is recognised."""
        return self.rim.input_digest(frame)

    def catalogue(self, dataset: Dataset, label: Label, reason: str) -> dict[str, Any]:
        """`governance/dataset/v1`: record a described dataset with its first label."""
        asking = self.asking()
        dataset = replace(dataset, catalogued_at=asking.at, catalogued_by=self.actor)
        with self.archive.writing() as books:
            labelling = enter(books, dataset, label, reason)
            return dataset_json(Catalogued(dataset, labelling), account(books, dataset.name))

    def datasets(self, name: str | None = None) -> list[dict[str, Any]]:
        """Every catalogued dataset, or those of one name, with words, history and charges."""
        with self.archive.reading() as books:
            entries = books.catalogue.all() if name is None else books.catalogue.named(name)
            found = [dataset_shown(e, account(books, e.dataset.name), _history(books, e)) for e in entries]
        if name is not None and not found:
            raise NotFound(
                f"No dataset is catalogued as {name!r}.", "See what there is: governance dataset list"
            )
        return found

    def relabel(self, name: str, label: Label, reason: str) -> None:
        """Give a dataset another label; every version trained on it is judged by the new one."""
        with self.archive.writing() as books:
            relabel(books, name, label, by=self.actor, now=self.asking().at, reason=reason)

    def decisions(self, model: str) -> tuple[Decision, ...]:
        """Every decision on a version, oldest first."""
        subject = self.rim.registry.resolve(model)
        with self.archive.reading() as books:
            return books.decisions.of(subject.uid)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The audit log behind a position, oldest first."""
        with self.archive.reading() as books:
            yield from books.audit.entries(after)

    def head(self) -> tuple[int, str]:
        """Where the audit log ends: position and hash."""
        with self.archive.reading() as books:
            return books.audit.head()

    def dossier(self, model: str) -> tuple[Subject, Dossier]:
        """The version that a MODEL argument names, and all that is known of it and its bytes."""
        registry = self.rim.registry
        subject = registry.resolve(model)
        digest = self.rim.artifacts.manifest(registry.location(subject)).digest
        lineage = self.rim.lineage.read(subject)
        with self.archive.reading() as books:
            return subject, assemble(books, subject, digest, lineage)

    def place(self, target: str, subject: Subject) -> tuple[Target, str]:
        """The target that a word means for a version, and the change it stands for, in words."""
        place, alias = self.policy.resolve(target, subject.named.name)
        name = subject.named.name
        return place, f"alias @{alias} of {name}" if alias else f"a version in {place.name}"


def _history(books: Books, entry: Catalogued) -> list[dict[str, str]]:
    return [
        {"at": timestamp(labelling.at), "by": labelling.by, "reason": labelling.reason}
        for labelling in books.catalogue.history(entry.dataset.identity)
    ]
