"""A look at many versions: how often it asks, and that it sees each of them once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event

from governance.domain.events import ChangeRefused
from governance.reconciling import Cursor, reconcile
from governance.storage.archive import SqlArchive
from governance_mlflow.operations.reconcile import MlflowInventory

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


def test_rows_of_what_was_deleted_and_made_anew(store: Any, known: Any, around: Any) -> None:
    """A deleted version is no row and no successor; a name that was reused is one row, under its new uid."""
    known()
    known()
    store.delete_model_version("risk", 2)
    assert [("risk", 1, True)] == rows(around, "latest")
    old = rows(around, "uid")

    store.delete_registered_model("risk")
    assert "1" == known()
    ((name, version, uid),) = rows(around, "uid")
    assert ("risk", 1, True) == (name, version, uid is not None and uid != old[0][2])


def rows(around: Any, field: str) -> list[tuple[str, int, Any]]:
    """The rows, each with one of its fields."""
    with around.inventory.snapshot() as snapshot:
        found = snapshot.rows(None, 100)
    return [(row.named.name, row.named.version, getattr(row, field)) for row in found]


@pytest.mark.parametrize(("flag", "left"), [("true", 0), ("TRUE", 0), ("false", 1), ("yes", 1)])
def test_a_prompt_is_what_mlflow_takes_for_one(around: Any, flag: str, left: int) -> None:
    """By its flag, whatever its case; anything else is a model, even without bytes."""
    around.plain.create_registered_model("greeting")
    around.plain.create_model_version("greeting", "prompt-template")
    around.sql(
        "INSERT INTO registered_model_tags (workspace, name, key, value) "
        "VALUES ('default', 'greeting', 'mlflow.prompt.is_prompt', :flag)",
        flag=flag,
    )

    assert (left, left) == (len(rows(around, "stage")), around.inventory.count(None))


def test_what_is_read_is_of_one_moment(database: SqlArchive, make: Any) -> None:
    """A change that is committed meanwhile is not seen before the next look, on both kinds of database."""
    database.upgrade()
    inventory = MlflowInventory(SimpleNamespace(engine=database.engine))

    def write() -> None:
        with database.writing() as books:
            books.audit.append(make.noon, "ada", ChangeRefused("a change", "test"))

    writer = threading.Thread(target=write)
    with inventory.snapshot() as snapshot:
        before = snapshot.books.audit.head()
        writer.start()
        writer.join(0.5)
        assert before == snapshot.books.audit.head()
    writer.join(20)

    with inventory.snapshot() as snapshot:
        assert before[0] + 1 == snapshot.books.audit.head()[0]
