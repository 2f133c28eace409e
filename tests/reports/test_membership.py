from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from governance.domain.evidence import EvidenceType
from governance.reports import render
from governance.reports.gather import ReportFacts


def test_controls_not_run_are_listed(denied: ReportFacts) -> None:
    """A control that is missing is as visible as one that was made."""
    (measured,) = denied.privacy["membership"]

    assert {
        "blind_baseline": True,
        "duplicates": True,
        "shadow_accuracy": True,
        "positive_control": False,
        "negative_control": False,
        "own_kind": False,
        "per_record": False,
        "by_group": False,
    } == {control["name"]: control["run"] for control in measured["controls"]}
    assert {"": 0} == measured["controls"][1]["facts"]


def test_below_ten_false_positives_nothing_is_resolved(denied: ReportFacts) -> None:
    """With 20,000 non-members a curve says something from a false-positive rate of 0.0005 on."""
    assert 0.0005 == denied.privacy["membership"][0]["resolved_from"]


AUC = {"point": 0.7, "low": 0.6, "high": 0.8}
FULL: dict[str, Any] = {
    "attack": "blend-online",
    "unit": "record",
    "shadows": 8,
    "shadow_training": "stacked",
    "p_value": 0.001,
    "statistic": "tpr@0.01",
    "power": {"probability": 0.8, "auc": 0.55},
    "auc": AUC,
    "verdict": "leak shown",
    "attacks": [
        {"attack": name, "verdict": "leak shown", "p_value": 0.001, "auc": AUC}
        for name in ("blend-online", "quantile")
    ],
    "slices": [
        {
            "slicing": "sex",
            "value": "f",
            "too_small": False,
            "n_members": 150,
            "n_non_members": 200,
            "auc": AUC,
            "p_value": 0.02,
            "verdict": "undecided",
        },
        {"slicing": "sex", "value": "other", "too_small": True},
    ],
    "records": {
        "smallest_p_value": 0.0025,
        "identifiable": [{"q": 0.05, "records": 12, "share": 0.04, "fewest": 15}],
        "curve": {"p": [0.1, 1.0], "share": [0.2, 1.0]},
    },
    "family": {"attacks": 2, "tests": 48, "alpha": 0.025},
    "looks": {
        "looks": [
            {"shadows": 2, "confidence": 0.975, "verdict": "undecided", "share_of_alpha": 0.5},
            {"shadows": 8, "confidence": 0.9875, "verdict": "leak shown", "share_of_alpha": 0.25},
        ],
        "planned": [2, 8, 16],
        "stopped": "leak shown",
    },
    "worst_records": "ab" * 32,
    "controls": {
        "positive_control": {"attack": "blend-online", "auc": 0.9, "passed": True},
        "lacking": [{"control": "negative_control", "reason": "only one pair of shadows"}],
        "inflation": 1.41,
    },
}


@pytest.fixture
def full(allowed_with: Callable[..., ReportFacts]) -> ReportFacts:
    """A report on a measurement with everything that there is."""
    return allowed_with(
        lambda dossier: replace(
            dossier,
            evidence=tuple(
                replace(e, body=FULL) if e.type is EvidenceType.MEMBERSHIP_INFERENCE else e
                for e in dossier.evidence
            ),
        )
    )


def test_everything_the_measurement_says_is_kept(full: ReportFacts) -> None:
    """Attacks judged together, slices, counts of records, looks; curves of records stay in the evidence."""
    (measured,) = full.privacy["membership"]

    kept = ("unit", "shadow_training", "p_value", "statistic", "power", "attacks", "family", "worst_records")
    assert {key: FULL[key] for key in kept} == {key: measured[key] for key in kept}
    assert FULL["slices"][0] == measured["slices"][0]
    assert (True, None, None) == tuple(
        measured["slices"][1][key] for key in ("too_small", "p_value", "verdict")
    )
    assert {key: FULL["records"][key] for key in ("smallest_p_value", "identifiable")} == measured["records"]
    assert [(2, "undecided"), (8, "leak shown")] == [
        (look["shadows"], look["verdict"]) for look in measured["looks"]["looks"]
    ]
    assert ([2, 8, 16], "leak shown") == (measured["looks"]["planned"], measured["looks"]["stopped"])


def test_a_control_that_is_lacking_says_why(full: ReportFacts) -> None:
    """The list of what lacks is no control of its own."""
    controls = {one["name"]: one for one in full.privacy["membership"][0]["controls"]}

    assert "lacking" not in controls
    assert (False, "only one pair of shadows") == (
        controls["negative_control"]["run"],
        controls["negative_control"]["reason"],
    )
    assert (True, {"": 1.41}) == (controls["inflation"]["run"], controls["inflation"]["facts"])
    row = (
        "| Does the attack stay at chance where nothing can be found? | not run | only one pair of shadows |"
    )
    assert row in render.markdown(full)


def test_slices_records_and_looks_are_shown(full: ReportFacts) -> None:
    """In words, in both forms, with no numbers where there are too few records."""
    text, page = render.markdown(full), " ".join(render.html(full).split())

    assert [
        "- Shadow models, seed: 8, not recorded; stacked",
        "- Looks with more and more shadow models: 2: undecided; 8: leak shown – ended: leak shown",
        "- Identifiable one by one: 12 records (4.0% of the members) at a false-discovery rate of 5.0%;"
        " fewer than 15 could not be found",
        "| quantile | leak shown | 0.7 | 0.6 – 0.8 | 0.001 |",
        "| sex | f | undecided | 0.7 | 0.6 – 0.8 | 150 | 200 |",
        "| sex | other | too few records to tell | | | | |",
    ] == [
        line
        for line in text.splitlines()
        if line.startswith(("| quantile", "| sex", "- Looks", "- Identifiable", "- Shadow"))
    ]
    assert '<th scope="row">sex</th><td>other</td><td colspan="5">too few records to tell</td>' in page
    assert "12 records (4.0% of the members)" in page


def test_equal_facts_give_equal_pages(full: ReportFacts) -> None:
    """Also after they were kept as JSON."""
    kept = ReportFacts.from_json(full.to_json())

    assert (render.html(full), render.markdown(full)) == (render.html(kept), render.markdown(kept))
