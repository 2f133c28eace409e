"""The database itself refuses to change what was recorded; what is changed all the same is noticed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Executable, func, select, text
from sqlalchemy.exc import DBAPIError

from governance.domain.chain import Checkpoint, Flaw, verify, verify_from
from governance.domain.decision import Status
from governance.domain.events import ChangeRefused
from governance.domain.lineage import DatasetUse, Lineage
from governance.errors import Undecided
from governance.storage.tables import INSERT_ONLY, audit, locks, metadata, subjects


@pytest.fixture
def filled(database: Any, make: Any) -> Any:
    """An archive with a row in every table and ten entries in the log."""
    dataset = make.dataset()
    with database.writing() as books:
        books.catalogue.add(dataset, make.labelling(dataset))
        books.subjects.add(make.subject())
        books.lineages.add("u1", Lineage((DatasetUse("r", "n", "d", "s", "c"),)))
        books.evidence.add(make.evidence())
        books.evidence.keep_manifest("u1", make.manifest())
        books.approvals.add(make.approval())
        books.decisions.add(make.decision(status=Status.FAILED), None)
        books.acts.add(make.waiver())
        books.signatures.add("b" * 64, make.signature())
        books.subjects.locate("u1", "s3://bucket/frozen/1")
        books.ledger.reserve(make.spend())
        books.policies.keep("d" * 64, "baseline", "text", make.noon)
        for number in range(10):
            books.audit.append(make.later(number), "ada", ChangeRefused(f"change {number}", "test"))
    return database


def behind_our_back(archive: Any, *statements: str) -> None:
    """Run SQL as somebody who may drop triggers."""
    with archive.engine.begin() as connection:
        for table in INSERT_ONLY:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table.name}_no_update")
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table.name}_no_delete")
            else:
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table.name}_insert_only ON {table.name}")
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_two_tables_may_change() -> None:
    """Whoever adds a table that may change says so here."""
    assert {subjects, locks} == set(metadata.tables.values()) - set(INSERT_ONLY)


@pytest.mark.parametrize("table", INSERT_ONLY, ids=lambda table: table.name)
def test_recorded_rows_can_be_neither_changed_nor_deleted(filled: Any, table: Any) -> None:
    """Update, delete and truncate are refused by name, also for whoever goes around our code."""
    column = next(iter(table.primary_key.columns))
    statements: list[Executable] = [table.update().values({column: column}), table.delete()]
    if filled.engine.dialect.name == "postgresql":
        statements.append(text(f"TRUNCATE {table.name} CASCADE"))
    for statement in statements:
        with pytest.raises(DBAPIError, match="is insert-only"), filled.engine.begin() as connection:
            connection.execute(statement)

    with filled.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(table)) > 0


CONTENTS = "its contents do not match its hash"


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ("actor = 'eve'", Flaw(4, CONTENTS)),
        ("type = 'promotion:allowed'", Flaw(4, CONTENTS)),
        ("body = '{}'", Flaw(4, CONTENTS)),
        ("body = 'no JSON'", Flaw(4, CONTENTS)),
        ("body = '[]'", Flaw(4, CONTENTS)),
        ("body = '{\"infinite\":1e999}'", Flaw(4, CONTENTS)),
        ("body = body || ' '", Flaw(4, CONTENTS)),
        ("at = 'never'", Flaw(4, CONTENTS)),
        ("parent = hash", Flaw(4, "its parent is not the entry before it")),
        ("position = 99", Flaw(5, "expected position 4")),
    ],
)
def test_a_changed_entry_is_found_at_its_position(filled: Any, change: str, flaw: Flaw) -> None:
    """Whatever is changed, and however unreadable it becomes, verification names the entry."""
    behind_our_back(filled, f"UPDATE governance_audit SET {change} WHERE position = 4")  # noqa: S608 - the table above

    with filled.reading() as books:
        assert flaw == verify(books.audit.entries()).flaw


def test_a_deleted_entry_is_found_at_the_gap(filled: Any) -> None:
    """The entry behind the gap is the first that does not fit."""
    behind_our_back(filled, "DELETE FROM governance_audit WHERE position = 4")

    with filled.reading() as books:
        assert Flaw(5, "expected position 4") == verify(books.audit.entries()).flaw


def test_a_log_cut_short_is_found_by_a_checkpoint_only(filled: Any) -> None:
    """The chain itself cannot tell; a checkpoint kept elsewhere can."""
    with filled.reading() as books:
        kept = Checkpoint(*books.audit.head())
    behind_our_back(filled, "DELETE FROM governance_audit WHERE position > 7")

    with filled.reading() as books:
        assert verify(books.audit.entries()).flaw is None
        found = verify_from(kept, books.audit.entries(kept.position - 1)).flaw
    assert Flaw(10, "it stands in the checkpoint and is no longer in the log") == found


def test_a_log_written_anew_is_found_by_a_checkpoint(filled: Any, make: Any) -> None:
    """Whoever cuts the log and goes on writing has other hashes."""
    with filled.reading() as books:
        kept = Checkpoint(*books.audit.head())
    behind_our_back(filled, "DELETE FROM governance_audit WHERE position > 7")
    with filled.writing() as books:
        for _ in range(5):
            books.audit.append(make.noon, "eve", ChangeRefused("nothing to see", ""))

    with filled.reading() as books:
        assert verify(books.audit.entries()).flaw is None
        found = verify_from(kept, books.audit.entries(kept.position - 1)).flaw
    assert Flaw(10, "its hash is not the one in the checkpoint") == found


def test_a_fork_is_impossible(filled: Any) -> None:
    """A second entry at a position breaks the primary key, even for a writer without the gate."""
    with filled.reading() as books:
        entry = next(books.audit.entries(9))
    row = {"at": "x", "actor": "eve", "type": "t", "body": "{}", "parent": entry.parent, "hash": "0"}
    with pytest.raises(DBAPIError), filled.engine.begin() as connection:
        connection.execute(audit.insert().values(position=10, **row))


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        (
            "UPDATE governance_evidence SET statement = replace(statement, '0.512345', '0.5')",
            lambda books: books.evidence.about("b" * 64),
        ),
        (
            "UPDATE governance_evidence SET subject_digest = '" + "9" * 64 + "'",
            lambda books: books.evidence.about("9" * 64),
        ),
        (
            "UPDATE governance_evidence SET statement = replace(statement, '/v1\"', '/v2\"')",
            lambda books: books.evidence.about("b" * 64),
        ),
        ("UPDATE governance_approvals SET role = 'owner'", lambda books: books.approvals.of("u1")),
        ("UPDATE governance_approvals SET expires_at = NULL", lambda books: books.approvals.of("u1")),
        (
            "UPDATE governance_decisions SET record = replace(record, '\"failed\"', '\"passed\"')",
            lambda books: books.decisions.of("u1"),
        ),
        (
            "UPDATE governance_labellings SET label = replace(label, 'restricted', 'public')",
            lambda books: books.catalogue.all(),
        ),
        (
            'UPDATE governance_lineages SET lineage = \'{"gaps":[],"parents":[],"uses":[]}\'',
            lambda books: books.lineages.of("u1"),
        ),
        (
            "UPDATE governance_manifests SET files = '[]'",
            lambda books: books.evidence.manifest(books.evidence.seen("u1")[0]),
        ),
    ],
)
def test_nothing_is_decided_on_a_changed_record(filled: Any, statement: str, read: Any) -> None:
    """A record whose contents no longer have its digest is refused, and the refusal says what to do."""
    with filled.reading() as books:
        read(books)
    behind_our_back(filled, statement)

    with filled.reading() as books, pytest.raises(Undecided) as refusal:
        read(books)
    assert refusal.value.remedy
