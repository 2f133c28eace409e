"""What reviewers said, in a database."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, select

from governance.canonical import canonical, instant, timestamp
from governance.domain.approval import Approval, Ground, Verdict
from governance.storage.intact import intact
from governance.storage.tables import approvals


class Approvals:
    """Verdicts on versions; see `ports.Approvals`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, approval: Approval) -> None:
        """Record a verdict."""
        name = approval.digest
        if self._connection.scalar(select(approvals.c.digest).where(approvals.c.digest == name)) is None:
            self._connection.execute(
                approvals.insert().values(
                    digest=name,
                    subject_uid=approval.ground.subject_uid,
                    ground=canonical(approval.ground.to_json()).decode(),
                    role=approval.role,
                    actor=approval.by,
                    at=timestamp(approval.at),
                    verdict=approval.verdict.value,
                    reason=approval.reason,
                    expires_at=timestamp(approval.expires_at) if approval.expires_at else None,
                    via=approval.via,
                )
            )

    def of(self, subject_uid: str) -> tuple[Approval, ...]:
        """Every verdict on a version, oldest first."""
        rows = self._connection.execute(
            select(approvals).where(approvals.c.subject_uid == subject_uid).order_by(approvals.c.position)
        )
        return tuple(_approval(row) for row in rows)


def _approval(row: Row[Any]) -> Approval:
    approval = Approval(
        ground=Ground.from_json(json.loads(row.ground)),
        role=row.role,
        by=row.actor,
        at=instant(row.at),
        verdict=Verdict(row.verdict),
        reason=row.reason,
        expires_at=instant(row.expires_at) if row.expires_at else None,
        via=row.via,
    )
    intact("approval", row.digest, approval.digest)
    return approval
