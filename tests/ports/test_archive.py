"""The conformance suite of `ports.Archive`: what one transaction is."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from governance.domain.chain import GENESIS
from governance.domain.events import ChangeRefused
from governance.domain.lineage import DatasetUse, Lineage

EVENT = ChangeRefused("alias", "test")


def write_everything(archive: Any, make: Any) -> None:
    """Write into every store, then fail."""
    dataset = make.dataset()
    with archive.writing() as books:
        books.catalogue.add(dataset, make.labelling(dataset))
        books.subjects.add(make.subject())
        books.lineages.add("u1", Lineage((DatasetUse("r", "n", "d", "s", "c"),)))
        books.evidence.add(make.evidence())
        books.evidence.keep_manifest("u1", make.manifest())
        books.approvals.add(make.approval())
        books.decisions.add(make.decision(), "file:///frozen")
        books.audit.append(make.noon, "ada", EVENT)
        books.ledger.reserve(make.spend())
        books.policies.keep("d" * 64, "baseline", "text", make.noon)
        raise ZeroDivisionError


def bury_and_fail(archive: Any, make: Any) -> None:
    """Change the one kind of record that changes, then fail."""
    with archive.writing() as books:
        books.subjects.bury("u1", make.noon)
        raise ZeroDivisionError


def test_all_that_is_written_together_is_kept_or_none_of_it(archive: Any, make: Any) -> None:
    """An exception after writing into every store leaves every store empty."""
    with pytest.raises(ZeroDivisionError):
        write_everything(archive, make)

    with archive.reading() as books:
        assert () == books.catalogue.all()
        assert books.subjects.find(make.subject().named) is None
        assert Lineage() == books.lineages.of("u1")
        assert () == books.evidence.about("b" * 64)
        assert () == books.evidence.seen("u1")
        assert () == books.approvals.of("u1")
        assert () == books.decisions.of("u1")
        assert (0, GENESIS) == books.audit.head()
        assert () == books.ledger.spends("visits")
    # What the failed transaction wrote may be written now.
    with archive.writing() as books:
        books.policies.keep("d" * 64, "baseline", "another text", make.noon)
    with archive.reading() as books:
        assert "another text" == books.policies.text("d" * 64)


def test_a_failure_does_not_undo_what_was_kept_before(archive: Any, make: Any) -> None:
    """Renames and burials are undone too, back to the last kept state."""
    with archive.writing() as books:
        books.subjects.add(make.subject())
    with pytest.raises(ZeroDivisionError):
        bury_and_fail(archive, make)

    with archive.reading() as books:
        assert make.subject() == books.subjects.find(make.subject().named)


def test_what_is_written_while_reading_is_dropped(archive: Any, make: Any) -> None:
    """Only `writing()` keeps anything."""
    with archive.reading() as books:
        books.audit.append(make.noon, "ada", EVENT)

    with archive.reading() as books:
        assert (0, GENESIS) == books.audit.head()


def test_one_writer_at_a_time(archive: Any, make: Any) -> None:
    """A second writer sees nothing until the first is done, and then sees all the first wrote."""
    first_is_in, seen = threading.Event(), []

    def second() -> None:
        first_is_in.wait(10)
        with archive.writing() as books:
            seen.append(books.audit.head()[0])

    thread = threading.Thread(target=second)
    thread.start()
    with archive.writing() as books:
        first_is_in.set()
        books.audit.append(make.noon, "ada", EVENT)
        thread.join(0.3)
        assert [] == seen
        books.audit.append(make.noon, "ada", EVENT)
    thread.join(20)
    assert [2] == seen
