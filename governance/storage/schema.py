"""The schema's state, and its upgrade by the migrations, over a connection that is open already.

No URL ever reaches Alembic's configuration, so no password can end up in one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from governance.errors import Undecided
from governance.resources import folder

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "governance_alembic_version"
"""Our own, so that MLflow's migrations and ours never see each other."""

State = Literal["current", "missing", "outdated", "newer"]

_ADVISORY_LOCK = 0x676F7665726E  # "govern"
_LOCK_TIMEOUT_MS = 20_000
_alembic = threading.Lock()
"""Alembic keeps the running migration in module globals: one at a time in a process."""


def state(engine: Engine) -> State:
    """How the schema in the database relates to the one this release needs."""
    with engine.connect() as connection:
        return _state(connection)


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision, all of it or nothing; a second call does nothing.

    Raises:
        Undecided: the database was written by a newer release.
    """
    from alembic import command

    with _alembic, engine.connect() as connection:
        _lock(connection)
        if _state(connection) == "newer":
            raise _newer()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def ready(engine: Engine) -> None:
    """Make sure that the schema is the one this release needs: SQLite is upgraded, others are refused.

    Raises:
        Undecided: the schema is missing, older (not on SQLite) or newer.
    """
    found = state(engine)
    if found == "newer":
        raise _newer()
    if found != "current":
        if engine.dialect.name != "sqlite":
            raise Undecided(
                f"The governance schema in {engine.url.render_as_string()} is {found}.",
                "Take a backup, then run: governance db upgrade",
            )
        upgrade(engine)


def _state(connection: Connection) -> State:
    from alembic.script import ScriptDirectory

    if not inspect(connection).has_table(VERSION_TABLE):
        return "missing"
    present = connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))
    if present is None:
        return "missing"
    scripts = ScriptDirectory.from_config(_config())
    if present == scripts.get_current_head():
        return "current"
    return "outdated" if present in {script.revision for script in scripts.walk_revisions()} else "newer"


def _newer() -> Undecided:
    return Undecided(
        "The governance schema in the database was made by a newer release than this one.",
        "Install that release here too: pip install --upgrade mlflow-governance",
    )


def _lock(connection: Connection) -> None:
    """Let one upgrade run at a time, across processes, until the transaction ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_LOCK_TIMEOUT_MS}")
        # The driver begins a transaction before INSERT, but not before CREATE TABLE.
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        # Better no upgrade than one that queues behind a long query, with everybody queueing behind it.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    # Alembic interpolates: a % in the path must be doubled.
    config.set_main_option("script_location", str(folder("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
