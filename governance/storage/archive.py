"""The books over one database transaction, and the gate that lets one writer in at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)

from governance.errors import Undecided, UsageError
from governance.ports import Books
from governance.storage import schema
from governance.storage.acts import Acts
from governance.storage.approvals import Approvals
from governance.storage.audit_log import AuditLog
from governance.storage.catalogue import Catalogue
from governance.storage.decisions import Decisions
from governance.storage.evidence import EvidenceStore
from governance.storage.lineages import Lineages
from governance.storage.policies import PolicyArchive
from governance.storage.promotions import Promotions
from governance.storage.schema import ready as ready
from governance.storage.signatures import Signatures
from governance.storage.spend_ledger import SpendLedger
from governance.storage.subjects import Subjects
from governance.storage.tables import locks

PREFIX = "governed+"
"""What turns MLflow's own database URI into a governed registry URI."""

_LOCK_TIMEOUT_MS = 20_000


def books(connection: Connection) -> Books:
    """All stores over one open transaction; none of them commits, rolls back or connects."""
    return Books(
        catalogue=Catalogue(connection),
        subjects=Subjects(connection),
        lineages=Lineages(connection),
        evidence=EvidenceStore(connection),
        approvals=Approvals(connection),
        acts=Acts(connection),
        signatures=Signatures(connection),
        decisions=Decisions(connection),
        promotions=Promotions(connection),
        audit=AuditLog(connection),
        ledger=SpendLedger(connection),
        policies=PolicyArchive(connection),
    )


def take_gate(connection: Connection) -> None:
    """Wait until no other writer is in, and keep the others out until this transaction ends.

    It must be the first statement of the transaction. A transaction that reads first holds an old
    state: SQLite would refuse it the write lock at once, PostgreSQL would let it decide on that state.

    Raises:
        Undecided: another writer stayed in for more than 20 seconds, or the gate's row is gone.
    """
    postgresql = connection.dialect.name == "postgresql"
    try:
        if postgresql:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
        taken = connection.execute(locks.update().where(locks.c.name == "gate").values(name="gate"))
        if postgresql:
            connection.exec_driver_sql("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        raise Undecided(f"The governance database let no writer in: {error.orig}", "Try again.") from error
    if taken.rowcount != 1:
        raise Undecided(
            "The row `gate` of governance_locks is missing, so writers cannot be kept apart.",
            "Put it back: INSERT INTO governance_locks (name) VALUES ('gate')",
        )


class SqlArchive:
    """The books in a database; see `ports.Archive`.

    The schema is checked at the first use, not before, so that it can be upgraded through the same
    object. An exception inside `reading()` or `writing()` undoes everything written there.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._checking = threading.Lock()
        self._checked = False

    @contextmanager
    def reading(self) -> Iterator[Books]:
        """Books for reading; what is written through them is dropped."""
        with self._connected() as connection:
            yield books(connection)

    @contextmanager
    def writing(self) -> Iterator[Books]:
        """Books for writing, one writer at a time: what is read inside cannot change before the commit."""
        with self._connected() as connection:
            take_gate(connection)
            yield books(connection)
            connection.commit()

    def state(self) -> schema.State:
        """How the schema relates to the one this release needs; a missing file is not created by asking."""
        path = _file(self.engine.url)
        if path is not None and not path.exists():
            return "missing"
        with _reachable():
            return schema.state(self.engine)

    def upgrade(self) -> None:
        """Bring the schema to this release's."""
        with _reachable():
            schema.upgrade(self.engine)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with _reachable():
            with self._checking:
                if not self._checked:
                    ready(self.engine)
                    self._checked = True
            with self.engine.connect() as connection:
                yield connection


def open_archive(url: str) -> SqlArchive:
    """The archive in the database that a URL names, with or without the prefix `governed+`.

    Raises:
        UsageError: it is no URL of a SQLite file or a PostgreSQL database, or the driver is missing.
    """
    try:
        parsed = make_url(url.removeprefix(PREFIX))
    except ArgumentError as error:
        raise UsageError("The governance store is not a database URL.", _WANTED) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(f"{parsed.render_as_string()} is no database that governance can live in.", _WANTED)
    path = _file(parsed)
    if parsed.get_backend_name() == "sqlite" and path is None:
        raise UsageError("A SQLite database in memory forgets its audit log.", _WANTED)
    try:
        engine = create_engine(parsed, pool_pre_ping=path is None)
    except (ImportError, NoSuchModuleError) as error:
        raise UsageError(
            f"The driver for {parsed.render_as_string()} is not installed: {error}",
            "pip install 'mlflow-governance[postgres]', and write the URL as postgresql+psycopg://…",
        ) from error
    if path is not None:
        event.listen(engine, "do_connect", _make_folder)
        event.listen(engine, "connect", _prepare_sqlite)
    return SqlArchive(engine)


_WANTED = "Set GOVERNANCE_STORE_URI to sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"


def _file(url: URL) -> Path | None:
    """The file behind a SQLite URL; None for one in memory and for a database server."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name)


def _make_folder(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    Path(arguments[0]).parent.mkdir(parents=True, exist_ok=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_LOCK_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        # The other kinds are mistakes in a statement; the bare DatabaseError is a file that is damaged.
        if isinstance(error, (OperationalError, InterfaceError)) or type(error) is DatabaseError:
            raise Undecided(
                f"The governance database could not be used: {error.orig}",
                "See that it runs and can be written, then try again.",
            ) from error
        raise
