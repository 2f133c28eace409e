"""The report as HTML, Markdown or JSON: the same facts, and from the same facts the same bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from governance.reports import charts, drawings, wording
from governance.reports.gather import ReportFacts
from governance.reports.guarantees import alone
from governance.reports.tolerant import Json

_FILTERS = {
    "number": wording.number,
    "percent": wording.percent,
    "when": wording.when,
    "size": wording.size,
    "word": wording.word,
    "short": wording.short,
    "scalars": wording.scalars,
    "signed": wording.signed,
}


def html(facts: ReportFacts) -> str:
    """One self-contained page: no script, nothing loaded, every value escaped."""
    pages = _environment(autoescape=True)
    pages.filters["digest"] = _digest
    report = facts.to_json()
    return pages.get_template("report.html.j2").render(**report, charts=_drawn(report))


def markdown(facts: ReportFacts) -> str:
    """The same content under the same headings as GitHub-flavoured Markdown, without charts."""
    pages = _environment(autoescape=False, finalize=_plain)
    pages.filters["code"] = _code
    return pages.get_template("report.md.j2").render(**facts.to_json())


def json_text(facts: ReportFacts) -> str:
    """`governance/report/v1` as indented JSON."""
    return json.dumps(facts.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _environment(*, autoescape: bool, **options: Any) -> jinja2.Environment:
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=autoescape,  # noqa: S701  html() switches it on; Markdown has an escaping of its own
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    pages.filters |= _FILTERS
    return pages


def _drawn(report: Json) -> dict[str, Any]:
    """Every chart of the page; each has an id prefix of its own."""
    privacy = report["privacy"]
    statement = alone(privacy["dp"])
    return {
        "lineage": _inline(
            drawings.lineage(report["model"], report["lineage"], report["label"], "lineage-chart")
        ),
        "timeline": _inline(drawings.timeline(report["timeline"]["decisions"], "timeline-chart")),
        "roc": [
            _inline(charts.roc(m, privacy["bounds"], statement, f"roc-{n}")) if m["roc"] else None
            for n, m in enumerate(privacy["membership"], start=1)
        ],
        "budget": [
            _inline(charts.burn_down(account, f"budget-{n}"))
            for n, account in enumerate(report["budgets"]["accounts"], start=1)
        ],
    }


def _inline(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704  charts and drawings escape every text they write


def _digest(value: Any) -> Markup:
    """A digest cut short for the eye, whole on hovering and in the JSON report."""
    if value is None:
        return Markup('<span class="absent">{}</span>').format(wording.ABSENT)
    return Markup('<code title="{}">{}</code>').format(value, wording.short(value))


def _plain(value: Any) -> Any:
    """Text that Markdown shows as it is, on one line."""
    if isinstance(value, Markup) or value is None:
        return value
    text = re.sub(r"([\\`*\[\]|])", r"\\\1", re.sub(r"\s+", " ", str(value)))
    # At the start of a line these would open a heading, a list or a quotation.
    text = (
        re.sub(r"^(\s*\d*)([#>+.)-])", r"\1\\\2", text)
        if re.match(r"\s*(?:[#>+-]|\d+[.)])\s", text)
        else text
    )
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _code(value: Any) -> Markup:
    """Text as a code span, fenced by more backticks than it contains."""
    text = " ".join(str(value).split()).replace("|", "\\|")
    if not text:
        return Markup("")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    # Markup only tells `_plain` to leave it alone: inside a code span nothing is markup.
    return Markup(f"{fence}{pad}{text}{pad}{fence}")  # noqa: S704  never reaches a browser as HTML
