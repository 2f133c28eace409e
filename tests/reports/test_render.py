from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from governance.domain.evidence import EvidenceType
from governance.reports import render
from governance.reports.gather import ReportFacts

pytestmark = pytest.mark.slow

VOID = {"meta", "br", "link", "img", "hr", "input", "use", "path", "rect", "circle"}
HEADINGS = [
    "In plain language",
    "Decision",
    "Label",
    "Lineage",
    "Differential privacy",
    "Membership inference",
    "Other attacks",
    "Attacks run and not run",
    "Privacy budget",
    "Approvals",
    "Decisions over time",
    "Gaps",
    "Bytes",
    "Audit log",
]
FORBIDDEN = re.compile(r"\b(compliant|anonymous|safe)\b", re.IGNORECASE)
EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """A page taken apart: open tags, ids, references, headings, text, and what does not balance."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.unbalanced: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.references: set[str] = set()
        self.loads: list[str] = []
        self.headings: list[tuple[str, str]] = []
        self.text = ""
        self.tables: list[dict[str, int]] = []
        self.unscoped = 0
        self.feed(text)
        self.close()
        self.unbalanced += self.stack

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        self.stack += [] if tag in VOID else [tag]
        self.ids.update([given["id"]] if "id" in given else [])
        for name in ("aria-labelledby", "aria-describedby"):
            self.references |= set(given.get(name, "").split())
        self.references |= {given["href"][1:]} if given.get("href", "").startswith("#") else set()
        self.loads += [given[name] for name in ("src", "srcset", "data", "action") if name in given]
        self.loads += [given["href"]] if not given.get("href", "#").startswith("#") else []
        self.unscoped += tag == "th" and "scope" not in given
        if tag == "table":
            self.tables.append({"caption": 0})
        if tag == "caption":
            self.tables[-1]["caption"] += 1
        if tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.stack or self.stack.pop() != tag:
            self.unbalanced.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.text += data
        if self.headings and self.stack and self.stack[-1] == self.headings[-1][0]:
            tag, text = self.headings[-1]
            self.headings[-1] = (tag, text + data)


@pytest.fixture(scope="module", params=["denied", "allowed", "excepted", "ended"])
def facts(request: pytest.FixtureRequest) -> ReportFacts:
    """All reports in turn."""
    found: ReportFacts = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def text(facts: ReportFacts) -> str:
    """The report as HTML."""
    return render.html(facts)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    """The report's page."""
    return Page(text)


def test_the_page_is_well_formed(page: Page) -> None:
    """Every element is closed where it should be; ids are unique and every reference finds its id."""
    assert [] == page.unbalanced
    assert [] == [name for name, count in page.ids.items() if count > 1]
    assert set() == page.references - set(page.ids)
    assert (1, 1) == (page.tags["main"], page.tags["h1"])


def test_every_section_is_there(facts: ReportFacts, text: str, page: Page) -> None:
    """All headings stand in the order of reading, an exception before all; the contents lead to each."""
    first = [facts.exceptions["heading"]] if facts.exceptions["places"] else []

    assert first + HEADINGS == [text for tag, text in page.headings if tag == "h2"]
    assert re.findall(r'<section id="(\w+)"', text) == re.findall(r'<li><a href="#(\w+)">', text)


def test_tables_can_be_heard(page: Page) -> None:
    """Every table has a caption and every heading cell a scope."""
    assert [{"caption": 1}] * len(page.tables) == page.tables
    assert 0 == page.unscoped


def test_nothing_is_loaded_and_nothing_runs(text: str, page: Page) -> None:
    """The file is complete by itself: no script, no address, no handler."""
    assert [] == page.loads
    assert (0, 0, 0) == (page.tags["script"], page.tags["link"], page.tags["iframe"])
    assert [] == re.findall(r"https?://|@import|url\((?!#)|\son\w+=", text)


def test_nothing_is_promised(facts: ReportFacts, page: Page) -> None:
    """No report says that a model is what only a court or a person could say it is."""
    assert [] == FORBIDDEN.findall(page.text)
    assert [] == FORBIDDEN.findall(render.markdown(facts))
    assert "✓" not in page.text
    assert "✔" not in page.text


def test_the_same_facts_give_the_same_bytes(facts: ReportFacts, text: str) -> None:
    """A report can be rendered again and compared byte for byte, also from its JSON."""
    kept = ReportFacts.from_json(json.loads(render.json_text(facts)))

    assert text == render.html(kept)
    assert render.markdown(facts) == render.markdown(kept)
    assert render.json_text(facts) == render.json_text(kept)


