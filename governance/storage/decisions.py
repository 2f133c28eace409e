"""Every answer of the gate, in a database."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row, func, select

from governance.canonical import canonical, timestamp
from governance.domain.decision import Decision, Outcome
from governance.errors import Conflict, NotFound
from governance.storage.among import among
from governance.storage.intact import intact
from governance.storage.once import insert_once
from governance.storage.tables import decisions


class Decisions:
    """Decisions by digest, with the frozen trees behind allowed ones; see `ports.Decisions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, decision: Decision, frozen_uri: str | None) -> None:
        """Record a decision; `frozen_uri` is where its bytes were frozen, None for a denial."""
        name = decision.record_digest
        new = insert_once(
            self._connection,
            decisions,
            digest=name,
            subject_uid=decision.subject_uid,
            target=decision.target,
            outcome=decision.outcome.value,
            at=timestamp(decision.at),
            record=canonical(decision.record()).decode(),
            frozen_uri=frozen_uri,
        )
        known = select(decisions.c.frozen_uri).where(decisions.c.digest == name)
        if not new and (uri := self._connection.scalar(known)) != frozen_uri:
            raise Conflict(f"Decision {name} is recorded with the frozen URI {uri}.")

    def of(self, subject_uid: str) -> tuple[Decision, ...]:
        """Every decision on a version, oldest first."""
        rows = self._connection.execute(
            select(decisions).where(decisions.c.subject_uid == subject_uid).order_by(decisions.c.position)
        )
        return tuple(_decision(row) for row in rows)

    def get(self, record_digest: str) -> Decision:
        """The decision of that name; else `NotFound`."""
        row = self._connection.execute(
            select(decisions).where(decisions.c.digest == record_digest)
        ).one_or_none()
        if row is None:
            raise NotFound(f"No decision {record_digest} is recorded.")
        return _decision(row)

    def frozen(self) -> tuple[tuple[Decision, str], ...]:
        """Every allowed decision with its frozen URI, oldest first."""
        rows = self._connection.execute(
            select(decisions).where(decisions.c.frozen_uri.is_not(None)).order_by(decisions.c.position)
        )
        return _allowed(rows)

    def allowed(self, subject_uids: Collection[str]) -> tuple[tuple[Decision, str], ...]:
        """For each of these versions and each target the newest allowed decision, with its frozen URI."""
        newest = (
            select(func.max(decisions.c.position))
            .where(
                among(self._connection, decisions.c.subject_uid, subject_uids),
                decisions.c.frozen_uri.is_not(None),
            )
            .group_by(decisions.c.subject_uid, decisions.c.target)
        )
        rows = self._connection.execute(
            select(decisions).where(decisions.c.position.in_(newest)).order_by(decisions.c.position)
        )
        return _allowed(rows)

    def frozen_uris(self) -> frozenset[str]:
        """Every URI that an allowed decision put into service."""
        uris = select(decisions.c.frozen_uri).where(decisions.c.frozen_uri.is_not(None)).distinct()
        return frozenset(self._connection.scalars(uris))


def _allowed(rows: Iterable[Row[Any]]) -> tuple[tuple[Decision, str], ...]:
    found = ((_decision(row), row.frozen_uri) for row in rows)
    return tuple((decision, uri) for decision, uri in found if decision.outcome is Outcome.ALLOWED)


def _decision(row: Row[Any]) -> Decision:
    decision = Decision.from_record(json.loads(row.record))
    intact("decision", row.digest, decision.record_digest)
    return decision
