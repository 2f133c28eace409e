"""The answer to "may this version go there?": an outcome and every finding behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from governance.canonical import digest, instant, timestamp
from governance.domain.subject import VersionName


class Outcome(str, Enum):
    """Allowed, denied, and could-not-decide are three things."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDECIDED = "undecided"


class Status(str, Enum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    """The facts are there and break the bound: denies."""
    MISSING = "missing"
    """The facts are not there: denies."""
    UNDECIDED = "undecided"
    """The facts could not be read: nobody can say."""
    WARNED = "warned"
    """Failed or missing, but the rule only warns."""
    NOTED = "noted"
    """Failed or missing, but the rule only records."""
    WAIVED = "waived"
    """Not passed, but people entitled to it let it pass for a time."""
    OVERRIDDEN = "overridden"
    """Not passed, but somebody broke the glass."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, what it saw, what it wanted, and the command that would supply it."""

    check: str
    status: Status
    observed: str
    required: str
    reason: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """The six fields of the documented schema."""
        return {
            "check": self.check,
            "status": self.status.value,
            "observed": self.observed,
            "required": self.required,
            "reason": self.reason,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What was asked, about which bytes, by whom, under which policy, and the answer."""

    subject_uid: str
    named: VersionName
    digest: str
    """The manifest digest of the bytes judged."""
    target: str
    """The policy target, for example `production`."""
    change: str
    """What would have happened, for example `alias @champion`."""
    policy_name: str
    policy_digest: str
    findings: tuple[Finding, ...]
    actor: str
    at: datetime

    @property
    def outcome(self) -> Outcome:
        """Denied if anything failed or is missing, else undecided if anything is, else allowed."""
        statuses = {finding.status for finding in self.findings}
        if statuses & {Status.FAILED, Status.MISSING}:
            return Outcome.DENIED
        # No finding at all means that no rule looked: that is not an allowance.
        return Outcome.UNDECIDED if Status.UNDECIDED in statuses or not statuses else Outcome.ALLOWED

    @property
    def unmet(self) -> tuple[Finding, ...]:
        """The findings that stand in the way, in order."""
        open_ = (Status.FAILED, Status.MISSING, Status.UNDECIDED)
        return tuple(finding for finding in self.findings if finding.status in open_)

    @property
    def exceptional(self) -> tuple[Finding, ...]:
        """The findings that only a waiver or broken glass let through."""
        passed_by = (Status.WAIVED, Status.OVERRIDDEN)
        return tuple(finding for finding in self.findings if finding.status in passed_by)

    @property
    def record_digest(self) -> str:
        """The decision's name."""
        return digest(self.record())

    def to_json(self) -> dict[str, Any]:
        """`governance/decision/v1`, as `governance check --format json` prints it."""
        return {
            "schema": "governance/decision/v1",
            "subject": {
                "name": self.named.name,
                "version": self.named.version,
                "digest": self.digest,
            },
            "target": self.target,
            "outcome": self.outcome.value,
            "findings": [finding.to_json() for finding in self.findings],
            "policy": {"name": self.policy_name, "digest": self.policy_digest},
        }

    def record(self) -> dict[str, Any]:
        """`to_json` and what only the record needs: uid, workspace, change, actor, time."""
        return self.to_json() | {
            "uid": self.subject_uid,
            "workspace": self.named.workspace,
            "change": self.change,
            "actor": self.actor,
            "at": timestamp(self.at),
        }

    @staticmethod
    def from_record(data: dict[str, Any]) -> Decision:
        """The inverse of `record`."""
        subject = data["subject"]
        return Decision(
            subject_uid=data["uid"],
            named=VersionName(subject["name"], subject["version"], data["workspace"]),
            digest=subject["digest"],
            target=data["target"],
            change=data["change"],
            policy_name=data["policy"]["name"],
            policy_digest=data["policy"]["digest"],
            findings=tuple(
                Finding(**{**finding, "status": Status(finding["status"])}) for finding in data["findings"]
            ),
            actor=data["actor"],
            at=instant(data["at"]),
        )
