from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from governance.domain.dossier import Asking
from governance.domain.evidence import Evidence, EvidenceType
from governance.policy.evaluate import evaluate
from governance.reports import render
from governance.reports.gather import ReportFacts, gather

from .cases import NOW, at, composed
from .exceptional import CHANGE, LABS, PLACE, POLICY, Room, signature

pytestmark = pytest.mark.slow

BODIES = {
    "empty": {},
    "nothing as it should be": {
        "attack": 7,
        "n_members": "many",
        "auc": 0.6,
        "tpr_at_fpr": [{"fpr": 0.01}, "x", {"tpr": True, "resolved": "yes"}],
        "roc": {"fpr": [0.1, 0.2], "tpr": [0.1]},
        "controls": ["blind_baseline"],
        "not_run": {"class": "extraction"},
        "threat_model": "strong",
        "versions": None,
    },
    "a curve without bounds": {
        "roc": {"fpr": [0.0, 0.5, 1.0], "tpr": [0, 0.5, 1], "low": [None], "high": "?"}
    },
    "a curve of nothing": {"roc": {"fpr": [0.0, 0.0], "tpr": [0.0, 0.0]}, "n_non_members": 3},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_lacks_anything_is_shown_as_not_recorded(
    body: dict[str, Any], allowed_with: Callable[..., ReportFacts]
) -> None:
    """No producer's body, however poor, keeps a report from being rendered."""

    def poor(dossier: Any) -> Any:
        return replace(
            dossier,
            evidence=tuple(
                replace(e, body=body) if e.type is EvidenceType.MEMBERSHIP_INFERENCE else e
                for e in dossier.evidence
            ),
        )

    facts = allowed_with(poor)

    assert "not recorded" in render.html(facts)
    assert "not recorded" in render.markdown(facts)


def test_every_class_of_the_opinion_is_run_or_not_run(allowed: ReportFacts) -> None:
    """Each class stands in the table; producers' synonyms for a class are understood."""
    assert [
        ("membership-inference", "run", None),
        ("attribute-inference", "run", None),
        ("extraction", "not run", "the service answers 100 queries a day and person"),
        ("memorisation", "not run", "the model does not generate text"),
        ("model-inversion", "not run", "the inputs are twelve coarse columns"),
        ("reconstruction", "not run", "covered by the DP ceiling above"),
        ("property-inference", "not run", "the ward mix is published anyway"),
    ] == [(row["class"], row["status"], row["reason"]) for row in allowed.privacy["coverage"]]


OUTCOME = {
    "attack": "imputation-lift",
    "measure": "accuracy on members over imputation without the model",
    "estimate": {"point": 0.12, "low": 0.06, "high": 0.19},
    "null": 0.0,
    "confidence": 0.95,
    "verdict": "leak shown",
    "power": {"probability": 0.8, "detectable": 0.07},
    "threat_model": {"access": "confidence", "knowledge": "all other columns", "queries": 2},
    "counts": {"members": 900},
    "controls": {"imputation_alike": {"passed": True}},
    "details": {"attribute": "smoker", "rules": ["posterior"]},
    "seed": 3,
}


def attacked(body: Any, type: EvidenceType = EvidenceType.ATTRIBUTE_INFERENCE) -> Callable[[Any], Any]:
    """Puts this outcome, measured twice, in the place of all evidence of attacks but membership inference."""

    def change(dossier: Any) -> Any:
        kept = [e for e in dossier.evidence if e.type is EvidenceType.MEMBERSHIP_INFERENCE]
        new = Evidence(type, dossier.digest, "lab", at(30), at(-30), body)
        old = replace(new, created_at=at(90), expires_at=at(60))
        return replace(dossier, evidence=(*kept, old, new))

    return change


def test_another_attack_is_shown_with_everything_that_bounds_it(
    allowed_with: Callable[..., ReportFacts],
) -> None:
    """Attack, measure, interval, null, verdict, threat model, counts and expiry; the newest first."""
    facts = allowed_with(attacked(OUTCOME))

    new, old = facts.privacy["attacks"]
    assert {
        "type": "attribute-inference",
        "title": "Attribute inference",
        "plain": "guessing a hidden property of a person whose other properties are known",
        "attack": "imputation-lift",
        "about": "smoker",
        "measure": "accuracy on members over imputation without the model",
        "estimate": {"point": 0.12, "low": 0.06, "high": 0.19},
        "null": 0.0,
        "confidence": 0.95,
        "verdict": "leak shown",
        "power": {"probability": 0.8, "detectable": 0.07},
        "threat_model": {"access": "confidence", "knowledge": "all other columns", "queries": 2},
        "counts": {"members": 900},
        "controls": {"imputation_alike.passed": True},
        "details": {"attribute": "smoker"},
        "seed": 3,
        "producer": "lab",
        "expired": False,
    } == {key: value for key, value in new.items() if key not in {"evidence", "created_at", "expires_at"}}
    assert old["expired"]
    text = render.markdown(facts)
    assert "### Attribute inference: imputation-lift of smoker, " in text
    assert "- Measure: accuracy on members over imputation without the model\n" in text
    assert (
        "- Estimate: 0.12 (0.06 – 0.19), at 95.0% confidence\n- Expected if the model tells nothing: 0\n"
        in text
    )
    assert "Verdict of the test: leak shown." in render.html(facts)
    open_ended = allowed_with(attacked(OUTCOME | {"power": {"probability": 0.8, "detectable": None}}))
    assert "- Power: none that would bear a word on absence\n" in render.markdown(open_ended)


def test_a_leak_by_another_attack_stands_on_the_first_page(allowed_with: Callable[..., ReportFacts]) -> None:
    """In words, once, and only while the evidence counts."""
    said = (
        "A test of attribute inference showed a leak: accuracy on members over imputation without the model"
        " (smoker), 0.12; 0 if the model told nothing."
    )

    found = allowed_with(attacked(OUTCOME)).first_page["risks"]
    quiet = allowed_with(attacked(OUTCOME | {"verdict": "none shown"})).first_page["risks"]

    assert [1, 0] == [risks.count(said) for risks in (found, quiet)]


STRANGE = "<script>alert('x')</script> | `x`"


@pytest.mark.parametrize(
    "body",
    [{}, {"estimate": [1], "power": 3, "details": "?", "verdict": 1}, dict.fromkeys(OUTCOME, STRANGE)],
    ids=["empty", "nothing as it should be", "markup"],
)
def test_a_poor_or_evil_outcome_is_shown_as_text(
    body: dict[str, Any], allowed_with: Callable[..., ReportFacts]
) -> None:
    """No producer's body keeps a report from being rendered, and none is obeyed."""
    facts = allowed_with(attacked(body, EvidenceType.EXTRACTION))

    page, text = render.html(facts), render.markdown(facts)

    assert "not recorded" in page
    assert "not recorded" in text
    assert "<script" not in page
    assert [] == [line for line in text.splitlines() if line.startswith("|") and not line.endswith("|")]


def test_a_report_kept_by_an_older_release_is_rendered(allowed: ReportFacts) -> None:
    """It has no list of other attacks, and its measurements have no slices."""
    new = {"unit", "shadow_training", "p_value", "statistic", "power", "attacks", "slices", "records"}
    new |= {"family", "looks", "worst_records"}
    old = allowed.to_json()
    old["privacy"] = {key: value for key, value in old["privacy"].items() if key != "attacks"}
    old["privacy"]["membership"] = [
        {key: value for key, value in one.items() if key not in new}
        | {"controls": [{k: v for k, v in c.items() if k != "reason"} for c in one["controls"]]}
        for one in old["privacy"]["membership"]
    ]

    facts = ReportFacts.from_json(old)

    assert "No test of these bytes by any other attack is on record." in render.markdown(facts)
    assert "No test of these bytes by any other attack is on record." in render.html(facts)


def test_evidence_says_whose_key_is_under_it(excepted: ReportFacts, allowed: ReportFacts) -> None:
    """Under a policy that asks for the lab's signature, what nobody signed does not count."""
    rows = [
        (row["type"], [one["by"] for one in row["signatures"]], row["why_not"])
        for row in excepted.privacy["evidence"]
    ]

    assert [
        ("membership-inference", [], "not signed by privacy-lab, as the policy asks"),
        ("attribute-inference", [["privacy-lab"]], ""),
    ] == rows
    assert {""} == {row["why_not"] for row in allowed.privacy["evidence"]}
    assert "| not signed | no: not signed by privacy-lab, as the policy asks |" in render.markdown(excepted)
    assert "<td>signed by privacy-lab (key " in render.html(excepted)


def test_evidence_about_other_bytes_shows_its_signatures(urgent: Room) -> None:
    """No check looks at it, but whoever reads the register learns whose key is under it, too."""
    lab = Evidence(EvidenceType.EXTRACTION, "0a" * 32, "privacy-lab", at(50), None, {})
    dossier = replace(urgent.dossier(), stray=(lab,))
    with urgent.archive.reading() as books:
        books.signatures.add(lab.digest, signature(LABS, lab.statement()))
        made = evaluate(POLICY, PLACE, dossier, Asking("sam", NOW), CHANGE)
        facts = gather(books, dossier, POLICY, made, NOW, compose=composed)

    row = facts.privacy["evidence"][-1]
    assert ([["privacy-lab"]], "about other bytes") == ([s["by"] for s in row["signatures"]], row["why_not"])


def test_evidence_that_does_not_count_says_why(denied: ReportFacts) -> None:
    """Evidence about other bytes is told apart."""
    assert ["", "about other bytes"] == [row["why_not"] for row in denied.privacy["evidence"]]
