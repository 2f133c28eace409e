"""What people did around promotions, in a database."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, select

from governance.canonical import canonical
from governance.domain.review import Act, act_from_json
from governance.errors import NotFound, Undecided
from governance.storage.among import among
from governance.storage.intact import intact
from governance.storage.tables import acts


class Acts:
    """Requests, revocations, waivers and broken glass; see `ports.Acts`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, act: Act) -> None:
        """Record an act."""
        name = act.digest
        if self._connection.scalar(select(acts.c.digest).where(acts.c.digest == name)) is None:
            record = canonical(act.to_json()).decode()
            self._connection.execute(
                acts.insert().values(digest=name, subject_uid=act.subject_uid, kind=act.kind, record=record)
            )

    def of(self, subject_uid: str) -> tuple[Act, ...]:
        """Every act about a version, oldest first."""
        return self.of_each([subject_uid]).get(subject_uid, ())

    def of_each(self, subject_uids: Collection[str]) -> dict[str, tuple[Act, ...]]:
        """The same for many versions at once; those without any are left out."""
        wanted = among(self._connection, acts.c.subject_uid, subject_uids)
        found: dict[str, list[Act]] = {}
        for row in self._connection.execute(select(acts).where(wanted).order_by(acts.c.position)):
            found.setdefault(row.subject_uid, []).append(_act(row))
        return {uid: tuple(done) for uid, done in found.items()}

    def get(self, digest: str) -> Act:
        """The act of that name; else `NotFound`."""
        row = self._connection.execute(select(acts).where(acts.c.digest == digest)).one_or_none()
        if row is None:
            raise NotFound(f"No request, waiver or revocation {digest} is recorded.")
        return _act(row)

    def named(self, prefix: str) -> tuple[Act, ...]:
        """Every act whose digest begins so, oldest first."""
        begins = acts.c.digest.startswith(prefix, autoescape=True)
        rows = self._connection.execute(select(acts).where(begins).order_by(acts.c.position))
        return tuple(_act(row) for row in rows)

    def all(self, kind: str) -> tuple[Act, ...]:
        """Every act of one kind, oldest first."""
        rows = self._connection.execute(select(acts).where(acts.c.kind == kind).order_by(acts.c.position))
        return tuple(_act(row) for row in rows)


def _act(row: Row[Any]) -> Act:
    try:
        act = act_from_json(json.loads(row.record))
    except ValueError as error:
        raise Undecided(
            f"{row.kind} {row.digest} cannot be read: {error}",
            "Install the release that recorded it, or a newer one.",
        ) from error
    intact(row.kind, row.digest, act.digest)
    return act
