"""The conformance suite of `ports.EvidenceStore`."""

from __future__ import annotations

from typing import Any

from governance.domain.evidence import EvidenceType


def test_evidence_comes_back_as_it_went_in(archive: Any, make: Any) -> None:
    """Every field survives, and so does the digest; the same evidence twice is one."""
    evidence = make.evidence()
    with archive.writing() as books:
        books.evidence.add(evidence)
        books.evidence.add(evidence)

    with archive.reading() as books:
        (found,) = books.evidence.about(evidence.subject_digest)
        assert evidence == found
        assert evidence.digest == found.digest


def test_evidence_comes_in_the_order_of_recording(archive: Any, make: Any) -> None:
    """Oldest first, only about the bytes asked for."""
    first = make.evidence()
    second = make.evidence(type=EvidenceType.DPIA, expires_at=None, body={})
    third = make.evidence(producer="somebody else")
    with archive.writing() as books:
        for evidence in (first, make.evidence("9" * 64), second, third):
            books.evidence.add(evidence)

    with archive.reading() as books:
        assert (first, second, third) == books.evidence.about("b" * 64)
        assert () == books.evidence.about("0" * 64)


def test_what_was_recorded_cannot_be_changed_through_the_body(archive: Any, make: Any) -> None:
    """Neither the caller's dictionary nor a reader's reaches into the record."""
    body: dict[str, Any] = {"auc": 0.5, "curve": [[0.0, 0.0]]}
    with archive.writing() as books:
        books.evidence.add(make.evidence(body=body))
    body["auc"] = 1.0
    body["curve"].append([1.0, 1.0])

    with archive.reading() as books:
        assert {"auc": 0.5, "curve": [[0.0, 0.0]]} == books.evidence.about("b" * 64)[0].body


def test_a_manifest_is_kept_under_its_digest(archive: Any, make: Any) -> None:
    """Files, sizes beyond 32 bits and names come back; an unknown digest is None."""
    manifest = make.manifest("données/größe.bin")
    with archive.writing() as books:
        books.evidence.keep_manifest("u1", manifest)
        books.evidence.keep_manifest("u1", manifest)

    with archive.reading() as books:
        assert manifest == books.evidence.manifest(manifest.digest)
        assert books.evidence.manifest("0" * 64) is None
        assert (manifest.digest,) == books.evidence.seen("u1")


def test_a_version_is_seen_with_many_manifests(archive: Any, make: Any) -> None:
    """Oldest sighting first, each once, whoever else was seen with the same bytes."""
    one, two = make.manifest("one"), make.manifest("two")
    with archive.writing() as books:
        for uid, manifest in (("u1", two), ("u2", one), ("u1", one), ("u1", two)):
            books.evidence.keep_manifest(uid, manifest)

    with archive.reading() as books:
        assert (two.digest, one.digest) == books.evidence.seen("u1")
        assert (one.digest,) == books.evidence.seen("u2")
        assert () == books.evidence.seen("u3")
