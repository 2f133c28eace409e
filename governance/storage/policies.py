"""The text of every policy a decision was made under, in a database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from governance.canonical import timestamp
from governance.errors import NotFound
from governance.storage.once import insert_once
from governance.storage.tables import policies


class PolicyArchive:
    """Policies by digest; see `ports.PolicyArchive`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, digest: str, name: str, text: str, at: datetime) -> None:
        """Remember a policy's text by its digest."""
        insert_once(self._connection, policies, digest=digest, name=name, text=text, at=timestamp(at))

    def text(self, digest: str) -> str:
        """The text of the policy with that digest; else `NotFound`."""
        text: str | None = self._connection.scalar(select(policies.c.text).where(policies.c.digest == digest))
        if text is None:
            raise NotFound(f"No policy with the digest {digest} was ever used here.")
        return text