def test_markdown_has_the_same_headings(facts: ReportFacts, page: Page) -> None:
    """The three levels of headings are the same in both forms."""
    lines = re.findall(r"^(#{1,3}) (.+)$", render.markdown(facts), flags=re.MULTILINE)

    assert page.headings == [(f"h{len(marks)}", title) for marks, title in lines]


def test_the_status_is_said_in_words(denied: ReportFacts, allowed: ReportFacts) -> None:
    """The banner names the decision and the gaps; the controller stands behind the bounds."""
    texts = [" ".join(Page(render.html(facts)).text.split()) for facts in (denied, allowed)]

    assert "Denied alias @champion 22 gaps" in texts[0]
    assert "Allowed alias @champion Evidence complete" in texts[1]
    assert ["policy threshold chosen by controller" in text for text in texts] == [True, True]


def test_no_epsilon_stands_alone(allowed: ReportFacts) -> None:
    """The headline of a DP statement holds δ, unit, relation, sampling and cover."""
    assert (
        "ε = 1.2 at δ = 10⁻⁵ for each person (add or remove one), "
        "with Poisson sampling, over the final model only."
    ) in Page(render.html(allowed)).text


def test_text_of_strangers_stays_text(denied: ReportFacts, allowed_with: Callable[..., ReportFacts]) -> None:
    """A name, a reason or a body with markup in it is shown, never obeyed."""

    def evil(dossier: Any) -> Any:
        named = replace(dossier.subject.named, name=EVIL)
        spend = replace(dossier.accounts[0].spends[0], key=EVIL, by=EVIL)
        return replace(
            dossier,
            subject=replace(dossier.subject, named=named, run_id=EVIL),
            approvals=tuple(replace(a, reason=EVIL, by=EVIL) for a in dossier.approvals),
            accounts=(replace(dossier.accounts[0], dataset=EVIL, unit=EVIL, spends=(spend,)),),
            evidence=tuple(
                replace(e, body={"attack": EVIL, "controls": {EVIL: EVIL}})
                if e.type is EvidenceType.MEMBERSHIP_INFERENCE
                else e
                for e in dossier.evidence
            ),
        )

    facts = allowed_with(evil)
    findings = [dict(f, reason=EVIL, remedy=EVIL) for f in denied.decision["findings"]]
    facts = replace(
        facts,
        decision=dict(facts.decision, findings=findings, change=EVIL),
        first_page=dict(facts.first_page, does=EVIL),
        timeline={"decisions": [dict(d, change=EVIL) for d in facts.timeline["decisions"]]},
    )
    page = Page(render.html(facts))

    assert (0, []) == (page.tags["script"], page.unbalanced)
    assert EVIL in page.text
    outside_code = re.sub(r"`+[^`]*`+", "", render.markdown(facts))
    assert "<script" not in outside_code
    assert "&lt;script>" in outside_code


def test_markdown_keeps_its_tables(denied: ReportFacts) -> None:
    """A bar, a line break or a mark at the start of a line in somebody's text changes no structure."""
    finding = dict(
        denied.decision["findings"][0], observed="a | b\n\nc", reason="*x* [y](z)", remedy="echo `|`"
    )
    facts = replace(
        denied,
        decision=dict(denied.decision, findings=[finding]),
        first_page=dict(denied.first_page, does="# Not a heading"),
    )
    lines = render.markdown(facts).splitlines()
    (row,) = [line for line in lines if line.startswith("| failed |")]

    assert (
        "| failed | membership-tpr | a \\| b c | upper bound of TPR at 0.1% FPR at most 1% "
        "(policy threshold chosen by controller) | \\*x\\* \\[y\\](z) `` echo `\\|` `` |"
    ) == row
    assert "\\# Not a heading" in lines
    tables = [line for line in lines if line.startswith("|")]
    assert [] == [line for line in tables if not line.endswith("|")]


def test_a_digest_is_cut_for_the_eye_only(allowed: ReportFacts) -> None:
    """The whole digest is in the title of the cut one."""
    digest = allowed.bytes["digest"]

    assert f'<code title="{digest}">{digest[:12]}…</code>' in render.html(allowed)


def test_json_is_the_documented_schema(allowed: ReportFacts) -> None:
    """The JSON form holds the very sections of the facts."""
    assert allowed.to_json() == json.loads(render.json_text(allowed))
