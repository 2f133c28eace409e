"""What is in service held against its bytes, and against the policy as it judges today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.domain.dossier import Dossier
from governance.domain.label import Consent
from governance.domain.manifest import File, Manifest
from governance.domain.subject import Subject
from governance.errors import Undecided
from governance.memory.versions import EvidenceStore
from governance.ports import Books
from governance.promoting import assemble
from governance.reading_ahead import read_ahead

AS_CHAMPION = "models:/risk/1 as alias @champion of risk"
NEVER = "no decision ever allowed it"


def test_what_the_policy_would_refuse_today(clinic: Any) -> None:
    """Consent fell since: the version is stale, or, with the check waived, an exception until then."""
    clinic.champion()
    dataset = clinic.make.dataset()
    fallen = replace(clinic.make.label(), consent=Consent.INVALID)
    with clinic.registry.archive.writing() as books:
        books.catalogue.relabel(clinic.make.labelling(dataset, minutes=15, label=fallen))
    stale = "the policy would refuse it today: consent-valid"
    assert [("stale", AS_CHAMPION, stale)] == clinic.found()

    waiver = clinic.make.waiver(
        check="consent-valid",
        manifest_digest=clinic.manifest.digest,
        policy_digest=clinic.policy.digest,
        expires_at=clinic.make.later(60),
    )
    with clinic.registry.archive.writing() as books:
        books.acts.add(waiver)

    ((kind, what, observed),) = clinic.found()
    assert ("exceptional", AS_CHAMPION) == (kind, what)
    assert observed.startswith("consent-valid waived: ")
    assert f"waived by dora (dpo) until {clinic.make.later(60):%Y-%m-%d %H:%M} UTC" in observed
    assert [("stale", AS_CHAMPION, stale)] == clinic.found(now=clinic.make.later(61))


def test_on_behalf_of_whoever_asked_then(clinic: Any) -> None:
    """Nobody asks when a machine looks: the version is judged as if the same person asked again."""
    subject = clinic.register()
    clinic.promote(subject, "alias @champion of risk", actor="erin")
    clinic.serve(subject, clinic.frozen, aliases=("champion",))

    assert [] == clinic.found()


def test_a_version_that_cannot_be_judged(clinic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read concerns its version; the rest of the page is judged."""
    clinic.champion()
    clinic.register("u2", version=2, aliases=("champion",))

    def unreadable(*_: Any) -> Any:
        raise Undecided("evidence e was changed in the database\nmore")

    monkeypatch.setattr(EvidenceStore, "about", unreadable)

    assert [
        ("undecidable", AS_CHAMPION, "evidence e was changed in the database"),
        ("ungated-promotion", "models:/risk/2 as alias @champion of risk", NEVER),
    ] == clinic.found()


def test_frozen_trees(clinic: Any) -> None:
    """Whether they are there is always asked, what is in them only of who reads every byte."""
    clinic.champion()
    other = Manifest((File("MLmodel", 2, "b" * 64), File("evil", 1, "c" * 64)))
    clinic.registry.trees[clinic.frozen] = other
    assert [] == clinic.found()
    changed = ("tampered-frozen", f"models:/risk/1 at {clinic.frozen}", "MLmodel: changed; evil: added")
    assert [changed] == clinic.found(read_bytes=True)

    del clinic.registry.trees[clinic.frozen]

    assert [("lost-frozen", f"models:/risk/1 at {clinic.frozen}", "nothing is there")] == clinic.found()


def test_origins(clinic: Any) -> None:
    """Changed bytes where it came from are seen by who reads them; a missing origin is none."""
    clinic.champion()
    clinic.registry.trees["origin/u1"] = Manifest((File("MLmodel", 2, "b" * 64),))
    assert [] == clinic.found()
    ((kind, what, observed),) = clinic.found(read_bytes=True)
    assert ("tampered-origin", "models:/risk/1") == (kind, what)
    assert observed.startswith("MLmodel: changed (digest ")

    del clinic.registry.trees["origin/u1"]

    assert [] == clinic.found(read_bytes=True)


def test_reading_ahead_answers_as_the_books_do(clinic: Any) -> None:
    """What was read ahead and what was not: the same answers."""
    first, second = clinic.champion(), clinic.register("u2", version=2)
    with clinic.registry.archive.writing() as books:
        books.evidence.add(clinic.make.evidence(clinic.manifest.digest))
        books.evidence.keep_manifest("u1", Manifest(()))
        books.evidence.add(clinic.make.evidence(Manifest(()).digest))
        books.approvals.add(clinic.make.approval("u1"))
        books.acts.add(clinic.make.waiver("u1"))
        books.signatures.add(clinic.make.waiver("u1").digest, clinic.make.signature())
        books.ledger.commit(clinic.make.spend())

    clinic.copied("u2", "u1")

    def assembled(books: Books, subject: Subject) -> Dossier:
        return assemble(books, subject, clinic.manifest.digest, books.lineages.of(subject.uid))

    with clinic.registry.archive.reading() as books:
        ahead = read_ahead(books, {"u1": {clinic.manifest.digest}})
        for subject in (first, second):
            assert assembled(books, subject) == assembled(ahead, subject)
        assert 1 == len(assembled(ahead, first).stray)
