"""Who decided what and when: the present decision, the earlier ones, and the approvals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from governance.canonical import timestamp
from governance.domain.approval import Approval, Ground
from governance.domain.decision import Decision, Outcome
from governance.reports.tolerant import Json


def decision(made: Decision, recorded: bool, policy_kept: bool, thresholds: str) -> Json:
    """The decision with all its findings; `recorded` tells a decision on file from one computed now."""
    counts = Counter(finding.status.value for finding in made.findings)
    return made.to_json() | {
        "change": made.change,
        "actor": made.actor,
        "at": timestamp(made.at),
        "record_digest": made.record_digest,
        "recorded": recorded,
        "counts": dict(sorted(counts.items())),
        "policy": {
            "name": made.policy_name,
            "digest": made.policy_digest,
            "text_kept": policy_kept,
            "thresholds": thresholds,
        },
    }


def timeline(past: Sequence[Decision], present: Decision, frozen: dict[str, str]) -> list[Json]:
    """Every decision on the version, oldest first; `frozen` maps a record digest to its frozen URI."""
    known = {made.record_digest: made for made in past} | {present.record_digest: present}
    return [
        {
            "at": timestamp(made.at),
            "outcome": made.outcome.value,
            "change": made.change,
            "target": made.target,
            "actor": made.actor,
            "policy": made.policy_name,
            "policy_digest": made.policy_digest,
            "bytes": made.digest,
            "record_digest": digest,
            "present": digest == present.record_digest,
            "serves": frozen.get(digest) if made.outcome is Outcome.ALLOWED else None,
        }
        for digest, made in sorted(known.items(), key=lambda pair: (pair[1].at, pair[0]))
    ]


def approvals(given: Sequence[Approval], ground: Ground, now: datetime) -> list[Json]:
    """Every verdict on the version, oldest first, and whether it rests on the present ground."""
    return [
        {
            "by": approval.by,
            "role": approval.role,
            "verdict": approval.verdict.value,
            "at": timestamp(approval.at),
            "target": approval.ground.target,
            "reason": approval.reason,
            "expires_at": timestamp(approval.expires_at) if approval.expires_at else None,
            "expired": approval.expires_at is not None and approval.expires_at <= now,
            "changed": _changed(approval.ground, ground),
            "digest": approval.digest,
        }
        for approval in given
    ]


def _changed(then: Ground, now: Ground) -> list[str]:
    """What an approval rested on that is no longer so; empty when it rests on the present ground."""
    parts = {
        "target": (then.target, now.target),
        "bytes": (then.manifest_digest, now.manifest_digest),
        "policy": (then.policy_digest, now.policy_digest),
        "label": (then.label_digest, now.label_digest),
        "evidence": (sorted(then.evidence_digests), sorted(now.evidence_digests)),
        "version": (then.subject_uid, now.subject_uid),
    }
    return [part for part, (before, after) in parts.items() if before != after]
