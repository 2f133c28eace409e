"""Somebody answers for a promotion: a verdict on exact bytes, evidence, label and policy."""

from __future__ import annotations

from datetime import datetime

from governance.domain.approval import Approval, Verdict
from governance.domain.dossier import Dossier
from governance.domain.events import ApprovalGiven
from governance.errors import UsageError
from governance.policy.document import Policy, Target
from governance.policy.names import canonical_name
from governance.ports import Books


def give(
    books: Books,
    dossier: Dossier,
    policy: Policy,
    target: Target,
    *,
    role: str,
    by: str,
    verdict: Verdict,
    reason: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> Approval:
    """Record a verdict by a person who holds the role.

    Raises:
        UsageError: the role does not exist or the person does not hold it, the person registered the
            version, there is no reason, or no time is left; nothing was written.
    """
    if role not in policy.roles:
        raise UsageError(
            f"Policy {policy.name!r} has no role {role!r}; it has {', '.join(sorted(policy.roles))}.",
            "Choose one of them with --role, or add the role to the policy.",
        )
    if role not in policy.roles_of(by):
        raise UsageError(
            f"{by!r} does not hold the role {role!r} in policy {policy.name!r}.",
            f"Name the person under roles.{role}.users in the policy, or let a holder of the role approve.",
        )
    if canonical_name(by) == canonical_name(dossier.subject.registered_by):
        raise UsageError(
            f"{by!r} registered {dossier.subject.named}: nobody approves their own version.",
            f"Let another holder of the role {role!r} approve it.",
        )
    if not reason.strip():
        raise UsageError("An approval needs a reason.", "Say why with --reason, in a sentence.")
    if expires_at is not None and expires_at <= now:
        raise UsageError("The approval would have expired when it is given.", "Let it expire later.")
    approval = Approval(
        dossier.ground(target.name, policy.digest), role, by, now, verdict, reason.strip(), expires_at
    )
    books.policies.keep(policy.digest, policy.name, policy.text, now)
    books.approvals.add(approval)
    event = ApprovalGiven(
        approval.digest, dossier.subject.uid, target.name, role, verdict.value, approval.reason
    )
    books.audit.append(now, by, event)
    return approval
