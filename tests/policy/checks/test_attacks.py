from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from governance.domain.decision import Finding, Status
from governance.domain.evidence import Evidence, EvidenceType
from governance.policy.checks import CHECKS
from governance.policy.checks.attacks import ATTACKS, read
from governance.policy.document import CheckUse
from governance.policy.evaluate import evaluate
from governance.policy.parse import parse

NOTE = "(policy threshold chosen by controller)"
ASSESS = "governance assess models:/m/1 --members FILE --non-members FILE --target COLUMN"
GUESS = f"{ASSESS} --attack attribute-inference --sensitive COLUMN"
ATTRIBUTE = "attribute-inference"


def body(
    verdict: str = "none shown", *, about: str = "smoker", high: float = 0.02, **facts: Any
) -> dict[str, Any]:
    """What an attack on an attribute found."""
    return {
        "attack": "imputation-lift",
        "measure": "accuracy over imputation",
        "estimate": {"point": 0.01, "low": 0.0, "high": high},
        "null": 0,
        "confidence": 0.95,
        "verdict": verdict,
        "details": {"attribute": about},
    } | facts


@pytest.fixture
def found(cases: Any) -> Callable[..., tuple[Finding, ...]]:
    """What the check finds where these bodies are on record."""

    def found(*bodies: Any, attack: str = ATTRIBUTE, days: int = 0, **asked: Any) -> tuple[Finding, ...]:
        evidence = [cases.evidence(one, EvidenceType(attack), days) for one in bodies]
        case = cases.case(cases.dossier(cases.contribution(), evidence=evidence))
        return CHECKS["attack-withstood"].function(case, attack=attack, **asked)

    return found


def test_a_test_that_was_withstood_passes(found: Any) -> None:
    """It says of which attack that is evidence, and of which not."""
    assert (
        Finding(
            "attack-withstood",
            Status.PASSED,
            "imputation-lift of smoker: none shown, accuracy over imputation 0.01"
            " (interval 0 to 0.02; 0 if the model tells nothing)",
            "no leak shown by attribute-inference",
            "withstood, which is evidence only of resistance to that very attack",
        ),
    ) == found(body())


def test_a_leak_fails_beside_anything_else(found: Any) -> None:
    """The worst is shown, the others are counted; what else was measured excuses nothing."""
    shown = [body("leak shown", about=name, high=high) for name, high in (("sex", 0.2), ("drug", 0.4))]

    (finding,) = found(body(), *shown, body("undecided"))

    assert (
        Finding(
            "attack-withstood",
            Status.FAILED,
            "imputation-lift of drug: leak shown, accuracy over imputation 0.01"
            " (interval 0 to 0.4; 0 if the model tells nothing)",
            "no leak shown by attribute-inference",
            "the attack found what it looked for; 1 more did",
            "Train again with less over-fitting or with differential privacy and register the new version.",
        )
        == finding
    )


@pytest.mark.parametrize(
    ("bodies", "days", "observed", "reason"),
    [
        ([], 0, "no measurement", "attribute-inference was not measured on these bytes"),
        (
            [body()],
            366,
            "no measurement",
            "attribute-inference was not measured on these bytes; not counted: 1 too old",
        ),
        ([body("undecided")], 0, "undecided", "the test came to no verdict; its controls say why"),
        (
            [body(confidence=0.9)],
            0,
            "none shown",
            "the interval has 90 % confidence, expected at least 95 %",
        ),
        (
            [body(), body("undecided", about="drug")],
            0,
            "of drug: undecided",
            "the test came to no verdict; its controls say why",
        ),
    ],
)
def test_no_conclusive_test_is_missing(
    found: Any, bodies: list[Any], days: int, observed: str, reason: str
) -> None:
    """None, an old one, one without a verdict, also of one of two attributes: measure, with this command."""
    (finding,) = found(*bodies, days=days)

    assert observed in finding.observed
    assert (Status.MISSING, reason, GUESS) == (finding.status, finding.reason, finding.remedy)


def test_a_sound_test_replaces_an_undecided_one_of_the_same(found: Any) -> None:
    """An attempt that came to nothing does not stand in the way for ever."""
    assert [Status.PASSED] == [f.status for f in found(body("undecided"), body())]


def test_an_unnamed_property_replaces_no_other(found: Any) -> None:
    """Two tests of shares that nobody named may be of two groups."""
    bodies = [body("undecided", details={}), body(details={})]
    named = [one | {"details": {"property": "smokers"}} for one in bodies]

    statuses = [found(*pair, attack="property-inference")[0].status for pair in (bodies, named)]

    assert [Status.MISSING, Status.PASSED] == statuses


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        (body(), Status.PASSED, "withstood, which is evidence only of resistance to that very attack"),
        (
            body("leak shown"),
            Status.PASSED,
            "withstood, which is evidence only of resistance to that very attack",
        ),
        (
            body(high=0.2),
            Status.FAILED,
            "the upper end breaks the limit; more records would make the interval narrower",
        ),
        (
            body(estimate={"point": 0.1, "low": 0.0, "high": 0.2}),
            Status.FAILED,
            "the attack found what it looked for",
        ),
        (body("undecided"), Status.MISSING, "the test came to no verdict; its controls say why"),
        (body("undecided", high=0.2), Status.MISSING, "the test came to no verdict; its controls say why"),
    ],
)
def test_with_a_limit_the_upper_end_decides(found: Any, given: Any, status: Status, reason: str) -> None:
    """A small leak may be let through, a wide interval is not, and what is undecided says nothing."""
    (finding,) = found(given, max=0.05)

    assert (status, reason, f"upper end of every estimate by {ATTRIBUTE} at most 0.05 {NOTE}") == (
        finding.status,
        finding.reason,
        finding.required,
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (7, "the body is not a mapping"),
        ({}, "verdict is None, expected one of leak shown, none shown, undecided"),
        (body(estimate=0.5), "estimate is not a mapping with point, low and high"),
        (
            body(estimate={"point": 0.5, "low": 0, "high": None}),
            "estimate.high is None, expected a finite number",
        ),
        (
            body(estimate={"point": True, "low": 0, "high": 1}),
            "estimate.point is True, expected a finite number",
        ),
        (
            body(estimate={"point": 2, "low": 0, "high": 1}),
            "estimate 2.0 is not between its bounds 0.0 and 1.0",
        ),
        (body(confidence=1), "confidence is 1.0, expected a number between 0 and 1"),
        (body(null=float("nan")), "null is nan, expected a finite number"),
        (body(attack=" "), "attack is ' ', expected a text"),
        (body(measure=None), "measure is None, expected a text"),
    ],
)
def test_what_cannot_be_read_leaves_it_undecided(found: Any, given: Any, reason: str) -> None:
    """Alone, and beside a test that was withstood."""
    alone, beside = found(given), found(given, body())

    assert [(Status.UNDECIDED, f"the evidence cannot be read: {reason}")] == [
        (f.status, f.reason) for f in alone
    ]
    assert [Status.UNDECIDED, Status.PASSED] == [f.status for f in beside]


