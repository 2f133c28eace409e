from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.domain.decision import Decision, Finding, Outcome, Status
from governance.domain.dossier import Asking
from governance.domain.label import TOP, Identifiability
from governance.policy.document import Policy
from governance.policy.evaluate import evaluate, explain, readings
from governance.policy.parse import load, parse

POLICY = """
schema: governance/policy/v1
name: p
targets:
  production: {{ aliases: [champion] }}
  other: {{ aliases: [other] }}
rules:
{rules}
"""


def policy(*rules: str) -> Policy:
    """A policy with these rules, each in flow style."""
    return parse(POLICY.format(rules="\n".join(f"  - {{ {rule} }}" for rule in rules)), "p.yaml")


def judged(cases: Any, policy: Policy, dossier: Any, actor: str | None = "ada") -> Decision:
    """The decision on a dossier on its way to `production`."""
    asking = Asking(actor, cases.now)
    return evaluate(policy, policy.target("production"), dossier, asking, "alias @champion")


def test_a_decision_carries_what_was_asked(cases: Any) -> None:
    """Subject, bytes, target, change, policy, actor and time stand in the decision."""
    sound = policy("name: r, checks: [actor-known]")

    decision = judged(cases, sound, cases.dossier(cases.contribution()))

    finding = Finding(
        "actor-known",
        Status.PASSED,
        "ada",
        "the caller is identified",
        "a promotion is answered for by whoever asks for it",
    )
    subject = cases.dossier().subject
    assert (
        Decision(
            "u1",
            subject.named,
            "b" * 64,
            "production",
            "alias @champion",
            "p",
            sound.digest,
            (finding,),
            "ada",
            cases.now,
        )
        == decision
    )
    assert Outcome.ALLOWED is decision.outcome


@pytest.mark.parametrize(
    ("enforcement", "status", "outcome"),
    [
        ("deny", Status.MISSING, Outcome.DENIED),
        ("warn", Status.WARNED, Outcome.ALLOWED),
        ("audit", Status.NOTED, Outcome.ALLOWED),
    ],
)
def test_enforcement(cases: Any, enforcement: str, status: Status, outcome: Outcome) -> None:
    """Only `deny` denies; `warn` shows what is missing, `audit` records it."""
    rule = policy(f"name: r, enforcement: {enforcement}, checks: [actor-known]")

    decision = judged(cases, rule, cases.dossier(cases.contribution()), actor=None)

    assert ([status], outcome) == ([f.status for f in decision.findings], decision.outcome)


@pytest.mark.parametrize(
    ("enforcement", "outcome"),
    [("deny", Outcome.UNDECIDED), ("warn", Outcome.ALLOWED), ("audit", Outcome.ALLOWED)],
)
def test_unreadable_evidence_blocks_only_where_bad_evidence_would(
    cases: Any, enforcement: str, outcome: Outcome
) -> None:
    """Under `warn`, what cannot be read stops nothing that a readable leak would not have stopped."""
    rule = policy(f"name: r, enforcement: {enforcement}, checks: [membership-auc: {{ max: 0.6 }}]")

    decision = judged(cases, rule, cases.dossier(cases.contribution(), evidence=[cases.evidence({})]))

    assert outcome is decision.outcome


@pytest.mark.parametrize("order", [1, -1])
def test_the_strictest_rule_wins(cases: Any, order: int) -> None:
    """A finding that two rules come to is given once, under the stricter one, in whatever order."""
    rules = ["name: a, enforcement: audit, checks: [actor-known]", "name: b, checks: [actor-known]"][::order]

    decision = judged(cases, policy(*rules), cases.dossier(cases.contribution()), actor=None)

    assert [Status.MISSING] == [finding.status for finding in decision.findings]


def test_findings_are_in_the_order_of_the_checks(cases: Any) -> None:
    """The order is the documented one of the checks, not that of the rules."""
    rules = ["name: a, checks: [consent-valid, lineage-known]", "name: b, checks: [actor-known]"]

    decision = judged(cases, policy(*rules), cases.dossier(cases.contribution()))

    assert ["actor-known", "lineage-known", "consent-valid"] == [f.check for f in decision.findings]


@pytest.mark.parametrize(
    "rule",
    [
        "name: r, when: { special_categories: any }, checks: [actor-known]",
        "name: r, targets: [other], checks: [actor-known]",
    ],
)
def test_where_no_rule_looks_something_is_missing(cases: Any, rule: str) -> None:
    """A label, or a target, that no rule looks at is not let through."""
    decision = judged(cases, policy(rule), cases.dossier(cases.contribution()))

    finding = Finding(
        "rule",
        Status.MISSING,
        "confidentiality internal, identifiability personal",
        "a rule of policy 'p' for target 'production'",
        "no rule of the policy looks at this label, and what nobody looked at is not let through",
        "Add a rule that looks at this label, then run: governance policy validate FILE",
    )
    assert ((finding,), Outcome.DENIED) == (decision.findings, decision.outcome)


