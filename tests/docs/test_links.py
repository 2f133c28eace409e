"""Links lead somewhere, and no page claims what nobody can show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Written so that only a claim matches: `anonymised_by_source` is a word of the label.
CLAIM = re.compile(r"\b(compliant|compliance|anonymous|safe|safely|risk-free|GDPR-ready)\b", re.IGNORECASE)
QUOTED = re.compile(r'"[^"\n]*"|`[^`\n]*`')

OTHERS = ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")


def prose(page: Path) -> str:
    """A page without its code."""
    return FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that a forge gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The links of a page that lead to no file or no heading."""
    found = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def test_links_resolve(pages: list[Path], root: Path) -> None:
    """Every link within the project leads to a file, and to a heading where it names one."""
    every = [*pages, *(root / name for name in OTHERS)]

    assert {} == {page.name: broken(page) for page in every if broken(page)}


def test_every_page_is_in_the_index(pages: list[Path], root: Path) -> None:
    """Nobody has to guess that a page exists."""
    index = root / "docs/README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(prose(index))}

    assert set() == {page for page in pages if page != index} - linked


def test_no_page_claims_what_nobody_can_show(pages: list[Path]) -> None:
    """No model is called by words that only a court or nobody can give, outside quotation marks."""
    found = {
        f"{page.name}: {claim}" for page in pages for claim in CLAIM.findall(QUOTED.sub("", prose(page)))
    }

    assert set() == found


@pytest.mark.parametrize("claim", ["The model is safe.", "It is GDPR compliant.", "Anonymous by design."])
def test_a_claim_is_noticed(claim: str) -> None:
    """The words are found in a sentence, whatever their case."""
    assert CLAIM.search(QUOTED.sub("", claim))
