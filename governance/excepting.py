"""Somebody entitled to it lets a promotion past a check, or breaks the glass: drafts of both."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from governance.approving import held_via, refuse_party, stated
from governance.domain.dossier import Asking, Dossier
from governance.domain.review import BreakGlass, Waiver
from governance.errors import UsageError
from governance.policy.document import Policy, Target
from governance.policy.evaluate import evaluate


def draft_waiver(
    dossier: Dossier,
    policy: Policy,
    target: Target,
    *,
    check: str,
    role: str,
    by: str,
    groups: Collection[str] = (),
    reason: str,
    now: datetime,
    expires_at: datetime,
) -> Waiver:
    """Let one check on these bytes pass for a time; it counts once as many sign as the policy asks for.

    Raises:
        UsageError: the policy does not let this check be waived, or not by this role, or for so long;
            the person does not hold the role, registered the version or asked for the review; there is
            no reason; or the check stands in nobody's way, so that there is nothing to waive.
    """
    rule = policy.waivers.get(check)
    if rule is None:
        raise UsageError(
            f"Policy {policy.name!r} lets nobody waive {check!r};"
            f" it lets {', '.join(policy.waivers) or 'no check'} be waived.",
            f"Meet the check, or let the policy's owner write waivers.{check}.",
        )
    _entitled(role, rule.roles, f"waive {check!r}")
    via = held_via(policy, role, by, groups)
    refuse_party(dossier, policy, target, by, f"Let another holder of the role {role!r} waive it.")
    _in_time(now, expires_at, timedelta(days=rule.max_days), f"{rule.max_days} days", "The waiver")
    _refuse_idle(dossier, policy, target, check, Asking(by, now))
    return Waiver(
        subject_uid=dossier.subject.uid,
        by=by,
        at=now,
        reason=stated(reason, "A waiver"),
        target=target.name,
        check=check,
        manifest_digest=dossier.digest,
        policy_digest=policy.digest,
        role=role,
        expires_at=expires_at,
        via=via,
    )


def draft_break_glass(
    dossier: Dossier,
    policy: Policy,
    target: Target,
    *,
    role: str,
    by: str,
    groups: Collection[str] = (),
    reason: str,
    now: datetime,
    expires_at: datetime,
) -> BreakGlass:
    """Let these bytes through for a short time, against the policy, in an emergency.

    Raises:
        UsageError: the policy knows no broken glass, or not by this role, or for so long; the person does
            not hold the role; or there is no reason.
    """
    rule = policy.break_glass
    if rule is None:
        raise UsageError(
            f"Policy {policy.name!r} has no glass to break.",
            "Meet the checks, or let the policy's owner write break_glass.",
        )
    _entitled(role, rule.roles, "break the glass")
    via = held_via(policy, role, by, groups)
    _in_time(now, expires_at, timedelta(hours=rule.max_hours), f"{rule.max_hours} hours", "Broken glass")
    return BreakGlass(
        subject_uid=dossier.subject.uid,
        by=by,
        at=now,
        reason=stated(reason, "Broken glass"),
        target=target.name,
        manifest_digest=dossier.digest,
        policy_digest=policy.digest,
        role=role,
        expires_at=expires_at,
        via=via,
    )


def _entitled(role: str, roles: Collection[str], deed: str) -> None:
    if role not in roles:
        raise UsageError(
            f"The role {role!r} cannot {deed}; {' and '.join(roles)} can.", "Choose one of them with --role."
        )


def _in_time(now: datetime, expires_at: datetime, most: timedelta, words: str, what: str) -> None:
    if not now < expires_at <= now + most:
        raise UsageError(f"{what} must end within {words}, and after it begins.", "Choose another end.")


def _refuse_idle(dossier: Dossier, policy: Policy, target: Target, check: str, asking: Asking) -> None:
    """Refuse a waiver of a check that nothing fails, whoever waived it before."""
    decision = evaluate(policy, target, replace(dossier, acts=()), asking, f"a waiver of {check}")
    unmet = [finding.check for finding in decision.unmet]
    if check not in unmet:
        raise UsageError(
            f"A waiver of {check!r} waives nothing: it does not stand in the way of"
            f" {dossier.subject.named} to {target.name!r}.",
            f"What does: {', '.join(dict.fromkeys(unmet)) or 'nothing'}.",
        )
