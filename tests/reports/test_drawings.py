from __future__ import annotations

import re
from typing import Any

from governance.reports import drawings
from governance.reports.gather import ReportFacts


def texts(svg: str) -> list[str]:
    """Every text of a drawing, in order."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def drawn(facts: ReportFacts, **changes: Any) -> str:
    """The lineage of a report."""
    return drawings.lineage(facts.model, {**facts.lineage, **changes}, facts.label, "l")


def test_lineage_from_left_to_right(denied: ReportFacts) -> None:
    """Datasets, parents and gaps lead through the run to the version, labels with them."""
    assert [
        "admissions",
        "48,210 records",
        "confidential, health",
        "extra-export-2024-war…",
        "not catalogued",
        "models:/readmission-r…",
        "copied from",
        "nested run 8d2f",
        "nobody can tell",
        "training run",
        "7c1e9f6b2d4a…",
        "readmission-risk-… v3",
        f"sha256 {denied.bytes['digest'][:12]}…",
        "restricted, every special c…",
    ] == texts(drawn(denied))


def test_what_nobody_knows_is_dashed(denied: ReportFacts, allowed: ReportFacts) -> None:
    """An uncatalogued dataset and a gap have dashed boxes and arrows, so grey print shows them."""
    assert 4 == drawn(denied).count("stroke-dasharray")
    assert 0 == drawn(allowed).count("stroke-dasharray")


def test_a_version_without_any_lineage_has_an_unknown_origin(denied: ReportFacts) -> None:
    """Nothing recorded is drawn as a gap, not as an empty place."""
    svg = drawn(denied, datasets=[], parents=[], gaps=[])

    assert ["nothing recorded", "origin unknown"] == texts(svg)[:2]


def test_many_datasets_are_counted_not_drawn(allowed: ReportFacts) -> None:
    """The drawing stays on one page; the rest is in the table."""
    row = allowed.lineage["datasets"][0]
    svg = drawn(allowed, datasets=[dict(row, name=f"d{n}") for n in range(30)])

    assert "and 23 more" in texts(svg)
    assert 10 == svg.count("<rect")


def test_texts_fit_their_boxes(denied: ReportFacts) -> None:
    """No line in a box is longer than the box, whatever the names are."""
    long = "x" * 200
    rows = [dict(row, name=long) for row in denied.lineage["datasets"]]

    assert [] == [text for text in texts(drawn(denied, datasets=rows)) if len(text) > 28]


def test_decisions_stand_in_order(allowed: ReportFacts) -> None:
    """The newest six decisions, each with its answer, day and change."""
    svg = drawings.timeline(allowed.timeline["decisions"], "t")

    assert [
        "denied",
        "2026-02-24 14:05",
        "alias @champion",
        "allowed",
        "2026-03-01 14:05",
        "alias @champion",
    ] == texts(svg)


def test_each_answer_has_a_shape_of_its_own(excepted: ReportFacts) -> None:
    """A cross, a disc, a diamond and a ring: grey print and any eye tell them apart, and words stand by."""
    (made,) = excepted.timeline["decisions"]
    answers = [
        made,
        {**made, "by_exception": False},
        {**made, "by_exception": False, "outcome": "denied"},
        {**made, "by_exception": False, "outcome": "undecided"},
    ]
    drawn = [drawings.timeline([answer], "t") for answer in answers]

    assert ["by exception", "allowed", "denied", "undecided"] == [texts(svg)[0] for svg in drawn]
    shapes = [re.sub(r'(?:stroke|fill)="[^"]*"', "", svg.partition("<text")[0]) for svg in drawn]
    assert 4 == len({shape.partition("/desc>")[2] for shape in shapes})


def test_older_decisions_are_left_to_the_table(allowed: ReportFacts) -> None:
    """More than six would not be readable; how many are left out is told."""
    svg = drawings.timeline(allowed.timeline["decisions"] * 5, "t")

    assert 6 == len(re.findall(r">(?:allowed|denied)<", svg))
    assert "4 earlier decisions are in the table." in svg


def test_what_is_cut_has_an_ellipsis() -> None:
    """Text within its length is untouched, longer text says that it was cut."""
    assert ("short", "much too…") == (drawings.shortened("short", 5), drawings.shortened("much too long", 10))
