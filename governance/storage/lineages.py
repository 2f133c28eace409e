"""Readings of lineage in a database."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from functools import reduce
from typing import Any

from sqlalchemy import Connection, select

from governance.canonical import canonical, digest
from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind
from governance.storage.among import among
from governance.storage.intact import intact
from governance.storage.tables import lineages


class Lineages:
    """Readings of a version's lineage; see `ports.Lineages`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, uid: str, lineage: Lineage) -> None:
        """Record one reading."""
        reading = _to_json(lineage)
        name = digest(reading)
        newest = (
            select(lineages.c.digest)
            .where(lineages.c.uid == uid)
            .order_by(lineages.c.position.desc())
            .limit(1)
        )
        # Only the newest is compared: a gap that closed and opened again is open.
        if self._connection.scalar(newest) != name:
            self._connection.execute(
                lineages.insert().values(uid=uid, digest=name, lineage=canonical(reading).decode())
            )

    def of(self, uid: str) -> Lineage:
        """All readings, each `then` the next; the empty lineage if there was none."""
        rows = self._connection.execute(
            select(lineages.c.digest, lineages.c.lineage)
            .where(lineages.c.uid == uid)
            .order_by(lineages.c.position)
        )
        return reduce(Lineage.then, (_reading(row.digest, row.lineage) for row in rows), Lineage())

    def of_each(self, uids: Collection[str]) -> dict[str, Lineage]:
        """The same for many versions at once; those without any reading are left out."""
        found: dict[str, Lineage] = {}
        rows = self._connection.execute(
            select(lineages.c.uid, lineages.c.digest, lineages.c.lineage)
            .where(among(self._connection, lineages.c.uid, uids))
            .order_by(lineages.c.position)
        )
        for row in rows:
            found[row.uid] = found.get(row.uid, Lineage()).then(_reading(row.digest, row.lineage))
        return found


def _reading(name: str, text: str) -> Lineage:
    data = json.loads(text)
    intact("lineage", name, digest(data))
    return Lineage(
        uses=tuple(DatasetUse(**use) for use in data["uses"]),
        parents=tuple(Parent(**parent | {"kind": ParentKind(parent["kind"])}) for parent in data["parents"]),
        gaps=tuple(Gap(**gap) for gap in data["gaps"]),
    )


def _to_json(lineage: Lineage) -> dict[str, Any]:
    return {
        "uses": [asdict(use) for use in lineage.uses],
        "parents": [asdict(parent) | {"kind": parent.kind.value} for parent in lineage.parents],
        "gaps": [asdict(gap) for gap in lineage.gaps],
    }