@pytest.mark.parametrize(
    ("when", "unmet"),
    [
        ("{}", ()),
        ("{ identifiability: { at_least: personal } }", ()),
        (
            "{ identifiability: { at_most: pseudonymised } }",
            ("identifiability is personal, not at most pseudonymised",),
        ),
        (
            "{ confidentiality: { at_least: confidential, at_most: restricted } }",
            ("confidentiality is internal, not at least confidential and at most restricted",),
        ),
        ("{ special_categories: any }", ("special_categories are none, not any",)),
        ("{ special_categories: { any_of: [health] } }", ("special_categories are none, not any of health",)),
        ("{ subject_categories: any }", ()),
        ("{ subject_categories: { any_of: [customer, child] } }", ()),
        (
            "{ subject_categories: { any_of: [child] } }",
            ("subject_categories are customer, not any of child",),
        ),
        ("{ vulnerable: true }", ("vulnerable is false",)),
        ("{ vulnerable: false }", ()),
        (
            "{ unknown: true, consent: { at_least: invalid } }",
            ("consent is valid, not at least invalid", "unknown is false"),
        ),
    ],
)
def test_when(cases: Any, when: str, unmet: tuple[str, ...]) -> None:
    """All conditions must hold, and each that does not is said in words."""
    looking = policy(f"name: r, when: {when}, checks: [actor-known]")

    (reading,) = readings(looking, looking.target("production"), cases.label)

    assert (unmet, not unmet) == (reading.unmet, reading.applies)


@pytest.mark.parametrize(
    "when",
    [
        "{ special_categories: any }",
        "{ special_categories: { any_of: [genetic] } }",
        "{ subject_categories: { any_of: [child] } }",
        "{ vulnerable: true }",
        "{ unknown: true }",
        "{ confidentiality: { at_least: restricted }, consent: { at_least: invalid } }",
    ],
)
def test_the_unknown_meets_every_rising_condition(when: str) -> None:
    """What is unknown may be anything, so every rule for something looks at it."""
    looking = policy(f"name: r, when: {when}, checks: [actor-known]")

    (rule,) = looking.rules
    assert ((rule, rule.checks),) == explain(looking, looking.target("production"), TOP)


def test_the_reference_models_under_health(cases: Any) -> None:
    """The DP-SGD model of the reference data is let through, the over-fitted forest is not."""
    health = cases.staffed("health")
    data = cases.contribution(special_categories=frozenset({"health"}))
    private = cases.dossier(
        data,
        evidence=[cases.measured(0.018, auc=0.54)],
        protected=[cases.protected(2.99)],
        accounts=[cases.account(2.99)],
    )
    forest = cases.dossier(data, evidence=[cases.measured(0.059, auc=0.77, verdict="leak shown")])
    approved = [cases.approved(health, d, privacy_reviewer="pia", dpo="dora") for d in (private, forest)]

    allowed, denied = (judged(cases, health, dossier) for dossier in approved)

    assert (Outcome.ALLOWED, {Status.PASSED}) == (allowed.outcome, {f.status for f in allowed.findings})
    assert (
        Outcome.DENIED,
        ["membership-auc", "membership-tpr", "dp-epsilon", "dp-unit"],
    ) == (denied.outcome, [f.check for f in denied.findings if f.status is not Status.PASSED])


def test_the_forest_is_denied_under_every_shipped_policy(cases: Any) -> None:
    """A model that leaks plainly passes no shipped policy, however many people approve."""
    outcomes = {}
    for name in ("baseline", "gdpr", "health"):
        staffed = cases.staffed(name)
        forest = cases.dossier(
            cases.contribution(), evidence=[cases.measured(0.059, auc=0.77, verdict="leak shown")]
        )
        approved = cases.approved(staffed, forest, privacy_reviewer="pia", dpo="dora")
        outcomes[name] = judged(cases, staffed, approved).outcome

    assert dict.fromkeys(("baseline", "gdpr", "health"), Outcome.DENIED) == outcomes


@pytest.mark.parametrize("name", ["baseline", "gdpr", "health"])
def test_data_about_nobody_need_no_more_than_a_known_origin(cases: Any, name: str) -> None:
    """Shipped policies let a model of non-personal data through without a test or an approval."""
    weather = cases.contribution(
        "weather", identifiability=Identifiability.NON_PERSONAL, subject_categories=frozenset()
    )

    assert Outcome.ALLOWED is judged(cases, load(name), cases.dossier(weather)).outcome


def test_a_record_as_unit_is_a_warning_under_health(cases: Any) -> None:
    """Per-record ε is let through with a warning, so that somebody reads it."""
    health = cases.staffed("health")
    dossier = cases.dossier(
        cases.contribution(special_categories=frozenset({"health"})),
        evidence=[cases.measured()],
        protected=[cases.protected(2.9, unit="visit", unit_is_data_subject=False)],
    )
    decision = judged(cases, health, cases.approved(health, dossier, privacy_reviewer="pia", dpo="dora"))

    expected = (Outcome.ALLOWED, [("dp-unit", Status.WARNED)])
    assert expected == (
        decision.outcome,
        [(f.check, f.status) for f in decision.findings if f.status is not Status.PASSED],
    )


def test_the_target_s_purpose_is_judged(cases: Any) -> None:
    """A child policy that gives the target a purpose has it checked by the shipped rules."""
    staffed = cases.staffed("baseline")
    target = replace(staffed.target("production"), purpose="sales")
    decision = evaluate(
        staffed, target, cases.dossier(cases.contribution()), Asking("ada", cases.now), "alias @champion"
    )

    assert ["purpose-permitted"] == [f.check for f in decision.findings if f.status is Status.FAILED]


def test_a_tighter_bound_stands_for_the_looser(cases: Any) -> None:
    """Where one rule asks for more of a check than another, only the more is asked."""
    bounds = policy(
        "name: loose, checks: [{membership-auc: {max: 0.7}}]",
        "name: tight, checks: [{membership-auc: {max: 0.6}}]",
        "name: tightest, enforcement: warn, checks: [{membership-auc: {max: 0.55}}]",
    )
    dossier = cases.dossier(cases.contribution(), evidence=[cases.measured(auc=0.65)])

    found = judged(cases, bounds, dossier).findings

    assert [(0.55, Status.WARNED), (0.6, Status.FAILED)] == [
        (float(f.required.split("at most ")[1].split()[0]), f.status) for f in found
    ]