@pytest.mark.parametrize(
    ("attack", "more"),
    [
        ("model-inversion", ""),
        ("reconstruction", ""),
        ("extraction", ""),
        ("property-inference", " --group COLUMN=VALUE"),
    ],
)
def test_the_remedy_asks_for_that_attack(found: Any, attack: str, more: str) -> None:
    """The command as it must be typed."""
    assert f"{ASSESS} --attack {attack}{more}" == found(attack=attack)[0].remedy


def test_text_has_a_command_of_its_own(found: Any) -> None:
    """Canaries or texts are needed for it, not tables."""
    (finding,) = found(attack="memorisation")

    assert "governance assess-text models:/m/1 --canaries FILE" == finding.remedy


def test_evidence_of_other_attacks_does_not_count(cases: Any) -> None:
    """Withstanding one class says nothing of another, nor do other bytes."""
    other: Evidence = cases.evidence(body(), EvidenceType.EXTRACTION)
    stray = replace(cases.evidence(body(), EvidenceType.RECONSTRUCTION), subject_digest="c" * 64)
    case = cases.case(cases.dossier(cases.contribution(), evidence=[other], stray=[stray]))

    (finding,) = CHECKS["attack-withstood"].function(case, attack="reconstruction")

    assert (
        Status.MISSING,
        "reconstruction was not measured on these bytes; not counted: 1 about other bytes",
    ) == (finding.status, finding.reason)


RULES = """\
schema: governance/policy/v1
name: p
targets: {{ production: {{ aliases: [champion] }} }}
rules:
  - {{ name: r, checks: [{uses}] }}
"""


def test_the_parameters(mistakes: Callable[..., list[str]]) -> None:
    """The attack is one of a closed list; the limit may be left out, and then there is none."""
    policy = parse(RULES.format(uses="attack-withstood: { attack: extraction }"), "p.yaml")
    assert (CheckUse("attack-withstood", {"attack": "extraction"}),) == policy.rules[0].checks

    expected = ", ".join(kind.value for kind in ATTACKS)
    assert [
        "p.yaml:5: rule r: attack-withstood: attack: unknown word 'membership-inference';"
        f" expected one of {expected}",
        "p.yaml:5: rule r: attack-withstood: max: expected a number in [0, 100], found 101",
        "p.yaml:5: rule r: attack-withstood: the parameter 'attack' is missing: the class of attack",
    ] == sorted(
        mistakes(
            RULES.format(
                uses="attack-withstood: { attack: membership-inference },"
                " attack-withstood: { attack: extraction, max: 101 }, attack-withstood"
            )
        )
    )


def test_a_rule_with_a_limit_and_one_without_are_both_asked(cases: Any) -> None:
    """Neither implies the other; of two limits the tighter one counts."""
    uses = [f"attack-withstood: {{ attack: extraction{more} }}" for more in ("", ", max: 0.9", ", max: 0.5")]
    policy = parse(RULES.format(uses=", ".join(uses)), "p.yaml")
    case = cases.case(cases.dossier(cases.contribution()), policy)

    decision = evaluate(policy, case.target, case.dossier, case.asking, "alias @champion")

    assert [
        "no leak shown by extraction",
        f"upper end of every estimate by extraction at most 0.5 {NOTE}",
    ] == [f.required for f in decision.findings]


def test_the_body_of_an_outcome_is_read() -> None:
    """What the laboratory writes, the check reads."""
    from governance.privacy.attacks.interface import ThreatModel
    from governance.privacy.outcome import Outcome
    from governance.privacy.scoring import Interval
    from governance.privacy.verdict import Leakage

    outcome = Outcome(
        type=EvidenceType.ATTRIBUTE_INFERENCE,
        attack="imputation-lift",
        threat_model=ThreatModel("answers", "all but one column", 3),
        measure="lift",
        estimate=Interval(0.1, 0.05, 0.2),
        null=0.0,
        confidence=0.95,
        verdict=Leakage.SHOWN,
        power=0.8,
        detectable=float("inf"),
        counts={"records": 100},
        controls={},
        details={"attribute": "smoker"},
        seed=0,
    )

    tried = read(outcome.body())

    assert ("imputation-lift", "lift", "smoker", 0.05, 0.2, "leak shown") == (
        *tried.subject,
        tried.low,
        tried.high,
        tried.verdict,
    )
