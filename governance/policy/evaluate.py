"""Policy and evidence in, decision out: pure and total."""

from __future__ import annotations

from dataclasses import replace

from governance.domain.decision import Decision, Finding, Status
from governance.domain.dossier import Asking, Dossier
from governance.domain.label import Label, describe
from governance.policy.applying import RuleReading, explain, readings, unmet
from governance.policy.checks import CHECKS, Case
from governance.policy.document import CheckUse, Enforcement, Policy, Target
from governance.policy.excusing import excused

__all__ = ["NO_RULE", "RuleReading", "evaluate", "explain", "readings", "unmet"]

_STRICTEST_FIRST = tuple(Enforcement)
_ORDER = tuple(CHECKS)

_UPPER_BOUNDS = ("max", "delta_max")
"""Parameters of which a smaller one asks for more."""

NO_RULE = "rule"
"""The finding's check when no rule looked at the label."""


def evaluate(policy: Policy, target: Target, dossier: Dossier, asking: Asking, change: str) -> Decision:
    """Judge a version on its way to a target.

    Every rule that looks at the version's effective label runs all its checks. A finding that
    several rules come to is given once, under the strictest of them. Where no rule looks, something
    is missing: a label that nobody thought of is not let through. Waivers and broken glass are looked
    at last, and only for what is unmet then.
    """
    case = Case(policy, target, dossier, asking)
    found: dict[Finding, Enforcement] = {}
    for use, how in _asked(policy, target, case.label):
        for finding in CHECKS[use.name].function(case, **use.parameters):
            found[finding] = min(found.get(finding, how), how, key=_STRICTEST_FIRST.index)
    findings = sorted((_enforced(finding, how) for finding, how in found.items()), key=_position)
    if not findings:
        findings = [_unguarded(policy, target, case.label)]
    return Decision(
        subject_uid=dossier.subject.uid,
        named=dossier.subject.named,
        digest=dossier.digest,
        target=target.name,
        change=change,
        policy_name=policy.name,
        policy_digest=policy.digest,
        findings=excused(case, findings),
        actor=asking.actor or "unidentified",
        at=asking.at,
    )


def _asked(policy: Policy, target: Target, label: Label) -> list[tuple[CheckUse, Enforcement]]:
    """The checks of all rules that look at a label, less those that a stricter one of them implies."""
    asked = [(use, rule.enforcement) for rule, checks in explain(policy, target, label) for use in checks]
    return [one for one in asked if not any(_implies(other, one) for other in asked)]


def _implies(stricter: tuple[CheckUse, Enforcement], looser: tuple[CheckUse, Enforcement]) -> bool:
    """Whether a check with tighter bounds, enforced at least as hard, makes another superfluous."""
    (a, harder), (b, softer) = stricter, looser
    if a.name != b.name or a.parameters == b.parameters or a.parameters.keys() != b.parameters.keys():
        return False
    return _STRICTEST_FIRST.index(harder) <= _STRICTEST_FIRST.index(softer) and all(
        a.parameters[key] <= value if key in _UPPER_BOUNDS else a.parameters[key] == value
        for key, value in b.parameters.items()
    )


def _enforced(finding: Finding, enforcement: Enforcement) -> Finding:
    if finding.status is Status.PASSED or enforcement is Enforcement.DENY:
        return finding
    # An unreadable fact must not stop what a readable bad one would not have stopped.
    return replace(finding, status=Status.WARNED if enforcement is Enforcement.WARN else Status.NOTED)


def _position(finding: Finding) -> tuple[int, str, str, str]:
    return _ORDER.index(finding.check), finding.observed, finding.required, finding.reason


def _unguarded(policy: Policy, target: Target, label: Label) -> Finding:
    words = describe(label)
    return Finding(
        NO_RULE,
        Status.MISSING,
        f"confidentiality {words['confidentiality']}, identifiability {words['identifiability']}",
        f"a rule of policy {policy.name!r} for target {target.name!r}",
        "no rule of the policy looks at this label, and what nobody looked at is not let through",
        "Add a rule that looks at this label, then run: governance policy validate FILE",
    )
