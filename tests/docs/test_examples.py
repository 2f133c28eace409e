"""Every example in the documentation runs, in order, and prints what the page says it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ALONE = ("docs/labels.md", "docs/how-to/policy.md", "docs/how-to/private-training.md", "README.md")
"""Pages that begin in an empty folder."""
AFTER_TUTORIAL = (
    "docs/how-to/auditing.md",
    "docs/reference/report.md",
    "docs/reference/evidence.md",
    "docs/reference/json.md",
)
"""Pages that go on in the tutorial's folder; the last changes what the others show."""

OPAQUE = {"body": "governance/audit-log/v1", "document": "governance/policy-shown/v1"}
"""Keys behind which another page says what there is, and the kind of result they stand in."""


def words(text: str) -> list[str]:
    """What a text says, whatever its numbers, digests, days, line breaks and the reader's folder."""
    return sorted(
        re.sub(r"[0-9a-f]{12,}|[\d.,-]*\d", "#", re.sub(r'(?<=")/[^"]*(?=/frozen/)', "", text)).split()
    )


def keys(value: Any, opaque: set[str], path: str = "") -> set[str]:
    """Every path of keys in a JSON value, lists without their positions."""
    if isinstance(value, list):
        return {found for one in value for found in keys(one, opaque, f"{path}[]")}
    if not isinstance(value, dict):
        return set()
    own = {f"{path}.{key}" for key in value}
    return own | {
        k for key, one in value.items() if key not in opaque for k in keys(one, opaque, f"{path}.{key}")
    }


def check(results: list[Any], page: Path) -> None:
    """Hold what was printed against the page."""
    for result in results:
        expected = result.expected
        if expected is None:
            continue
        if expected.language == "json":
            said, printed = json.loads(expected.code), json.loads(result.out)
            opaque = {key for key, kind in OPAQUE.items() if kind == printed.get("schema")}
            assert keys(said, opaque) == keys(printed, opaque), expected.place
            table = set(re.findall(r"`([\w-]+)`", page.read_text("utf-8")))
            names = {re.split(r"[.\]]", path)[-1] for path in keys(printed, opaque | {"versions"})}
            if printed.get("schema") != "governance/assessment/v1":
                assert set() == names - table - {"schema"}, f"{expected.place}: keys that no table explains"
        else:
            assert words(expected.code) == words(result.out), expected.place


def test_the_tutorial(tutorial: tuple[Path, list[Any]], root: Path) -> None:
    """A denied and then an allowed promotion, typed from the page into an empty folder."""
    check(tutorial[1], root / "docs/tutorial.md")


@pytest.mark.parametrize("page", AFTER_TUTORIAL)
def test_a_page_that_goes_on(
    page: str, tutorial: tuple[Path, list[Any]], root: Path, run: Callable[..., list[Any]]
) -> None:
    """A page that begins where the tutorial ends."""
    check(run(root / page, tutorial[0], after_tutorial=True), root / page)


@pytest.mark.parametrize("page", ALONE)
def test_a_page_by_itself(page: str, tmp_path: Path, root: Path, run: Callable[..., list[Any]]) -> None:
    """A page that begins with nothing."""
    (tmp_path / "here").mkdir()

    check(run(root / page, tmp_path / "here"), root / page)


def test_postgresql(
    tmp_path: Path, root: Path, run: Callable[..., list[Any]], new_postgresql_database: Callable[[], str]
) -> None:
    """The tables are made in a real PostgreSQL as the page says."""
    (tmp_path / "here").mkdir()
    page = root / "docs/how-to/postgresql.md"

    check(run(page, tmp_path / "here", DATABASE=new_postgresql_database()), page)


def test_no_page_is_forgotten(pages: list[Path], root: Path, blocks: Callable[[Path], list[Any]]) -> None:
    """Every page with something to run stands above."""
    known = {*ALONE, *AFTER_TUTORIAL, "docs/tutorial.md", "docs/how-to/postgresql.md"}

    assert known == {
        page.relative_to(root).as_posix() for page in pages if any(block.runs for block in blocks(page))
    }


def test_a_change_of_words_is_noticed() -> None:
    """The comparison forgives numbers and line breaks, and no word."""
    assert words("DENIED 0.905\n2026-11-22 c4ffc86c1076") == words("2025-01-01 DENIED\n0.1 aaaaaaaaaaaa")
    assert words("state failed 0.9") != words("state passed 0.9")


def test_a_missing_key_is_noticed() -> None:
    """Keys are compared wherever they stand, also in the second entry of a list."""
    assert {".a", ".a[].b", ".a[].c"} == keys({"a": [{"b": 1}, {"c": None}]}, set())
