from __future__ import annotations

import re
from typing import Any

import pytest

from governance.reports import charts
from governance.reports.gather import ReportFacts

pytestmark = pytest.mark.slow


def texts(svg: str) -> list[str]:
    """Every text of a drawing, in order."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def drawn(facts: ReportFacts, prefix: str = "roc-1") -> str:
    """The ROC of a report's newest measurement."""
    statements = facts.privacy["dp"]
    return charts.roc(
        facts.privacy["membership"][0],
        facts.privacy["bounds"],
        statements[0] if statements else None,
        prefix,
    )


def test_the_roc_shows_what_limits_its_reading(denied: ReportFacts, allowed: ReportFacts) -> None:
    """Chance, interval, policy bound and unresolved region always; a ceiling only with a guarantee."""
    legend = {"chance", "interval", "measured", "policy bound"}
    region = "shaded: below 0.0005, too few records to resolve"

    assert {*legend, region} <= set(texts(drawn(denied)))
    assert "DP ceiling" not in texts(drawn(denied))
    assert {*legend, region, "DP ceiling"} <= set(texts(drawn(allowed)))


def test_a_ceiling_over_part_of_the_data_says_so(allowed: ReportFacts) -> None:
    """Where other data went in as well, the ceiling is not drawn as if it held for all."""
    statement = dict(allowed.privacy["dp"][0], uncovered=["another"])
    svg = charts.roc(allowed.privacy["membership"][0], [], statement, "roc-1")

    assert "DP ceiling, covered data only" in texts(svg)


def test_charts_can_stand_in_one_page(denied: ReportFacts) -> None:
    """Ids of two charts never meet, references stay inside, and the same facts give the same bytes."""
    first, second = drawn(denied, "roc-1"), drawn(denied, "roc-2")
    ids = [set(re.findall(r'\bid="([^"]*)"', svg)) for svg in (first, second)]
    used = set(re.findall(r'(?:url\(|href=")#([^")]*)', first))

    assert set() == ids[0] & ids[1]
    assert used <= ids[0]
    assert first == drawn(denied, "roc-1")


@pytest.mark.parametrize("pattern", [r"https?:", "<metadata", "<!DOCTYPE", "DejaVu", r"<\?xml"])
def test_charts_bring_nothing_along(denied: ReportFacts, pattern: str) -> None:
    """No prolog, no name spaces, no metadata, no fonts of the machine that drew them."""
    assert [] == re.findall(pattern, drawn(denied))


def test_charts_say_what_they_show(denied: ReportFacts) -> None:
    """A screen reader is told the same numbers."""
    svg = drawn(denied)

    assert 'role="img" aria-labelledby="roc-1-title roc-1-desc"' in svg
    assert (
        '<desc id="roc-1-desc">True-positive rate 0.0158 at false-positive rate 0.0001. '
        "True-positive rate 0.0447 at false-positive rate 0.001. "
        "True-positive rate 0.126 at false-positive rate 0.01. "
        "The policy asks for at most 0.01 at 0.001. "
        "Below 0.0005 there are too few records to resolve the curve. "
        "No differential-privacy ceiling applies.</desc>"
    ) in svg


def test_long_curves_are_thinned() -> None:
    """However many points were measured, a chart has at most one for each step of its axis."""
    rates = [n / 100_000 for n in range(100_001)]
    kept = charts.thinned(rates, 1e-4)

    assert 100_000 == kept[-1]
    assert sorted(set(kept)) == kept
    assert 200 < len(kept) <= 241


def burnt(**changes: Any) -> str:
    """A burn-down of three charges."""
    charges = [{"state": "committed", "composed_epsilon": e} for e in (1.0, 2.5, 3.0)]
    account = {
        "dataset": "admissions",
        "unit": "person",
        "limit_epsilon": 2.0,
        "limit_delta": 1e-5,
        "spends": charges,
    }
    return charts.burn_down({**account, **changes}, "budget-1")


def test_an_overdrawn_budget_burns_below_nothing() -> None:
    """The line goes on below zero, and the words say by how much."""
    assert "Granted ε 2 at δ 1e-05 per person. Left after 3 trainings: -1." in burnt()


def test_a_budget_without_a_charge_is_whole() -> None:
    """Before any training all of it is left."""
    assert "Left after 0 trainings: 2." in burnt(spends=[])


def test_charges_that_do_not_compose_are_not_drawn() -> None:
    """Where the total is not known nothing is claimed to be left."""
    spends = [{"state": "committed", "composed_epsilon": None}]

    assert "What is left is not known." in burnt(spends=spends)
