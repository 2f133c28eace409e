"""What people said about a version: requests, verdicts, waivers, broken glass; and what of it stands.

Something stands while it rests on the present ground and was neither revoked nor has ended. Whether the
gate counts it as well, among enough others and from no party, stands in the finding of its check.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from governance.canonical import timestamp
from governance.domain.approval import Approval, Ground, Verdict
from governance.domain.dossier import Asking, Dossier
from governance.domain.review import BreakGlass, ReviewRequest, Revocation, Waiver
from governance.policy.document import Policy
from governance.policy.standing import Given, revoked, roleless, said, set_aside
from governance.reports.signers import signatures
from governance.reports.tolerant import Json


def reviews(policy: Policy, dossier: Dossier, ground: Ground, now: datetime) -> Json:
    """Everything said about the version, each kind oldest first, and nothing left out."""
    table = _Table(policy, dossier, ground, now)
    acts = dossier.acts
    return {
        "requests": [table.request(act) for act in acts if isinstance(act, ReviewRequest)],
        "given": [table.approval(approval) for approval in dossier.approvals],
        "waivers": [table.exception(act) | {"check": act.check} for act in acts if isinstance(act, Waiver)],
        "broken_glass": [table.exception(act) for act in acts if isinstance(act, BreakGlass)],
    }


@dataclass(frozen=True, slots=True)
class _Table:
    """What the rows are held against."""

    policy: Policy
    dossier: Dossier
    ground: Ground
    now: datetime

    def request(self, request: ReviewRequest) -> Json:
        """Who asked for a review, and what changed since."""
        return {
            "by": request.by,
            "at": timestamp(request.at),
            "target": request.target,
            "reason": request.reason,
            "changed": _changed(request.ground, self.ground),
            "digest": request.digest,
            "signatures": signatures(self.policy, self.dossier, request),
        }

    def approval(self, approval: Approval) -> Json:
        """A verdict; a rejection never lapses and needs no signature, for it opens nothing."""
        changed = _changed(approval.ground, self.ground)
        verdict = {"verdict": approval.verdict.value}
        if approval.verdict is Verdict.REJECTED:
            taken = revoked(self.policy, self.dossier, approval)
            why = f"revoked by {taken.by} on {said(taken.at)}" if taken else ""
            return verdict | self._given(
                approval, approval.ground.target, changed, roleless(self.policy, approval) or why
            )
        return verdict | self._given(approval, approval.ground.target, changed, self._set_aside(approval))

    def exception(self, given: Waiver | BreakGlass) -> Json:
        """A waiver or broken glass, which holds for exact bytes under one policy."""
        parts = {
            "target": (given.target, self.ground.target),
            "bytes": (given.manifest_digest, self.ground.manifest_digest),
            "policy": (given.policy_digest, self.ground.policy_digest),
        }
        changed = [part for part, (before, after) in parts.items() if before != after]
        return self._given(given, given.target, changed, self._set_aside(given))

    def _set_aside(self, given: Given) -> str:
        # Only the time of asking matters here, and the report asks now.
        return set_aside(self.policy, self.dossier, Asking(None, self.now), given)

    def _given(self, given: Given, target: str, changed: list[str], aside: str) -> Json:
        why_not = aside or _changed_words(changed, target)
        return {
            "by": given.by,
            "role": given.role,
            "via": given.via,
            "at": timestamp(given.at),
            "target": target,
            "reason": given.reason,
            "expires_at": timestamp(given.expires_at) if given.expires_at else None,
            "expired": given.expires_at is not None and given.expires_at <= self.now,
            "changed": changed,
            "stands": not why_not,
            "why_not": why_not,
            "digest": given.digest,
            "revocations": self._revocations(given),
            "signatures": signatures(self.policy, self.dossier, given),
        }

    def _revocations(self, given: Given) -> list[Json]:
        counting = revoked(self.policy, self.dossier, given)
        return [
            {
                "by": act.by,
                "at": timestamp(act.at),
                "reason": act.reason,
                "counts": counting is not None and act.digest == counting.digest,
                "digest": act.digest,
                "signatures": signatures(self.policy, self.dossier, act),
            }
            for act in self.dossier.acts
            if isinstance(act, Revocation) and act.revoked == given.digest
        ]


def _changed_words(changed: list[str], target: str) -> str:
    if "target" in changed:
        return f"given for target {target}"
    return f"{' and '.join(changed)} changed since" if changed else ""


def _changed(then: Ground, now: Ground) -> list[str]:
    """What a verdict rested on that is no longer so; empty when it rests on the present ground."""
    parts = {
        "target": (then.target, now.target),
        "bytes": (then.manifest_digest, now.manifest_digest),
        "policy": (then.policy_digest, now.policy_digest),
        "label": (then.label_digest, now.label_digest),
        "evidence": (sorted(then.evidence_digests), sorted(now.evidence_digests)),
        "version": (then.subject_uid, now.subject_uid),
    }
    return [part for part, (before, after) in parts.items() if before != after]
