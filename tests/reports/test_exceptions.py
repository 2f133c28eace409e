from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from governance.domain.decision import Finding, Status
from governance.domain.events import PromotionWithdrawn
from governance.reports import render
from governance.reports.gather import ReportFacts

from .cases import NOW, Case, allowed_case
from .exceptional import CHANGE, PLACE, SUBJECT, Room

pytestmark = pytest.mark.slow

EVIL = "<script>alert('x')</script>"
GLASS = (
    "eve",
    "accountable_executive",
    "2026-03-03T09:05:00.000000Z",
    "patients wait; the old model is down",
)


def told(place: dict[str, Any]) -> dict[str, Any]:
    """Each check that was let pass: how, and by whom until when and why."""
    return {
        finding["check"]: (
            finding["status"],
            [tuple(row[key] for key in ("by", "role", "expires_at", "reason")) for row in finding["by"]],
        )
        for finding in place["findings"]
    }


def waived(reason: str) -> Room:
    """A version that eve lets pass for some hours, and that sam promotes."""
    room = Room()
    glass = {"target": "production", "role": "accountable_executive", "hours": 20.0}
    room.say("eve", NOW - timedelta(hours=2), "break-glass", reason, **glass)
    room.promote(NOW - timedelta(hours=1))
    return room


def test_nobody_made_an_exception(denied: ReportFacts, allowed: ReportFacts) -> None:
    """Without one there is no heading, no row, and no word of it on the page."""
    for facts in (denied, allowed):
        assert {"heading": None, "places": []} == facts.exceptions
        assert not facts.status["by_exception"]
        assert "by exception" not in render.html(facts).replace("a diamond an allowance by exception", "")


def test_every_check_that_was_let_pass(excepted: ReportFacts) -> None:
    """Each with who let it pass, in which role, until when and why; what was signed in vain is left out."""
    (place,) = excepted.exceptions["places"]

    assert "This version is in service by exception" == excepted.exceptions["heading"]
    assert ("alias @champion of readmission-risk", "production", True, "sam") == tuple(
        place[key] for key in ("change", "target", "in_service", "actor")
    )
    assert {
        "membership-auc": ("overridden", [GLASS]),
        "membership-tpr": (
            "waived",
            [
                ("petra", "privacy_reviewer", "2026-03-11T14:05:00.000000Z", "the lab signs next week"),
                ("dora", "dpo", "2026-03-14T02:05:00.000000Z", "the lab signs next week"),
            ],
        ),
        "dp-epsilon": ("waived", [("dora", "dpo", "2026-03-14T02:05:00.000000Z", "the lab signs next week")]),
        "approval": ("overridden", [GLASS]),
    } == told(place)
    assert [None] == sorted({f["now"] if f["now"] != f["status"] else None for f in place["findings"]})
    assert [] == [f["check"] for f in place["findings"] if f["ended"]]


def test_an_exception_that_ended_is_not_forgotten(ended: ReportFacts) -> None:
    """A day later the version would be denied, and is in service still: both are said."""
    (place,) = ended.exceptions["places"]

    assert ("denied", False) == (ended.status["outcome"], ended.status["by_exception"])
    assert "This version is in service by exception" == ended.exceptions["heading"]
    assert {
        "membership-auc": (True, "missing"),
        "membership-tpr": (False, "waived"),
        "dp-epsilon": (False, "waived"),
        "approval": (True, "missing"),
    } == {f["check"]: (f["ended"], f["now"]) for f in place["findings"]}
    assert ["expired on 2026-03-03 09:05 UTC"] == sorted(
        {row["why_not"] for f in place["findings"] for row in f["by"] if not row["stands"]}
    )
    for text in (render.html(ended), render.markdown(ended)):
        assert "An exception has ended, and the version is still in service:" in text


def test_a_version_out_of_service_is_not_said_to_be_in_it() -> None:
    """When the alias was taken away, what remains is that people made an exception."""
    room = waived("the old model is down")
    with room.archive.writing() as books:
        books.audit.append(NOW, "sam", PromotionWithdrawn(SUBJECT.uid, PLACE.name, CHANGE))
    exceptions = room.facts(NOW).exceptions

    assert "This version was let past checks by exception" == exceptions["heading"]
    assert [False] == [place["in_service"] for place in exceptions["places"]]


def test_only_those_it_entered_by_stand_beside_a_check() -> None:
    """Who broke the glass after the promotion had no part in it."""
    room = waived("the old model is down")
    room.say(
        "eve",
        NOW - timedelta(minutes=10),
        "break-glass",
        "to be sure",
        target="production",
        role="accountable_executive",
        hours=24.0,
    )
    (place,) = room.facts(NOW).exceptions["places"]

    assert {"the old model is down"} == {row["reason"] for f in place["findings"] for row in f["by"]}


def test_evidence_is_not_complete_where_a_check_was_let_pass() -> None:
    """A check that was let pass is a gap: somebody must meet it before the exception ends."""
    case: Case = allowed_case()
    remedy = "governance assess"
    finding = Finding("membership-auc", Status.WAIVED, "AUC 0.7", "at most 0.6", "too high; waived", remedy)
    decision = replace(case.decision, findings=(*case.decision.findings, finding))
    facts = replace(case, decision=decision).facts()

    assert {"outcome": "allowed", "by_exception": True, "gaps": 1, "words": "1 gap"} == facts.status
    assert ["membership-auc: at most 0.6"] == [gap["what"] for gap in facts.gaps["missing"]]
    assert (
        "The answer follows from policy health, whose bounds the controller chose: "
        "1 of 4 checks did not pass and was let pass by exception; none of the others stood against it."
    ) == facts.first_page["decided"][1]
    # Nobody is on record for it here, so the finding's own words stand in the table.
    assert '<td colspan="3">too high; waived</td>' in render.html(facts)


def test_one_check_may_be_unmet_several_times() -> None:
    """What became of each is told by what was seen, not by the check alone."""
    case: Case = allowed_case()
    gap = Finding("lineage-known", Status.FAILED, "run a", "nothing unknown", "deleted", "")
    passed_by = replace(gap, status=Status.OVERRIDDEN, observed="run b")
    facts = replace(case, decision=replace(case.decision, findings=(gap, passed_by))).facts()

    (place,) = facts.exceptions["places"]
    assert [("run b", "overridden")] == [(f["observed"], f["now"]) for f in place["findings"]]


def test_a_reason_with_markup_stays_text() -> None:
    """What somebody wrote as a reason is shown on the first page, never obeyed."""
    facts = waived(EVIL).facts(NOW)
    page = render.html(facts)

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in render.markdown(facts)


def test_an_exception_is_the_first_thing_on_the_page(excepted: ReportFacts) -> None:
    """The banner says it, the contents lead to it, and its section stands before all others."""
    page, text = render.html(excepted), render.markdown(excepted)

    assert '<p class="large">Allowed by exception</p>' in page
    assert "**Allowed by exception**" in text
    assert page.index('<a href="#exceptions">') < page.index('<a href="#summary">')
    assert page.index('<section id="exceptions"') < page.index('<section id="summary"')
    assert text.index("## This version is in service by exception") < text.index("## In plain language")
    assert '<span class="mark waived">waived</span>' in page
    assert "| membership-tpr | waived | no measurement |" in text
