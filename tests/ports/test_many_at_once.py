"""Questions about many at once: answered as they would be one by one, on every kind of archive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from governance.domain.decision import Status
from governance.domain.lineage import DatasetUse, Lineage

MANY = [f"u{number}" for number in range(50)]


def test_versions_by_uid(archive: Any, make: Any) -> None:
    """Living and buried; a uid that nobody has is left out."""
    with archive.writing() as books:
        for version, uid in enumerate(MANY, 1):
            books.subjects.add(make.subject(uid, version=version))
        books.subjects.bury("u3", make.noon)

    with archive.reading() as books:
        one_by_one = {uid: books.subjects.get(uid) for uid in MANY}
        assert one_by_one == books.subjects.get_each([*MANY, "nobody"])
        assert {} == books.subjects.get_each([])


def test_evidence_by_the_bytes_it_is_about(archive: Any, make: Any) -> None:
    """Oldest first; bytes that nobody measured are left out."""
    with archive.writing() as books:
        for minutes in (3, 1, 2):
            for digest in ("a" * 64, "b" * 64):
                books.evidence.add(make.evidence(digest, created_at=make.later(minutes)))

    with archive.reading() as books:
        found = books.evidence.about_each(["a" * 64, "b" * 64, "c" * 64])
        assert {digest: books.evidence.about(digest) for digest in ("a" * 64, "b" * 64)} == found
        assert [3, 3] == [len(evidence) for evidence in found.values()]
        assert {} == books.evidence.about_each([])


def test_manifests_by_version(archive: Any, make: Any) -> None:
    """In the order in which they were seen."""
    first, second = make.manifest("a"), make.manifest("b")
    with archive.writing() as books:
        for uid, manifest in (("u1", second), ("u1", first), ("u2", first), ("u1", second)):
            books.evidence.keep_manifest(uid, manifest)

    with archive.reading() as books:
        assert {"u1": (second.digest, first.digest), "u2": (first.digest,)} == books.evidence.seen_each(
            ["u1", "u2", "u3"]
        )


def test_approvals_and_acts_by_version(archive: Any, make: Any) -> None:
    """Oldest first, each version its own."""
    approvals = [make.approval(uid, at=make.later(n)) for uid in ("u1", "u2") for n in (2, 1)]
    acts = [make.waiver(uid, at=make.later(n)) for uid in ("u1", "u2") for n in (2, 1)]
    with archive.writing() as books:
        for approval, act in zip(approvals, acts, strict=True):
            books.approvals.add(approval)
            books.acts.add(act)

    with archive.reading() as books:
        assert {"u1": tuple(approvals[:2]), "u2": tuple(approvals[2:])} == books.approvals.of_each(
            ["u1", "u2", "u3"]
        )
        assert {"u1": tuple(acts[:2])} == books.acts.of_each(["u1", "u3"])


def test_charges_by_dataset(archive: Any, make: Any) -> None:
    """Each in its newest state, where its key first stood."""
    with archive.writing() as books:
        for key in ("k1", "k2"):
            books.ledger.reserve(make.spend(key))
        books.ledger.commit(make.spend("k1", minutes=5))
        books.ledger.commit(make.spend("k3", dataset="stays"))

    with archive.reading() as books:
        assert {
            "visits": books.ledger.spends("visits"),
            "stays": books.ledger.spends("stays"),
        } == books.ledger.spends_each(["visits", "stays", "nothing"])
        assert ["k1", "k2"] == [spend.key for spend in books.ledger.spends_each(["visits"])["visits"]]


def test_the_newest_allowed_decision_by_version_and_target(archive: Any, make: Any) -> None:
    """Denials and older ones are left out, and so are other versions; in the order of their recording."""
    old, denied, new, elsewhere, other, not_asked = (
        make.decision("u1"),
        make.decision("u1", Status.FAILED, at=make.later(2)),
        make.decision("u1", at=make.later(1)),
        make.decision("u1", target="released"),
        make.decision("u2"),
        make.decision("u3"),
    )
    with archive.writing() as books:
        for decision, uri in (
            (old, "a"),
            (elsewhere, "a"),
            (new, "b"),
            (denied, None),
            (other, "c"),
            (not_asked, "d"),
        ):
            books.decisions.add(decision, uri)

    with archive.reading() as books:
        assert ((elsewhere, "a"), (new, "b"), (other, "c")) == books.decisions.allowed(["u1", "u2"])
        assert () == books.decisions.allowed([])
        assert {"a", "b", "c", "d"} == books.decisions.frozen_uris()


def test_lineages_of_many(archive: Any) -> None:
    """A version with more readings than one has them added up."""
    use = DatasetUse("r", "n", "d", "s", "c")
    with archive.writing() as books:
        for uid in MANY:
            books.lineages.add(uid, Lineage((use,)))
        books.lineages.add("u1", Lineage((replace(use, name="another"),)))

    with archive.reading() as books:
        assert {uid: books.lineages.of(uid) for uid in MANY} == books.lineages.of_each(MANY)
