"""Where the books can live, and how writers are kept apart, also inside somebody else's transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

from governance.domain.chain import verify
from governance.domain.events import ChangeRefused
from governance.errors import Undecided, UsageError
from governance.storage.archive import books, open_archive, ready, take_gate

EVENT = ChangeRefused("alias", "test")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "governed+sqlite:///:memory:",
        "sqlite:///file:shared?mode=memory&uri=true",
        "mysql://ada:secret@db/mlflow",
        "http://ada:secret@mlflow.clinic:5000",
        "postgresql+nosuchdriver://ada:secret@db/mlflow",
        "mlruns",
        "",
    ],
)
def test_governance_lives_in_a_database_that_remembers(url: str) -> None:
    """Everything else is refused with what to set, and no password in it."""
    with pytest.raises(UsageError) as refusal:
        open_archive(url)

    assert "postgresql+psycopg" in refusal.value.remedy
    assert "secret" not in str(refusal.value)


def test_a_file_and_its_folders_are_made_when_they_are_first_used(tmp_path: Path, make: Any) -> None:
    """Opening and asking make nothing; writing does, and the file is a whole archive afterwards."""
    path = tmp_path / "new" / "folder" / "books.db"
    archive = open_archive(f"governed+sqlite:///{path}")
    assert "missing" == archive.state()
    assert not path.parent.exists()
    with archive.writing() as open_books:
        open_books.audit.append(make.noon, "ada", EVENT)
    archive.engine.dispose()

    with open_archive(f"sqlite:///{path}").reading() as open_books:
        assert 1 == open_books.audit.head()[0]


def test_a_database_that_cannot_be_reached_decides_nothing(tmp_path: Path) -> None:
    """A file that is no database, and a server that is not there, are undecided, never empty."""
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database " * 100)
    for url in (
        f"sqlite:///{broken}",
        "postgresql+psycopg://ada:secret@127.0.0.1:1/mlflow?connect_timeout=2",
    ):
        with pytest.raises(Undecided) as refusal, open_archive(url).reading():
            pass
        assert "secret" not in str(refusal.value)


def test_without_the_gate_s_row_nobody_writes(database: Any) -> None:
    """Writers that cannot be kept apart are kept out."""
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM governance_locks"))

    with pytest.raises(Undecided, match="INSERT INTO governance_locks"), database.writing():
        pass


def test_a_writer_that_waits_too_long_gives_up(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that never leaves makes the others undecided, it does not hang them."""
    monkeypatch.setattr("governance.storage.archive._LOCK_TIMEOUT_MS", 100)
    with database.writing():
        # A new connection, so that SQLite's shorter patience counts for it.
        other = open_archive(database.engine.url.render_as_string(hide_password=False))
        with pytest.raises(Undecided, match="let no writer in"), other.writing():
            pass
        other.engine.dispose()


def test_books_join_a_session_and_stand_or_fall_with_it(database: Any, make: Any) -> None:
    """The change and its record are one transaction, which only its owner commits."""
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE aliases (version INTEGER)"))

    def change(version: int) -> None:
        with Session(database.engine) as session:
            take_gate(session.connection())
            session.execute(text("INSERT INTO aliases VALUES (:version)"), {"version": version})
            books(session.connection()).audit.append(make.noon, "ada", EVENT)
            if version == 2:
                raise ZeroDivisionError
            session.commit()

    change(1)
    with pytest.raises(ZeroDivisionError):
        change(2)

    with database.engine.connect() as connection:
        assert [1] == connection.execute(text("SELECT version FROM aliases")).scalars().all()
        assert 1 == books(connection).audit.head()[0]


@pytest.mark.slow
def test_sessions_of_a_plain_engine_do_not_lock_each_other_out(tmp_path: Path, make: Any) -> None:
    """MLflow's sessions know nothing of the gate but its first statement, and that is enough on SQLite."""
    url = f"sqlite:///{tmp_path / 'mlflow.db'}"
    engine = create_engine(url)
    ready(engine)
    sessions = sessionmaker(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE aliases (writer INTEGER)"))

    def change(writer: int) -> None:
        with sessions() as session:
            session.execute(text("PRAGMA busy_timeout = 20000"))
            take_gate(session.connection())
            before = session.scalar(text("SELECT count(*) FROM aliases"))
            session.execute(text("INSERT INTO aliases VALUES (:writer)"), {"writer": writer})
            books(session.connection()).audit.append(make.noon, str(before), EVENT)
            session.commit()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(change, range(60)))

    with open_archive(url).reading() as open_books:
        entries = list(open_books.audit.entries())
    assert (60, None) == ((walk := verify(entries)).entries, walk.flaw)
    # Each saw exactly what all before it had done.
    assert list(map(str, range(60))) == [entry.actor for entry in entries]
