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


def test_controls_not_run_are_listed(denied: ReportFacts) -> None:
    """A control that is missing is as visible as one that was made."""
    (measured,) = denied.privacy["membership"]

    assert {
        "blind_baseline": True,
        "duplicates": True,
        "shadow_accuracy": True,
        "positive_control": False,
        "negative_control": False,
        "per_record": False,
        "by_group": False,
    } == {control["name"]: control["run"] for control in measured["controls"]}
    assert {"": 0} == measured["controls"][1]["facts"]


def test_below_ten_false_positives_nothing_is_resolved(denied: ReportFacts) -> None:
    """With 20,000 non-members a curve says something from a false-positive rate of 0.0005 on."""
    assert 0.0005 == denied.privacy["membership"][0]["resolved_from"]


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
