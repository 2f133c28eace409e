"""A version enters the registry: what its bytes say is kept and charged once, whatever it is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.label import TOP, to_json
from governance.domain.lineage import DatasetUse, Lineage, Parent, ParentKind
from governance.domain.mechanism import SampledGaussian
from governance.domain.subject import VersionName
from governance.errors import Conflict, NotFound
from governance.memory import MemoryArchive
from governance.ports import Books
from governance.registering import bury, record_training, register, rename

VISITS = Lineage((DatasetUse("r1", "visits", "0a1b2c3d", "s3://clinic/visits.parquet", "training"),))


@pytest.fixture
def books(make: Any) -> Books:
    """The books with `visits` in the catalogue."""
    with MemoryArchive().reading() as books:
        books.catalogue.add(make.dataset(), make.labelling(make.dataset()))
    return books


def log(books: Books) -> list[tuple[str, str]]:
    """The audit log as (actor, type)."""
    return [(entry.actor, entry.type) for entry in books.audit.entries()]


def test_a_version_inherits_when_it_is_registered(books: Books, make: Any) -> None:
    """It gets a record, its lineage and manifest are kept, and the log has its label in full."""
    subject, manifest, label = make.subject(), make.manifest(), make.label()

    found = register(books, subject, VISITS, manifest, None)

    assert (label, label) == (found.effective, books.catalogue.named("visits")[0].label)
    assert (subject, VISITS, (manifest.digest,)) == (
        books.subjects.find(subject.named),
        books.lineages.of("u1"),
        books.evidence.seen("u1"),
    )
    (entry,) = books.audit.entries()
    assert ("version:registered", "ada", make.noon) == (entry.type, entry.actor, entry.at)
    assert {
        "uid": "u1",
        "version": "models:/visits/1",
        "digest": manifest.digest,
        "openssf_digest": manifest.openssf_digest,
        "label": to_json(label),
        "unknown": [],
    } == entry.body


def test_unread_bytes_and_unknown_data_are_said_to_be_so(books: Books, make: Any) -> None:
    """A version whose bytes cannot be read here is registered all the same, with the highest label."""
    found = register(books, make.subject(), Lineage(), None, None)

    (entry,) = books.audit.entries()
    assert TOP == found.effective
    assert ("unread", ["unrecorded training data"]) == (entry.body["digest"], entry.body["unknown"])
    assert () == books.evidence.seen("u1")


def test_a_living_name_is_not_taken_twice(books: Books, make: Any) -> None:
    """The registry's own rule, kept here too."""
    register(books, make.subject(), VISITS, None, None)

    with pytest.raises(Conflict, match="models:/visits/1 is a living version already"):
        register(books, make.subject("u2"), VISITS, None, None)


def test_a_private_training_is_kept_as_evidence_and_charged(books: Books, make: Any) -> None:
    """The facts become evidence about the very bytes that carry them, and every dataset pays."""
    training, manifest = replace(make.training(), datasets=("visits", "notes")), make.manifest()

    register(books, make.subject(), VISITS, manifest, training)

    assert (
        Evidence(
            EvidenceType.DP_TRAINING,
            manifest.digest,
            "governance_mlflow.training",
            make.noon,
            None,
            training.to_json(),
            ("visits", "notes"),
        ),
    ) == books.evidence.about(manifest.digest)
    assert [("k1", training)] * 2 == [
        (spend.key, spend.training) for name in ("visits", "notes") for spend in books.ledger.spends(name)
    ]
    assert [
        ("ada", "version:registered"),
        ("ada", "evidence:recorded"),
        ("ada", "budget:committed"),
        ("ada", "budget:committed"),
    ] == log(books)


def test_a_copy_costs_nothing(books: Books, make: Any) -> None:
    """The same bytes under another name, later and by somebody else: no second charge or evidence."""
    manifest, training = make.manifest(), make.training()
    register(books, make.subject(), VISITS, manifest, training)
    copied = Lineage(parents=(Parent(ParentKind.COPIED_FROM, "models:/visits/1", "u1"),))
    copy = make.subject("u2", "served", registered_at=make.later(9), registered_by="bob")

    register(books, copy, copied, manifest, training)

    assert (1, 1) == (len(books.ledger.spends("visits")), len(books.evidence.about(manifest.digest)))
    assert ("bob", "version:registered") == log(books)[-1]


