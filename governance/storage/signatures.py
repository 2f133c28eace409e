"""Signatures over records, in a database."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from governance.domain.signature import Signature
from governance.storage.among import among
from governance.storage.tables import signatures


class Signatures:
    """Signatures over evidence, approvals and acts; see `ports.Signatures`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, record_digest: str, signature: Signature) -> None:
        """Record a signature over the record of that name."""
        if signature not in self.of([record_digest]).get(record_digest, ()):
            self._connection.execute(
                signatures.insert().values(
                    record_digest=record_digest,
                    keyid=signature.keyid,
                    algorithm=signature.algorithm,
                    value=signature.value,
                )
            )

    def of(self, record_digests: Collection[str]) -> dict[str, tuple[Signature, ...]]:
        """The signatures over each of these records, oldest first; those without any are left out."""
        rows = self._connection.execute(
            select(signatures)
            .where(among(self._connection, signatures.c.record_digest, record_digests))
            .order_by(signatures.c.position)
        )
        found: dict[str, tuple[Signature, ...]] = {}
        for row in rows:
            signature = Signature(row.keyid, row.algorithm, row.value)
            found[row.record_digest] = (*found.get(row.record_digest, ()), signature)
        return found
