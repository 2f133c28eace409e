"""A whole look, in pages of any size and from any cursor on."""

from __future__ import annotations

from typing import Any

import pytest

from governance.domain.subject import VersionName
from governance.errors import UsageError
from governance.reconciling import Cursor, reconcile


def test_a_version_that_is_gone(clinic: Any) -> None:
    """Living in the books, not in the registry."""
    subject = clinic.register()
    clinic.register("u2", version=2)
    del clinic.registry.table[subject.named]

    gone = ("tombstone-mismatch", "models:/risk/1 (u1)", "the registry does not have it")
    assert [gone] == clinic.found()


def test_pages_and_cursors(clinic: Any) -> None:
    """Any size of page and any limit: every version once, the log and the frozen area at the very end."""
    for number in range(1, 8):
        clinic.register(f"u{number}", version=number)
    for number in (6, 7):
        del clinic.registry.table[VersionName("risk", number)]
    clinic.registry.orphans = ["frozen/0"]
    expected = ["models:/risk/6 (u6)", "models:/risk/7 (u7)", "frozen/0"]

    for size in (1, 2, 3, 7):
        for limit in (1, 2, 5, None):
            seen, looked_at, cursor = [], 0, Cursor()
            while True:
                pages = list(reconcile(clinic.inspection(), Cursor.parse(str(cursor)), size, limit))
                assert limit is None or sum(page.looked_at for page in pages) <= limit
                seen += [one.discrepancy.subject for page in pages for one in page.found]
                looked_at += sum(page.looked_at for page in pages)
                if pages[-1].next is None:
                    break
                cursor = pages[-1].next
            assert (expected, 7) == (seen, looked_at), (size, limit)


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(),
        Cursor(VersionName("risk of falling", 12, "lab")),
        Cursor(gone_after=""),
        Cursor(gone_after="u1"),
    ],
)
def test_a_cursor_as_text(cursor: Cursor) -> None:
    """It reads back as it was."""
    assert cursor == Cursor.parse(str(cursor))


@pytest.mark.parametrize("text", ["", "rows", "rows/a/b", "rows/a/b/c", "gone/a/b", "17"])
def test_what_is_no_cursor(text: str) -> None:
    """It says where to get one."""
    with pytest.raises(UsageError, match="is no cursor"):
        Cursor.parse(text)
