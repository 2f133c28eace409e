"""Laid-out drawings as SVG: the lineage from left to right, and the decisions along a line of time.

Boxes have a fixed size; what does not fit is cut with an ellipsis, and the table beside has it whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from governance.canonical import instant
from governance.reports.charts import BLUE, FONTS, GREY, INK, PALE, VERMILLION
from governance.reports.tolerant import Json
from governance.reports.wording import short

WIDTH, MARGIN = 680, 2
BOX, HIGH, GAP = 204, 64, 14
MOST = 8
"""Boxes in a column; more are counted in a last box, for the table beside lists them all."""


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis if it has more than `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _opened(height: float, prefix: str, title: str, description: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{prefix}-title {prefix}-desc" '
        f'font-family="{FONTS}">'
        f'<title id="{prefix}-title">{escape(title)}</title>'
        f'<desc id="{prefix}-desc">{escape(description)}</desc>'
    )


def _text(
    x: float, y: float, words: str, size: float, colour: str, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


@dataclass(frozen=True, slots=True)
class _Box:
    """A named box with one or two lines under the name; a dashed one stands for what nobody knows."""

    name: str
    notes: tuple[str, ...]
    known: bool = True
    strong: bool = False

    def at(self, x: float, y: float) -> str:
        dash = "" if self.known else ' stroke-dasharray="5 4"'
        fill, colour, soft = (BLUE, "#ffffff", "#ffffff") if self.strong else ("#ffffff", INK, GREY)
        first = 29 if len(self.notes) == 1 else 21
        lines = [_text(12, first, shortened(self.name, 22), 12, colour, 600)]
        for n, note in enumerate(self.notes, start=1):
            lines.append(_text(12, first + 16 * n, shortened(note, 28), 10.5, soft))
        return (
            f'<rect x="{x:g}" y="{y:g}" width="{BOX}" height="{HIGH}" rx="6" fill="{fill}" '
            f'stroke="{BLUE if self.known else GREY}" stroke-width="1.3"{dash}/>'
            # The reader's font is not known here: the inner drawing cuts off what a wide one overflows.
            f'<svg x="{x:g}" y="{y:g}" width="{BOX - 6}" height="{HIGH}">{"".join(lines)}</svg>'
        )


def _arrow(x1: float, y1: float, x2: float, y2: float, known: bool) -> str:
    middle = (x1 + x2) / 2
    dash = "" if known else ' stroke-dasharray="5 4"'
    return (
        f'<path d="M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2 - 6:g} {y2:g}" fill="none" '
        f'stroke="{GREY}" stroke-width="1.2"{dash}/>'
        f'<path d="M{x2 - 7:g} {y2 - 4:g}L{x2:g} {y2:g}L{x2 - 7:g} {y2 + 4:g}Z" fill="{GREY}"/>'
    )


def _at_most(boxes: list[_Box]) -> list[_Box]:
    if len(boxes) <= MOST:
        return boxes
    rest = boxes[MOST - 1 :]
    return [
        *boxes[: MOST - 1],
        _Box(f"and {len(rest)} more", ("see the tables",), all(b.known for b in rest)),
    ]


def lineage(model: Json, origin: Json, label: Json, prefix: str) -> str:
    """Datasets, parents and gaps at the left, the run in the middle, the labelled version at the right."""
    datasets = [
        _Box(row["name"], _dataset_notes(row), bool(row["catalogued"]))
        for row in {(row["name"], row["sha256"]): row for row in origin["datasets"]}.values()
    ]
    parents = [
        _Box(parent["reference"], (parent["kind"].replace("_", " "),), parent["uid"] is not None)
        for parent in origin["parents"]
    ]
    gaps = [_Box(gap["what"], ("nobody can tell",), known=False) for gap in origin["gaps"]]
    left = _at_most(datasets + parents + gaps) or [_Box("nothing recorded", ("origin unknown",), known=False)]
    height = MARGIN * 2 + len(left) * HIGH + (len(left) - 1) * GAP
    centre = height / 2
    run_x, version_x = (WIDTH - BOX) / 2, WIDTH - BOX - MARGIN
    drawn = [_arrow(run_x + BOX, centre, version_x, centre, known=True)]
    for n, box in enumerate(left):
        y = MARGIN + n * (HIGH + GAP)
        drawn += [_arrow(MARGIN + BOX, y + HIGH / 2, run_x, centre, box.known), box.at(MARGIN, y)]
    run = model["run_id"]
    drawn.append(
        _Box("training run", (short(run) if run else "unknown",), run is not None).at(
            run_x, centre - HIGH / 2
        )
    )
    name = f"{shortened(model['name'], 18)} v{model['version']}"
    notes = (f"sha256 {model['digest'][:12]}…", _effective(label))
    drawn.append(_Box(name, notes, strong=True).at(version_x, centre - HIGH / 2))
    told = f"{len(datasets)} datasets, {len(parents)} parents and {len(gaps)} gaps lead to the version."
    return _opened(height, prefix, "Lineage", told) + "".join(drawn) + "</svg>"


def _dataset_notes(row: Json) -> tuple[str, ...]:
    if not row["catalogued"]:
        return ("not catalogued",)
    newest = row["labellings"][-1]["label"]
    words = [newest["confidentiality"], newest["special_categories"].replace("_", " ")]
    return f"{row['n_records']:,} records", ", ".join(word for word in words if word != "none")


def _effective(label: Json) -> str:
    chosen = ("confidentiality", "special_categories")
    values = [v["value"] for row in label["effective"] if row["dimension"] in chosen for v in row["values"]]
    words = {"everything": "every special category"}
    return ", ".join(words.get(v, v.replace("_", " ")) for v in values if v != "none")


def timeline(decisions: Sequence[Json], prefix: str) -> str:
    """Decisions along a line, evenly spaced in their order; each kind of answer has a mark of its own."""
    shown = list(decisions)[-6:]
    step = (WIDTH - 2 * MARGIN) / max(len(shown), 1)
    y = 44
    drawn = [f'<path d="M{MARGIN} {y}H{WIDTH - MARGIN}" stroke="{PALE}" stroke-width="2"/>']
    for n, made in enumerate(shown):
        x = MARGIN + step * (n + 0.5)
        drawn.append(_mark(x, y, _answer(made)))
        drawn.append(_text(x, y - 20, _answer(made), 12, INK, 600, "middle"))
        drawn.append(_text(x, y + 26, _day(instant(made["at"])), 10.5, INK, 400, "middle"))
        # A narrower step has room for fewer characters; 6 px is the widest of a system font at this size.
        drawn.append(_text(x, y + 42, shortened(made["change"], int(step / 6)), 10.5, GREY, 400, "middle"))
    told = "; ".join(f"{_day(instant(made['at']))}: {_answer(made)}" for made in shown)
    hidden = len(decisions) - len(shown)
    if hidden:
        told = f"{hidden} earlier decisions are in the table. {told}"
    return _opened(y + 52, prefix, "Decisions over time", told) + "".join(drawn) + "</svg>"


def _answer(made: Json) -> str:
    return "by exception" if made["by_exception"] else str(made["outcome"])


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _mark(x: float, y: float, answer: str) -> str:
    if answer == "allowed":
        return f'<circle cx="{x:g}" cy="{y:g}" r="8" fill="{BLUE}"/>'
    if answer == "by exception":
        corners = f"M{x:g} {y - 11:g}L{x + 11:g} {y:g}L{x:g} {y + 11:g}L{x - 11:g} {y:g}Z"
        return f'<path d="{corners}" fill="#ffffff" stroke="{VERMILLION}" stroke-width="3.2"/>'
    if answer == "denied":
        arms = f"M{x - 6:g} {y - 6:g}L{x + 6:g} {y + 6:g}M{x - 6:g} {y + 6:g}L{x + 6:g} {y - 6:g}"
        return (
            f'<circle cx="{x:g}" cy="{y:g}" r="11" fill="#ffffff"/>'
            f'<path d="{arms}" stroke="{VERMILLION}" stroke-width="3.2" stroke-linecap="round"/>'
        )
    return f'<circle cx="{x:g}" cy="{y:g}" r="7" fill="#ffffff" stroke="{GREY}" stroke-width="2.4"/>'
