"""Evidence and manifests in a database, each under its digest."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import lru_cache

from sqlalchemy import Connection, select

from governance.canonical import canonical
from governance.domain.evidence import Evidence
from governance.domain.manifest import File, Manifest
from governance.errors import Undecided
from governance.storage.among import among
from governance.storage.intact import intact
from governance.storage.once import insert_once
from governance.storage.tables import evidence as table
from governance.storage.tables import manifests, sightings


class EvidenceStore:
    """Evidence by digest, and the manifests that the digests stand for; see `ports.EvidenceStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, evidence: Evidence) -> None:
        """Record evidence."""
        insert_once(
            self._connection,
            table,
            digest=evidence.digest,
            subject_digest=evidence.subject_digest,
            type=evidence.type.value,
            statement=canonical(evidence.statement()).decode(),
        )

    def about(self, subject_digest: str) -> tuple[Evidence, ...]:
        """All evidence about those bytes, oldest first."""
        return self.about_each([subject_digest]).get(subject_digest, ())

    def about_each(self, subject_digests: Collection[str]) -> dict[str, tuple[Evidence, ...]]:
        """The same for many at once; bytes without any evidence are left out."""
        rows = self._connection.execute(
            select(table.c.digest, table.c.statement, table.c.subject_digest)
            .where(among(self._connection, table.c.subject_digest, subject_digests))
            .order_by(table.c.position)
        )
        found: dict[str, list[Evidence]] = {}
        for name, statement, subject in rows:
            found.setdefault(subject, []).append(_evidence(name, statement, subject))
        return {digest: tuple(evidence) for digest, evidence in found.items()}

    def keep_manifest(self, uid: str, manifest: Manifest) -> None:
        """Remember that a version was seen with this manifest."""
        files = [[file.path, file.size, file.sha256] for file in manifest.files]
        insert_once(self._connection, manifests, digest=manifest.digest, files=canonical(files).decode())
        insert_once(self._connection, sightings, uid=uid, digest=manifest.digest)

    def manifest(self, digest: str) -> Manifest | None:
        """The manifest with that digest."""
        text = self._connection.scalar(select(manifests.c.files).where(manifests.c.digest == digest))
        if text is None:
            return None
        manifest = Manifest(tuple(File(*file) for file in json.loads(text)))
        intact("manifest", digest, manifest.digest)
        return manifest

    def seen(self, uid: str) -> tuple[str, ...]:
        """Digests of all manifests a version was seen with, oldest first."""
        return self.seen_each([uid]).get(uid, ())

    def seen_each(self, uids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The same for many versions at once; those never seen are left out."""
        rows = self._connection.execute(
            select(sightings.c.uid, sightings.c.digest)
            .where(among(self._connection, sightings.c.uid, uids))
            .order_by(sightings.c.position)
        )
        found: dict[str, list[str]] = {}
        for uid, digest in rows:
            found.setdefault(uid, []).append(digest)
        return {uid: tuple(digests) for uid, digests in found.items()}


# A promotion reads the same evidence twice, and its digest is most of the work. The whole row is the key.
@lru_cache(maxsize=128)
def _evidence(name: str, statement: str, subject_digest: str) -> Evidence:
    try:
        evidence = Evidence.from_statement(json.loads(statement))
    except ValueError as error:
        raise Undecided(
            f"evidence {name} cannot be read: {error}",
            "Install the release that recorded it, or a newer one.",
        ) from error
    intact("evidence", name, evidence.digest)
    # The column found it, the statement says what it is about: only together do they count.
    intact("subject of the evidence", subject_digest, evidence.subject_digest)
    return evidence
