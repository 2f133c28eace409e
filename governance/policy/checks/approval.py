"""The check that people entitled to do so answered for the promotion, on the ground as it is now."""

from __future__ import annotations

from collections.abc import Iterable

from governance.domain.approval import Approval, Ground, Verdict
from governance.domain.decision import Finding, Status
from governance.policy.checks import remedies
from governance.policy.checks.interface import Case
from governance.policy.names import canonical_name


def approval(case: Case, role: str, count: int, independent: bool) -> tuple[Finding, ...]:
    """Enough different people who hold a role approved these bytes, this evidence, label and policy.

    One rejection on the same ground by a holder of the role fails it. If `independent`, neither who
    asks nor who registered the version counts.
    """
    required = f"approved by {count} holding the role {role!r}"
    required += " other than who asks and who registered it" if independent else ""
    ground = case.dossier.ground(case.target.name, case.policy.digest)
    given = [a for a in case.dossier.approvals if a.role == role and a.ground.target == case.target.name]
    here = [a for a in given if a.ground.digest == ground.digest]
    rejected = _people(a for a in here if a.verdict is Verdict.REJECTED and _holds(case, a))
    approved = [a for a in here if a.verdict is Verdict.APPROVED]
    counting = _people(a for a in approved if not _disregarded(case, a, independent))
    reasons = {a.by: _disregarded(case, a, independent) for a in approved if a.by not in counting}
    aside = [f"{by} ({why})" for by, why in sorted(reasons.items()) if why]
    aside += _stale(given, ground)
    observed = f"{len(counting)} of {count}{': ' + ', '.join(counting) if counting else ''}"
    not_counted = f"; not counted: {', '.join(aside)}" if aside else ""
    if rejected:
        observed = f"rejected by {', '.join(rejected)}"
        reason = f"a rejection closes {case.target.name!r} for these bytes, evidence, label and policy"
        remedy = "Mend what was objected to, and ask again."
        return (Finding("approval", Status.FAILED, observed, required, reason, remedy),)
    if len(counting) >= count:
        reason = f"they answered for what is there now{not_counted}"
        return (Finding("approval", Status.PASSED, observed, required, reason),)
    if not _holders(case, role):
        reason = f"nobody holds the role {role!r} under policy {case.policy.name!r}{not_counted}"
        remedy = (
            f"In a policy that extends {case.policy.name}, write: "
            f"roles: {{{role}: {{users: [NAME]}}}}; then set GOVERNANCE_POLICY to its path."
        )
    else:
        reason = f"{count - len(counting)} still to come{not_counted}"
        remedy = remedies.approve(case, role)
    return (Finding("approval", Status.MISSING, observed, required, reason, remedy),)


def _holders(case: Case, role: str) -> tuple[str, ...]:
    return case.policy.roles[role].users if role in case.policy.roles else ()


def _holds(case: Case, given: Approval) -> bool:
    return given.role in case.policy.roles_of(given.by)


def _disregarded(case: Case, given: Approval, independent: bool) -> str:
    """Why an approval on the present ground does not count; empty if it does."""
    if not _holds(case, given):
        return f"does not hold the role {given.role!r}"
    if given.expires_at is not None and given.expires_at <= case.asking.at:
        return "expired"
    if independent:
        by = canonical_name(given.by)
        if case.asking.actor is None:
            return "nobody was identified as asking, so it may be the same person"
        if by == canonical_name(case.asking.actor):
            return "asks for the change"
        if by == canonical_name(case.dossier.subject.registered_by):
            return "registered the version"
    return ""


def _people(approvals: Iterable[Approval]) -> tuple[str, ...]:
    """Different people: spellings of one name are one person."""
    return tuple(sorted({canonical_name(a.by): a.by for a in approvals}.values()))


def _stale(given: Iterable[Approval], now: Ground) -> list[str]:
    """Approvals on another ground, each with what changed since; the newest of each person."""
    newest = {a.by: a for a in sorted(given, key=lambda a: a.at) if a.verdict is Verdict.APPROVED}
    return [
        f"{by} ({' and '.join(changed)} changed since)"
        for by, a in sorted(newest.items())
        if (changed := _changes(a.ground, now))
    ]


def _changes(then: Ground, now: Ground) -> list[str]:
    parts = (
        ("version", then.subject_uid == now.subject_uid),
        ("bytes", then.manifest_digest == now.manifest_digest),
        ("evidence", sorted(then.evidence_digests) == sorted(now.evidence_digests)),
        ("label", then.label_digest == now.label_digest),
        ("policy", then.policy_digest == now.policy_digest),
    )
    return [word for word, same in parts if not same]
