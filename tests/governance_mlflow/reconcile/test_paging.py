"""A look at many versions: how often it asks, and that it sees each of them once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from governance.reconciling import Cursor, reconcile

pytestmark = pytest.mark.slow


@pytest.fixture
def statements(store: Any) -> Iterator[list[str]]:
    """Every SQL statement sent to the database meanwhile."""
    sent: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", listen)
    yield sent
    event.remove(store.engine, "before_cursor_execute", listen)


@pytest.mark.usefixtures("champion")
def test_the_number_of_statements_does_not_grow_with_the_versions(
    store: Any, statements: list[str], around: Any
) -> None:
    """A page of thirty-one versions in three kinds of places asks no more than a page of one."""
    source = store.get_model_version("risk", "1").source
    for _ in range(30):
        number = store.create_model_version("risk", source).version
        store.set_registered_model_alias("risk", "champion", number)
        store.transition_model_version_stage("risk", number, "Production", False)
    counted = []
    for size in (1, 31):
        pages = reconcile(around.inspection(), Cursor.parse("rows/default/risk/30"), 1) if size == 1 else None
        statements.clear()
        page = next(pages or reconcile(around.inspection(), Cursor(), size))
        assert (size, ()) == (page.looked_at, page.found)
        counted.append(len(statements))

    one, many = counted
    assert one == many < 30, statements


def test_every_version_is_seen_once_page_by_page(known: Any, around: Any) -> None:
    """However small the pages, and from every cursor on, nothing is left out and nothing comes twice."""
    for name in ("b", "a", "a b", "ä"):
        known(name)
        known(name)
    around.sql("DELETE FROM model_version_tags", "DELETE FROM model_versions WHERE name = 'ä'")

    whole = list(reconcile(around.inspection(), Cursor(), 4))
    assert ([4, 2, 2, 0], 6) == ([page.looked_at for page in whole], around.inventory.count(None))
    for size in (1, 2, 3, 5):
        seen: list[str] = []
        cursor: Cursor | None = Cursor()
        while cursor is not None:
            # As in a run of its own: all that is left of the one before is the text of its cursor.
            pages = list(reconcile(around.inspection(), Cursor.parse(str(cursor)), size, limit=size))
            seen += [one.discrepancy.subject for page in pages for one in page.found]
            cursor = pages[-1].next
        assert ["models:/ä/1", "models:/ä/2"] == sorted(subject.split(" ")[0] for subject in seen), size
