"""The schema is what the migrations make, stays out of MLflow's way, and is upgraded by one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from governance.errors import Undecided
from governance.storage import schema
from governance.storage.archive import open_archive
from governance.storage.tables import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """An archive over an empty database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / '100% ours.db'}"
    else:
        url = request.getfixturevalue("new_postgresql_database")()
    archive = open_archive(url)
    yield archive
    archive.engine.dispose()


def differences(engine: Engine) -> list[Any]:
    """What `alembic check` would find."""
    with engine.connect() as connection:
        options = {"version_table": schema.VERSION_TABLE, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def layout(engine: Engine) -> dict[str, Any]:
    """Columns, keys and indexes of every table."""
    seen = inspect(engine)

    def index(found: Any) -> str:
        options = {key: str(value) for key, value in found.get("dialect_options", {}).items()}
        return str(found | {"dialect_options": options})

    return {
        name: {
            "columns": {c["name"]: (str(c["type"]), c["nullable"]) for c in seen.get_columns(name)},
            "key": seen.get_pk_constraint(name),
            "unique": sorted(map(str, seen.get_unique_constraints(name))),
            "foreign": sorted(map(str, seen.get_foreign_keys(name))),
            "indexes": sorted(map(index, seen.get_indexes(name))),
        }
        for name in seen.get_table_names()
        if name != schema.VERSION_TABLE
    }


def test_the_migrations_make_the_tables(database: Any) -> None:
    """Nothing that the code expects is missing, nothing that it does not know is there."""
    assert [] == differences(database.engine)


def test_the_migrations_make_exactly_what_the_metadata_would(empty: Any) -> None:
    """Also the names of constraints and the conditions of indexes, which Alembic's comparison overlooks."""
    metadata.create_all(empty.engine)
    expected = layout(empty.engine)
    metadata.drop_all(empty.engine)
    empty.upgrade()

    assert expected == layout(empty.engine)


def test_a_revision_without_its_table_is_noticed(database: Any) -> None:
    """The comparison is able to fail."""
    with database.engine.begin() as connection:
        connection.execute(text("DROP TABLE governance_spends"))

    assert "add_table" in {difference[0] for difference in differences(database.engine)}


def test_an_upgrade_brings_the_schema_and_a_second_one_does_nothing(empty: Any) -> None:
    """Missing becomes current; the one row of the locks stays one."""
    assert "missing" == empty.state()
    empty.upgrade()
    assert "current" == empty.state()
    empty.upgrade()

    assert "current" == empty.state()
    with empty.engine.connect() as connection:
        assert ["gate"] == connection.execute(text("SELECT name FROM governance_locks")).scalars().all()


def test_many_upgrades_at_once_are_one(empty: Any) -> None:
    """Replicas that start together do not trip over each other."""
    archives = [open_archive(empty.engine.url.render_as_string(hide_password=False)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda archive: archive.upgrade(), archives))
    for archive in archives:
        archive.engine.dispose()

    assert "current" == empty.state()


@pytest.mark.slow
def test_upgrades_of_many_processes_are_one(empty: Any) -> None:
    """The lock that keeps them apart is the database's, not the process's."""
    import subprocess
    import sys

    url = empty.engine.url.render_as_string(hide_password=False)
    program = (
        "import sys; from governance.storage.archive import open_archive; open_archive(sys.argv[1]).upgrade()"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(4)]

    assert [0] * 4 == [process.wait(60) for process in running]
    assert "current" == empty.state()


def test_a_failed_upgrade_leaves_nothing(empty: Any) -> None:
    """A table of ours that stands in the way stops the upgrade, and it is the only one there afterwards."""
    with empty.engine.begin() as connection:
        connection.execute(text("CREATE TABLE governance_locks (name TEXT)"))
    with pytest.raises(Exception, match="governance_locks"):
        empty.upgrade()

    assert ["governance_locks"] == inspect(empty.engine).get_table_names()


@pytest.mark.parametrize(("revision", "expected"), [("9999", "newer"), (None, "missing")])
def test_the_state_names_what_is_there(database: Any, revision: str | None, expected: str) -> None:
    """A revision that this release does not have was made by a newer one."""
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM governance_alembic_version"))
        if revision:
            connection.execute(text("INSERT INTO governance_alembic_version VALUES (:it)"), {"it": revision})

    assert expected == schema.state(database.engine)


def test_an_older_revision_is_outdated(database: Any) -> None:
    """A known revision that is not the newest asks for an upgrade."""
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE governance_alembic_version SET version_num = '0001'"))

    assert "outdated" == schema.state(database.engine)


def test_a_newer_schema_is_neither_used_nor_upgraded(database: Any) -> None:
    """An older release would misread what a newer one wrote: it says what to install."""
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE governance_alembic_version SET version_num = '9999'"))

    for use in (database.upgrade, lambda: schema.ready(database.engine)):
        with pytest.raises(Undecided, match="pip install --upgrade"):
            use()


def test_only_sqlite_is_upgraded_without_being_asked(empty: Any) -> None:
    """A server's schema is its administrator's: the first use names the command instead."""
    if empty.engine.dialect.name == "sqlite":
        with empty.reading() as books:
            assert () == books.catalogue.all()
    else:
        with pytest.raises(Undecided, match="governance db upgrade"), empty.reading():
            pass


def test_logging_stays_as_it_was(empty: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A server's log handlers survive an upgrade."""
    import logging

    logger = logging.getLogger("somebody.else")
    before = (logger.disabled, list(logging.root.handlers), logging.root.level)
    with caplog.at_level(logging.INFO, "somebody.else"):
        empty.upgrade()
        logger.info("still heard")

    assert (before, ["still heard"]) == (
        (logger.disabled, list(logging.root.handlers), logging.root.level),
        [record.getMessage() for record in caplog.records if record.name == "somebody.else"],
    )


@pytest.mark.slow
def test_mlflow_s_tables_are_not_touched(tmp_path: Path) -> None:
    """Both live in one file, upgrade in any order, and never see each other's version table."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    url = f"sqlite:///{tmp_path / 'mlflow.db'}"
    SqlAlchemyStore(url, str(tmp_path / "artifacts"))
    engine = create_engine(url)
    with engine.connect() as connection:
        master = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%governance%' ORDER BY name"
        before = connection.execute(text(master)).all()
        revision = connection.execute(text("SELECT * FROM alembic_version")).all()

    open_archive(f"governed+{url}").upgrade()
    SqlAlchemyStore(url, str(tmp_path / "artifacts"))

    with engine.connect() as connection:
        assert before == connection.execute(text(master)).all()
        assert revision == connection.execute(text("SELECT * FROM alembic_version")).all()
    assert "current" == schema.state(engine)
    assert {"governance_audit", "model_versions"} <= set(inspect(engine).get_table_names())


def test_a_new_revision_would_touch_our_tables_only(database: Any) -> None:
    """Autogeneration through `env.py` leaves the tables of others alone."""
    from alembic import command

    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE experiments (id INTEGER)"))
    with database.engine.connect() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.check(config)
