"""The check that people entitled to do so answered for the promotion, on the ground as it is now."""

from __future__ import annotations

from collections.abc import Iterable

from governance.domain.approval import Approval, Ground, Verdict
from governance.domain.decision import Finding, Status
from governance.policy.applying import explain
from governance.policy.checks import remedies
from governance.policy.checks.interface import Case
from governance.policy.document import Enforcement
from governance.policy.names import canonical_name
from governance.policy.quorum import assign
from governance.policy.standing import involved, revoked, roleless, set_aside


def approval(case: Case, role: str, count: int, independent: bool) -> tuple[Finding, ...]:
    """Enough different people who hold a role approved these bytes, this evidence, label and policy.

    One rejection on the same ground by a holder of the role fails it until it is revoked. If
    `independent`, nobody counts who asks, asked for the review or registered the version, and nobody
    counts in two roles.
    """
    required = f"approved by {count} holding the role {role!r}"
    required += " other than who asks and who registered it" if independent else ""
    ground = case.dossier.ground(case.target.name, case.policy.digest)
    given = [a for a in case.dossier.approvals if a.role == role and a.ground.target == case.target.name]
    here = [a for a in given if a.ground.digest == ground.digest]
    if rejected := _people(a for a in here if a.verdict is Verdict.REJECTED and _stands(case, a)):
        observed = f"rejected by {', '.join(rejected)}"
        reason = f"a rejection closes {case.target.name!r} for these bytes, evidence, label and policy"
        remedy = "Mend what was objected to, and ask again."
        return (Finding("approval", Status.FAILED, observed, required, reason, remedy),)

    elsewhere = _elsewhere(case, ground, role, count) if independent else {}
    whys = {
        a: _disregarded(case, ground, a, independent) or elsewhere.get(canonical_name(a.by), "")
        for a in here
        if a.verdict is Verdict.APPROVED
    }
    counting = _people(a for a, why in whys.items() if not why)
    aside = sorted({f"{a.by} ({why})" for a, why in whys.items() if why and a.by not in counting})
    aside += _stale(given, ground)
    not_counted = f"; not counted: {', '.join(aside)}" if aside else ""
    observed = f"{len(counting)} of {count}{': ' + ', '.join(counting) if counting else ''}"
    if len(counting) >= count:
        reason = f"they answered for what is there now{not_counted}"
        return (Finding("approval", Status.PASSED, observed, required, reason),)
    reason, remedy = _to_come(case, role, count - len(counting))
    return (Finding("approval", Status.MISSING, observed, required, f"{reason}{not_counted}", remedy),)


def _to_come(case: Case, role: str, lacking: int) -> tuple[str, str]:
    """How many approvals are lacking, and how they could be had."""
    named = case.policy.roles.get(role)
    if named is not None and (named.users or named.groups):
        return f"{lacking} still to come", remedies.approve(case, role)
    return (
        f"nobody holds the role {role!r} under policy {case.policy.name!r}",
        f"In a policy that extends {case.policy.name}, write: "
        f"roles: {{{role}: {{users: [NAME]}}}}; then set GOVERNANCE_POLICY to its path.",
    )


def _stands(case: Case, rejection: Approval) -> bool:
    """Whether a rejection counts: it needs no signature and never lapses, for it opens nothing."""
    return not roleless(case.policy, rejection) and revoked(case.policy, case.dossier, rejection) is None


def _disregarded(case: Case, ground: Ground, given: Approval, independent: bool) -> str:
    """Why an approval on the present ground does not count; empty if it does."""
    if why := set_aside(case.policy, case.dossier, case.asking, given):
        return why
    return involved(case.dossier, case.asking, ground, given.by) if independent else ""


def _elsewhere(case: Case, ground: Ground, role: str, count: int) -> dict[str, str]:
    """Who counts in another role that is asked for, with the words for it; by the one spelling of names."""
    strictest_first = tuple(Enforcement)
    looking = sorted(
        explain(case.policy, case.target, case.label),
        key=lambda one: strictest_first.index(one[0].enforcement),
    )
    asked = [use.parameters for _, checks in looking for use in checks if use.name == "approval"]
    slots: list[str] = []
    for one in [*(a for a in asked if a["independent"]), {"role": role, "count": count}]:
        slots += [one["role"]] * (one["count"] - slots.count(one["role"]))
    able: dict[str, set[str]] = {}
    for a in case.dossier.approvals:
        here = a.ground.digest == ground.digest and a.verdict is Verdict.APPROVED
        if here and not _disregarded(case, ground, a, independent=True):
            able.setdefault(a.role, set()).add(canonical_name(a.by))
    return {
        person: f"counts as {other!r}, and nobody counts in two roles"
        for person, other in assign(slots, able).items()
        if other != role
    }


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
