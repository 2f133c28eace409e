"""A version enters the registry: it gets a uid, its lineage is kept, its label is inherited."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from governance.domain.events import EvidenceRecorded, VersionDeleted, VersionRegistered, VersionRenamed
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.label import Inheritance, to_json
from governance.domain.lineage import Lineage
from governance.domain.manifest import Manifest
from governance.domain.mechanism import DpTraining
from governance.domain.signature import Signature
from governance.domain.subject import Subject, VersionName
from governance.labelling import inherit
from governance.ports import Books
from governance.spending import commit

Sign = Callable[[Mapping[str, Any]], Signature]
"""Signs a statement."""


def register(
    books: Books,
    subject: Subject,
    lineage: Lineage,
    manifest: Manifest | None,
    training: DpTraining | None,
    locations: Collection[str] = (),
    sign: Sign | None = None,
    inheritance: Inheritance | None = None,
) -> Inheritance:
    """Record a new version and everything its bytes say of themselves.

    Args:
        manifest: None when the bytes could not be read here; evidence then waits until they can.
        training: The facts of a DP training that the model's own metadata carries.
        locations: Where its bytes lie, in their canonical spelling.
        sign: Signs what the registry itself states, with the key that it has; None where it has none.
        inheritance: What the lineage passes on, where that was asked for in this transaction already.
    """
    books.subjects.add(subject)
    for location in locations:
        books.subjects.locate(subject.uid, location)
    books.lineages.add(subject.uid, lineage)
    inheritance = inherit(books, lineage) if inheritance is None else inheritance
    event = VersionRegistered(
        uid=subject.uid,
        version=str(subject.named),
        digest=manifest.digest if manifest else "unread",
        openssf_digest=manifest.openssf_digest if manifest else "unread",
        label=to_json(inheritance.effective),
        unknown=[c.source for c in inheritance.unknown],
    )
    books.audit.append(subject.registered_at, subject.registered_by, event)
    if manifest is not None:
        books.evidence.keep_manifest(subject.uid, manifest)
        if training is not None:
            now, by = subject.registered_at, subject.registered_by
            record_training(books, manifest.digest, training, now, by, sign)
    return inheritance


def record_training(
    books: Books, digest: str, training: DpTraining, now: datetime, by: str, sign: Sign | None = None
) -> Evidence:
    """Keep the facts of a DP training as evidence about the bytes that carry them, and charge for it."""
    evidence = Evidence(
        type=EvidenceType.DP_TRAINING,
        subject_digest=digest,
        producer="governance_mlflow.training",
        created_at=now,
        expires_at=None,
        body=training.to_json(),
        inputs=training.datasets,
    )
    if not any(e.type is evidence.type and e.body == evidence.body for e in books.evidence.about(digest)):
        record(books, evidence, now, by)
        if sign is not None:
            books.signatures.add(evidence.digest, sign(evidence.statement()))
    commit(books, training.datasets, training, key=training.key, by=by, now=now)
    return evidence


def record(books: Books, evidence: Evidence, now: datetime, by: str) -> None:
    """Keep one record of evidence and say so in the log."""
    books.evidence.add(evidence)
    event = EvidenceRecorded(evidence.digest, evidence.type.value, evidence.subject_digest)
    books.audit.append(now, by, event)


def rename(books: Books, subject: Subject, named: VersionName, now: datetime, by: str) -> None:
    """Follow a registered model to its new name; its decisions and evidence stay with it."""
    books.subjects.rename(subject.uid, named)
    books.audit.append(now, by, VersionRenamed(subject.uid, str(subject.named), str(named)))


def bury(books: Books, subject: Subject, now: datetime, by: str) -> None:
    """Record a deletion; a later version of the same name is another subject."""
    books.subjects.bury(subject.uid, now)
    books.audit.append(now, by, VersionDeleted(subject.uid, str(subject.named)))