def test_a_second_release_of_one_training_costs_nothing(books: Books, make: Any) -> None:
    """The same training saved twice gives other bytes with the same facts: evidence for both, one charge."""
    for uid, version in (("u1", 1), ("u2", 2)):
        manifest = make.manifest(f"{uid}.bin")
        register(books, make.subject(uid, version=version), VISITS, manifest, make.training())
        assert 1 == len(books.evidence.about(manifest.digest))

    assert ["k1"] == [spend.key for spend in books.ledger.spends("visits")]


def test_another_training_under_a_used_key_is_charged_beside_it(books: Books, make: Any) -> None:
    """A key that was paid for carries no longer training for free."""
    first = make.training()
    longer = replace(first, phases=(SampledGaussian(1.1, 0.004, 5000),))
    for version, training in ((1, first), (2, longer)):
        manifest = make.manifest(f"{version}.bin")
        register(books, make.subject(f"u{version}", version=version), VISITS, manifest, training)

    assert [first, longer] == [spend.training for spend in books.ledger.spends("visits")]


def test_later_facts_about_the_same_bytes_stand_beside_the_first(books: Books, make: Any) -> None:
    """The same facts again change nothing; others are another record."""
    first, second = make.training(), replace(make.training(), hazards=())
    for minutes, training in ((0, first), (1, first), (2, second)):
        record_training(books, "b" * 64, training, make.later(minutes), "ada")

    bodies = [first.to_json(), second.to_json()]
    assert bodies == [evidence.body for evidence in books.evidence.about("b" * 64)]
    assert ["evidence:recorded", "budget:committed", "evidence:recorded"] == [name for _, name in log(books)]


def test_a_rename_keeps_the_uid(books: Books, make: Any) -> None:
    """Everything hangs on the uid, so everything follows."""
    subject, named = make.subject(), VersionName("hazard", 1)
    register(books, subject, VISITS, None, None)

    rename(books, subject, named, make.later(1), "bob")

    assert replace(subject, named=named) == books.subjects.find(named)
    *_, entry = books.audit.entries()
    body = {"uid": "u1", "before": "models:/visits/1", "after": "models:/hazard/1"}
    assert ("version:renamed", "bob", body) == (entry.type, entry.actor, entry.body)


def test_a_deletion_frees_the_name_and_keeps_the_record(books: Books, make: Any) -> None:
    """A version of the same name is another subject afterwards."""
    subject = make.subject()
    register(books, subject, VISITS, None, None)

    bury(books, subject, make.later(1), "bob")
    register(books, make.subject("u2"), VISITS, None, None)

    assert (subject, "u2") == (
        books.subjects.get("u1"),
        getattr(books.subjects.find(subject.named), "uid", ""),
    )
    assert [("ada", "version:registered"), ("bob", "version:deleted"), ("ada", "version:registered")] == log(
        books
    )


def test_what_was_never_registered_cannot_be_renamed(books: Books, make: Any) -> None:
    """There is nothing to follow."""
    with pytest.raises(NotFound):
        rename(books, make.subject("u9"), VersionName("x", 1), make.noon, "bob")
    assert [] == log(books)


def test_what_the_registry_states_itself_it_signs(books: Books, make: Any) -> None:
    """No person records the facts of a DP training, so a key of the registry answers for them."""
    signed: list[Any] = []

    def sign(statement: Any) -> Any:
        signed.append(statement)
        return make.signature()

    register(books, make.subject(), VISITS, make.manifest(), make.training(), sign=sign)

    (evidence,) = books.evidence.about(make.manifest().digest)
    assert [evidence.statement()] == signed
    assert {evidence.digest: (make.signature(),)} == books.signatures.of([evidence.digest])
