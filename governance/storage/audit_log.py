"""The hash chain in a database: one row an entry, insert-only, read a page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, Row, select

from governance.canonical import canonical, instant, timestamp
from governance.domain.chain import GENESIS, Entry, seal
from governance.domain.events import Event
from governance.storage.tables import audit

PAGE = 1_000
"""Entries fetched at once."""


class AuditLog:
    """The chain; see `ports.AuditLog`. The caller holds the gate, so the head cannot move meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, at: datetime, actor: str, event: Event) -> Entry:
        """Seal the event onto the end of the chain; concurrent appends neither fork nor lose one."""
        position, head = self.head()
        text = canonical(event.body()).decode()
        entry = seal(position + 1, at, actor, event.name, json.loads(text), head)
        self._connection.execute(
            audit.insert().values(
                position=entry.position,
                at=timestamp(at),
                actor=actor,
                type=entry.type,
                body=text,
                parent=head,
                hash=entry.hash,
            )
        )
        return entry

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Entries behind a position, in order, a page at a time."""
        while True:
            page = self._connection.execute(
                select(audit).where(audit.c.position > after).order_by(audit.c.position).limit(PAGE)
            ).all()
            yield from map(_entry, page)
            if len(page) < PAGE:
                return
            after = page[-1].position

    def head(self) -> tuple[int, str]:
        """Position and hash of the last entry; (0, GENESIS) when there is none."""
        row = self._connection.execute(
            select(audit.c.position, audit.c.hash).order_by(audit.c.position.desc()).limit(1)
        ).one_or_none()
        return (row.position, row.hash) if row is not None else (0, GENESIS)


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.position, _at(row.at), row.actor, row.type, _body(row.body), row.parent, row.hash)


def _at(text: str) -> datetime:
    # A time or a body that somebody made unreadable must come back as one that breaks the chain:
    # an exception here would hide at which position it does.
    try:
        return instant(text)
    except ValueError:
        return datetime.min.replace(tzinfo=timezone.utc)


def _body(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
        if isinstance(body, dict) and canonical(body).decode() == text:
            return body
    except (ValueError, RecursionError):
        pass
    return {"unreadable": text}
