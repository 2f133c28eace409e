"""Somebody entitled to answer for a promotion did, over exact bytes, evidence, label and policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from governance.canonical import digest, timestamp
from governance.domain.evidence import statement_about


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

    def to_json(self) -> dict[str, Any]:
        """Every field as a JSON value."""
        return asdict(self) | {"evidence_digests": list(self.evidence_digests)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Ground:
        """The inverse of `to_json`."""
        return Ground(**{**data, "evidence_digests": tuple(data["evidence_digests"])})


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
    via: str | None = None
    """The group that gave the person the role; None where the policy names the person."""

    @property
    def digest(self) -> str:
        """The approval's name."""
        parts = [
            self.ground.digest,
            self.role,
            self.by,
            timestamp(self.at),
            self.verdict.value,
            self.reason,
            timestamp(self.expires_at) if self.expires_at else None,
        ]
        # Approvals older than groups keep their names.
        return digest([*parts, self.via] if self.via is not None else parts)

    def statement(self) -> dict[str, Any]:
        """What is signed: an in-toto Statement about the bytes."""
        return statement_about(
            self.ground.manifest_digest,
            "approval",
            {
                "ground": self.ground.to_json(),
                "role": self.role,
                "by": self.by,
                "at": timestamp(self.at),
                "verdict": self.verdict.value,
                "reason": self.reason,
                "expires": timestamp(self.expires_at) if self.expires_at else None,
                "via": self.via,
            },
        )
