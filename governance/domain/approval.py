"""Somebody entitled to answer for a promotion did, over exact bytes, evidence, label and policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from governance.canonical import digest, timestamp


class Verdict(str, Enum):
    """What the reviewer said."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Ground:
    """What an approval rests on; when any part of it changes, the approval no longer counts."""

    subject_uid: str
    target: str
    manifest_digest: str
    policy_digest: str
    label_digest: str
    evidence_digests: tuple[str, ...]

    @property
    def digest(self) -> str:
        """One digest for the whole ground."""
        return digest(
            [
                self.subject_uid,
                self.target,
                self.manifest_digest,
                self.policy_digest,
                self.label_digest,
                sorted(self.evidence_digests),
            ]
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's verdict, in one role, on one ground."""

    ground: Ground
    role: str
    by: str
    at: datetime
    verdict: Verdict
    reason: str
    expires_at: datetime | None = None

    @property
    def digest(self) -> str:
        """The approval's name."""
        return digest(
            [
                self.ground.digest,
                self.role,
                self.by,
                timestamp(self.at),
                self.verdict.value,
                self.reason,
                timestamp(self.expires_at) if self.expires_at else None,
            ]
        )
