"""What the log says of protected places, asked of the database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, func, select

from governance.domain.chain import Entry
from governance.ports import Unpaired
from governance.storage.among import among
from governance.storage.audit_log import entry
from governance.storage.in_body import in_body
from governance.storage.tables import PROMOTED_OR_WITHDRAWN, audit, decisions

_UID, _TARGET, _CHANGE, _DECISION = (
    in_body(audit.c.body, field) for field in ("uid", "target", "change", "decision")
)
_JUDGED = audit.c.type.in_(("promotion:allowed", "promotion:denied"))


class Promotions:
    """Who holds which place; see `ports.Promotions`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def standing(self, subject_uids: Collection[str]) -> tuple[Entry, ...]:
        """For each of these versions, target and change the newest entry, in order of the log."""
        newest = (
            select(func.max(audit.c.position))
            .where(PROMOTED_OR_WITHDRAWN, among(self._connection, _UID, subject_uids))
            .group_by(_UID, _TARGET, _CHANGE)
        )
        rows = self._connection.execute(
            select(audit).where(audit.c.position.in_(newest)).order_by(audit.c.position)
        )
        return tuple(entry(row) for row in rows)

    def unpaired(self) -> Unpaired:
        """Where decisions and log disagree."""
        logged, recorded = select(_DECISION).where(_JUDGED), select(decisions.c.digest)
        return Unpaired(
            lost=self._sorted(logged.except_(recorded)),
            unlogged=self._sorted(recorded.except_(logged)),
            repeated=self._sorted(logged.group_by(_DECISION).having(func.count() > 1)),
        )

    def _sorted(self, digests: Select[Any] | Any) -> tuple[str, ...]:
        return tuple(sorted(self._connection.scalars(digests)))
