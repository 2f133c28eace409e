"""Findings that a waiver or broken glass lets through: the last word of an evaluation, plainly marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from governance.domain.decision import Finding, Status
from governance.domain.review import BreakGlass, Waiver
from governance.policy.checks.interface import Case
from governance.policy.exceptions import WaiverRule
from governance.policy.names import canonical_name
from governance.policy.quorum import assign
from governance.policy.standing import involved, said, set_aside

UNMET = (Status.FAILED, Status.MISSING, Status.UNDECIDED)

NEVER_OVERRIDDEN = ("actor-known",)
"""Whoever promotes is known, whatever burns."""


def excused(case: Case, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, those unmet marked as waived or overridden where that is so.

    A waiver lets its check pass however it is unmet: the policy lists the checks that may be waived,
    and what cannot be read is no worse than what is not there. Broken glass lets everything pass but
    `actor-known`.
    """
    return tuple(
        _excused(case, finding)
        if finding.status in UNMET and finding.check not in NEVER_OVERRIDDEN
        else finding
        for finding in findings
    )


def _excused(case: Case, finding: Finding) -> Finding:
    waived, words = _waivers(case, finding.check)
    if waived:
        return replace(finding, status=Status.WAIVED, reason=f"{finding.reason}; {words}")
    broken, more = _glass(case)
    reason = "; ".join(filter(None, (finding.reason, words, more)))
    return replace(finding, status=Status.OVERRIDDEN if broken else finding.status, reason=reason)


def _waivers(case: Case, check: str) -> tuple[bool, str]:
    """Whether a check is waived, and what is to be said of its waivers; empty if there is none."""
    rule = case.policy.waivers.get(check)
    given = [a for a in _here(case) if isinstance(a, Waiver) and a.check == check]
    if rule is None or not given:
        return False, ""
    whys = {waiver: _not_counting(case, rule, waiver) for waiver in given}
    living = [waiver for waiver, why in whys.items() if not why]
    words = [f"waived by {_told(waiver)}" for waiver in living]
    signers = {waiver.by for waiver in living}
    aside = sorted({f"{w.by} ({why})" for w, why in whys.items() if why and w.by not in signers})
    if not _enough(rule, living):
        words = [f"a waiver was signed by {_told(waiver)}" for waiver in living]
        people = "1 signer" if rule.count == 1 else f"{rule.count} different signers"
        words.append(f"a waiver needs {people}, as {' and '.join(rule.roles)}")
    words += [f"waivers not counted: {', '.join(aside)}"] if aside else []
    return _enough(rule, living), "; ".join(words)


def _enough(rule: WaiverRule, living: Sequence[Waiver]) -> bool:
    """Whether enough different people signed, for each role another one."""
    able = {role: {canonical_name(w.by) for w in living if w.role == role} for role in rule.roles}
    people = {canonical_name(waiver.by) for waiver in living}
    return len(assign(rule.roles, able)) == len(rule.roles) and len(people) >= rule.count


def _not_counting(case: Case, rule: WaiverRule, waiver: Waiver) -> str:
    if waiver.role not in rule.roles:
        return f"the role {waiver.role!r} cannot waive it"
    if why := set_aside(case.policy, case.dossier, case.asking, waiver):
        return why
    ground = case.dossier.ground(case.target.name, case.policy.digest)
    return involved(case.dossier, case.asking, ground, waiver.by)


def _glass(case: Case) -> tuple[bool, str]:
    """Whether the glass is broken for these bytes, and what is to be said of it; empty if nobody did."""
    rule = case.policy.break_glass
    given = [a for a in _here(case) if isinstance(a, BreakGlass)]
    if rule is None or not given:
        return False, ""
    whys = {
        glass: f"the role {glass.role!r} cannot break it"
        if glass.role not in rule.roles
        else set_aside(case.policy, case.dossier, case.asking, glass)
        for glass in given
    }
    living = [glass for glass, why in whys.items() if not why]
    words = [f"glass broken by {_told(glass)}" for glass in living]
    if not living:
        words = [
            f"broken glass not counted: {', '.join(sorted(f'{g.by} ({why})' for g, why in whys.items()))}"
        ]
    return bool(living), "; ".join(words)


def _here(case: Case) -> list[Waiver | BreakGlass]:
    """Waivers and broken glass for these bytes, this target and this policy."""
    return [
        act
        for act in case.dossier.acts
        if isinstance(act, (Waiver, BreakGlass))
        and (act.target, act.manifest_digest, act.policy_digest)
        == (case.target.name, case.dossier.digest, case.policy.digest)
    ]


def _told(given: Waiver | BreakGlass) -> str:
    return f"{given.by} ({given.role}) until {said(given.expires_at)}: {given.reason}"
