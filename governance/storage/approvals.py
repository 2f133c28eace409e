"""What reviewers said, in a database."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, select

from governance.canonical import canonical, instant, timestamp
from governance.domain.approval import Approval, Ground, Verdict
from governance.storage.among import among
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
        return self.of_each([subject_uid]).get(subject_uid, ())

    def of_each(self, subject_uids: Collection[str]) -> dict[str, tuple[Approval, ...]]:
        """The same for many versions at once; those without any are left out."""
        wanted = among(self._connection, approvals.c.subject_uid, subject_uids)
        found: dict[str, list[Approval]] = {}
        for row in self._connection.execute(select(approvals).where(wanted).order_by(approvals.c.position)):
            found.setdefault(row.subject_uid, []).append(_approval(row))
        return {uid: tuple(given) for uid, given in found.items()}

    def named(self, prefix: str) -> tuple[Approval, ...]:
        """Every verdict whose digest begins so, oldest first."""
        begins = approvals.c.digest.startswith(prefix, autoescape=True)
        rows = self._connection.execute(select(approvals).where(begins).order_by(approvals.c.position))
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
