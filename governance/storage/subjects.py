"""Model versions by uid in a database: the one table whose rows change."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, select, tuple_

from governance.canonical import instant, timestamp
from governance.domain.subject import Subject, VersionName
from governance.errors import Conflict, NotFound
from governance.storage.among import among
from governance.storage.once import insert_once
from governance.storage.tables import locations, subjects

CHUNK = 300
"""Names asked for in one statement: databases bound the number of its parameters."""


class Subjects:
    """Model versions; see `ports.Subjects`. Earlier names stand in the audit log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, subject: Subject) -> None:
        """Record a version; `Conflict` if a living version has that name."""
        row = self._connection.execute(select(subjects).where(subjects.c.uid == subject.uid)).one_or_none()
        if row is not None:
            if _subject(row) != subject:
                raise Conflict(f"The uid {subject.uid} belongs to {_subject(row).named} already.")
            return
        self._free(subject.named)
        self._connection.execute(
            subjects.insert().values(
                uid=subject.uid,
                workspace=subject.named.workspace,
                name=subject.named.name,
                version=subject.named.version,
                source=subject.source,
                run_id=subject.run_id,
                model_id=subject.model_id,
                registered_at=timestamp(subject.registered_at),
                registered_by=subject.registered_by,
                adopted=subject.adopted,
            )
        )

    def get(self, uid: str) -> Subject:
        """The version with that uid, living or buried, under its newest name; else `NotFound`."""
        return _subject(self._row(uid))

    def get_each(self, uids: Collection[str]) -> dict[str, Subject]:
        """The versions with these uids, living or buried; those that are none are left out."""
        rows = self._connection.execute(select(subjects).where(among(self._connection, subjects.c.uid, uids)))
        return {row.uid: _subject(row) for row in rows}

    def find(self, named: VersionName) -> Subject | None:
        """The living version of that name."""
        row = self._connection.execute(
            select(subjects).where(
                subjects.c.workspace == named.workspace,
                subjects.c.name == named.name,
                subjects.c.version == named.version,
                subjects.c.buried_at.is_(None),
            )
        ).one_or_none()
        return _subject(row) if row is not None else None

    def find_each(self, names: Collection[VersionName]) -> dict[VersionName, Subject]:
        """The living versions of these names; those that are none are left out."""
        wanted = sorted({(named.workspace, named.name, named.version) for named in names})
        named = tuple_(subjects.c.workspace, subjects.c.name, subjects.c.version)
        found: dict[VersionName, Subject] = {}
        for start in range(0, len(wanted), CHUNK):
            rows = self._connection.execute(
                select(subjects).where(
                    named.in_(wanted[start : start + CHUNK]), subjects.c.buried_at.is_(None)
                )
            )
            found |= {subject.named: subject for subject in map(_subject, rows)}
        return found

    def living(self, name: str, workspace: str) -> tuple[Subject, ...]:
        """All living versions of a registered model, by version."""
        rows = self._connection.execute(
            select(subjects)
            .where(subjects.c.workspace == workspace, subjects.c.name == name, subjects.c.buried_at.is_(None))
            .order_by(subjects.c.version)
        )
        return tuple(_subject(row) for row in rows)

    def rename(self, uid: str, named: VersionName) -> None:
        """Give a living version another name."""
        row = self._row(uid)
        if row.buried_at is not None:
            raise Conflict(f"{_subject(row).named} ({uid}) was deleted and cannot be renamed.")
        if _subject(row).named == named:
            return
        self._free(named)
        self._connection.execute(
            subjects.update()
            .where(subjects.c.uid == uid)
            .values(workspace=named.workspace, name=named.name, version=named.version)
        )

    def bury(self, uid: str, at: datetime) -> None:
        """Mark a version as deleted: its name is free, its record stays."""
        if self._row(uid).buried_at is None:
            self._connection.execute(
                subjects.update().where(subjects.c.uid == uid).values(buried_at=timestamp(at))
            )

    def locate(self, uid: str, location: str) -> None:
        """Remember that bytes of a version lie, or lay, at a canonical location."""
        insert_once(self._connection, locations, uid=uid, location=location)

    def located(self, places: Collection[str], living: bool = False) -> tuple[Subject, ...]:
        """Every version, or with `living` every living one, with bytes at one of these, oldest first."""
        at = select(locations.c.uid).where(among(self._connection, locations.c.location, places))
        found = select(subjects).where(subjects.c.uid.in_(at)).order_by(subjects.c.position)
        if living:
            found = found.where(subjects.c.buried_at.is_(None))
        return tuple(_subject(row) for row in self._connection.execute(found))

    def unlocated(self) -> tuple[Subject, ...]:
        """Every living version of which no location was ever recorded, oldest first."""
        known = exists().where(locations.c.uid == subjects.c.uid)
        found = select(subjects).where(subjects.c.buried_at.is_(None), ~known).order_by(subjects.c.position)
        return tuple(_subject(row) for row in self._connection.execute(found))

    def _row(self, uid: str) -> Row[Any]:
        row = self._connection.execute(select(subjects).where(subjects.c.uid == uid)).one_or_none()
        if row is None:
            raise NotFound(f"No model version has the uid {uid}.")
        return row

    def _free(self, named: VersionName) -> None:
        holder = self.find(named)
        if holder is not None:
            raise Conflict(f"{named} is a living version already, with the uid {holder.uid}.")


def _subject(row: Row[Any]) -> Subject:
    return Subject(
        uid=row.uid,
        named=VersionName(row.name, row.version, row.workspace),
        source=row.source,
        run_id=row.run_id,
        model_id=row.model_id,
        registered_at=instant(row.registered_at),
        registered_by=row.registered_by,
        adopted=row.adopted,
    )
