"""Every page with examples that begins in an empty folder runs, and prints what it says it prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGES = (
    "docs/labels.md",
    "docs/how-to/assessing.md",
    "docs/how-to/policy.md",
    "docs/how-to/private-training.md",
    "docs/reference/attacks/inversion.md",
    "docs/reference/attacks/memorisation.md",
    "README.md",
)
ELSEWHERE = {
    "docs/how-to/auditing.md",
    "docs/how-to/postgresql.md",
    "docs/reference/evidence.md",
    "docs/reference/json.md",
    "docs/reference/report.md",
    "docs/tutorial.md",
}
"""Pages that are run by another test."""


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page(
    page: str, tmp_path: Path, root: Path, run: Callable[..., list[Any]], check: Callable[..., None]
) -> None:
    """A page that begins with nothing."""
    (tmp_path / "here").mkdir()

    check(run(root / page, tmp_path / "here"))


@pytest.mark.slow
def test_postgresql(
    tmp_path: Path,
    root: Path,
    run: Callable[..., list[Any]],
    check: Callable[..., None],
    new_postgresql_database: Callable[[], str],
) -> None:
    """The tables are made in a real PostgreSQL as the page says."""
    (tmp_path / "here").mkdir()

    check(run(root / "docs/how-to/postgresql.md", tmp_path / "here", DATABASE=new_postgresql_database()))


def test_no_page_is_forgotten(pages: list[Path], root: Path, blocks: Callable[[Path], list[Any]]) -> None:
    """Every page with something to run is run."""
    found = {page.relative_to(root).as_posix() for page in pages if any(b.runs for b in blocks(page))}

    assert {*PAGES, *ELSEWHERE} == found


def test_a_page_that_says_otherwise_is_noticed(
    tmp_path: Path, root: Path, run: Callable[..., list[Any]], check: Callable[..., None]
) -> None:
    """Other numbers and line breaks are forgiven, other words and other keys are not."""
    page = root / "docs/labels.md"
    ((_, printed),) = [(r.block, r) for r in run(page, tmp_path) if r.expected]
    check([printed])

    for old, new in (("applies", "does not apply"), ("deny", "warn")):
        assert old in printed.out
        with pytest.raises(AssertionError):
            check([type(printed)(printed.block, printed.out.replace(old, new), printed.expected)])
