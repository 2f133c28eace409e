"""The hash chain in a database: one row an entry, insert-only, read a page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from governance.canonical import canonical, instant, timestamp
from governance.domain.chain import GENESIS, Body, Entry, seal
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
            page = self._page(after)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].position

    def _page(self, after: int) -> list[Entry]:
        behind = audit.c.position > after
        try:
            rows = self._connection.execute(
                select(audit).where(behind).order_by(audit.c.position).limit(PAGE)
            )
            return [entry(row) for row in rows]
        except OperationalError as error:
            # SQLite keeps bytes that are no text where a text belongs; Python's driver then gives no row.
            if "decode" not in str(error.orig):
                raise
        positions = select(audit.c.position).where(behind).order_by(audit.c.position).limit(PAGE)
        return [self._alone(position) for position in self._connection.scalars(positions).all()]

    def _alone(self, position: int) -> Entry:
        try:
            return entry(self._connection.execute(select(audit).where(audit.c.position == position)).one())
        except OperationalError:
            return Entry(position, NEVER, "", "", Body(""), "", "")

    def head(self) -> tuple[int, str]:
        """Position and hash of the last entry; (0, GENESIS) when there is none."""
        row = self._connection.execute(
            select(audit.c.position, audit.c.hash).order_by(audit.c.position.desc()).limit(1)
        ).one_or_none()
        return (row.position, row.hash) if row is not None else (0, GENESIS)


def entry(row: Sequence[Any]) -> Entry:
    """A row of the table as an entry, whatever it holds."""
    # SQLite lets its owner put bytes or a number where a text belongs.
    position, at, actor, type, body, parent, hash = row
    return Entry(position, _at(at), str(actor), str(type), Body(str(body)), str(parent), str(hash))


NEVER = datetime.min.replace(tzinfo=timezone.utc)
"""The time of an entry that has no readable one, which breaks the chain there.

An exception instead would hide at which position it does.
"""


def _at(text: str) -> datetime:
    try:
        return instant(text)
    except (ValueError, TypeError):
        return NEVER
