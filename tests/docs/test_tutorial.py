"""The tutorial, and the pages that go on in its folder: all run, and print what they say they print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

GO_ON = (
    "docs/how-to/auditing.md",
    "docs/reference/report.md",
    "docs/reference/evidence.md",
    "docs/reference/json.md",
)
"""The last one changes what the others show."""


def test_the_tutorial(tutorial: tuple[Path, list[Any]], check: Callable[..., None]) -> None:
    """A denied and then an allowed promotion, typed from the page into an empty folder."""
    check(tutorial[1])


@pytest.mark.parametrize("page", GO_ON)
def test_a_page_that_goes_on(
    page: str,
    tutorial: tuple[Path, list[Any]],
    root: Path,
    run: Callable[..., list[Any]],
    check: Callable[..., None],
) -> None:
    """A page that begins where the tutorial ends."""
    check(run(root / page, tutorial[0], after_tutorial=True))
