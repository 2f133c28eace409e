"""What was decided and when: the present decision, and all on the version in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from governance.canonical import timestamp
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
            "by_exception": by_exception(made),
        }
        for digest, made in sorted(known.items(), key=lambda pair: (pair[1].at, pair[0]))
    ]


def by_exception(made: Decision) -> bool:
    """Whether only a waiver or broken glass let a promotion happen."""
    return made.outcome is Outcome.ALLOWED and bool(made.exceptional)
