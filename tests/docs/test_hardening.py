"""The hardening page: every way past the gate has its section; its grants are enough, and no more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SECTIONS = {
    "X1": "Background jobs",
    "X2": "The database",
    "X3": "A second server",
    "X4": "The server's machine and the assistant",
    "X5": "Loads that skip the registry",
    "P4": "Loads that skip the registry",
    "B6": "Signed URLs",
    "B8": "The bucket or disk",
    "W1": "Webhooks",
    "a newer MLflow": "A newer MLflow",
}
"""What no plugin can close, and where the page says what does."""


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """The page."""
    return (root / "docs/hardening.md").read_text("utf-8")


def block(page: str, language: str) -> str:
    """The one block of code in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(found)


def test_every_way_past_has_its_section(page: str) -> None:
    """And the table names each section."""
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)

    assert set(SECTIONS.values()) == set(headings)
    assert len(headings) == page.count("](#")


def test_the_bucket_policy_can_be_read(page: str) -> None:
    """It is JSON, and it only takes away: a policy that allows would open what others close."""
    assert {"Deny"} == {statement["Effect"] for statement in json.loads(block(page, "json"))["Statement"]}


@pytest.fixture(scope="module")
def granted(page: str, new_postgresql_database: Callable[..., str]) -> Iterator[Callable[[str], str]]:
    """A database with all tables and the page's grants, as each role sees it."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy import create_engine, make_url

    from governance.storage.archive import open_archive

    url = new_postgresql_database()
    SqlAlchemyStore(url, "unused").engine.dispose()
    archive = open_archive(url)
    archive.upgrade()
    archive.engine.dispose()
    owner = create_engine(url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.exec_driver_sql(block(page, "sql").replace("%", "%%"))
    yield lambda role: make_url(url).set(username=role).render_as_string(hide_password=False)
    with owner.connect() as connection:
        for role in ("mlflow_server", "mlflow_auditor", "mlflow_owner"):
            connection.exec_driver_sql(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
    owner.dispose()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_server_s_role_can_do_all_that_a_server_does(
    granted: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registering, refusing, moving, renaming, deleting: each with its record."""
    from mlflow.exceptions import MlflowException

    from governance_mlflow.store.registry_store import open_store

    monkeypatch.setenv("GOVERNANCE_FROZEN_ROOT", str(tmp_path / "frozen"))
    monkeypatch.setenv("GOVERNANCE_ACTOR", "alice")
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes" / "MLmodel").write_text("flavors: {}\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", granted("mlflow_server"))
    store = open_store(f"governed+{granted('mlflow_server')}")

    store.create_registered_model("risk")
    store.create_model_version("risk", str(tmp_path / "bytes"))
    with pytest.raises(MlflowException, match="may not become alias @champion"):
        store.set_registered_model_alias("risk", "champion", 1)
    store.rename_registered_model("risk", "hazard")
    store.delete_registered_model("hazard")

    with store.reading() as books:
        types = [entry.type for entry in books.audit.entries()]
    store.engine.dispose()
    assert ["version:registered", "promotion:denied", "version:renamed", "version:deleted"] == types


FORBIDDEN = {
    "mlflow_server": (
        "UPDATE governance_audit SET actor = 'nobody'",
        "DELETE FROM governance_decisions",
        "TRUNCATE governance_audit",
        "DELETE FROM governance_subjects",
        "ALTER TABLE governance_audit DISABLE TRIGGER ALL",
        "DROP TABLE governance_audit",
        "UPDATE governance_alembic_version SET version_num = 'x'",
        "CREATE TABLE mine (x int)",
    ),
    "mlflow_auditor": (
        "INSERT INTO registered_model_aliases (name, alias, version) VALUES ('a', 'b', 1)",
        "UPDATE model_versions SET storage_location = 'elsewhere'",
        "DELETE FROM registered_models",
        "INSERT INTO governance_locks (name) VALUES ('x')",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("role", FORBIDDEN)
def test_a_role_can_do_no_more(granted: Callable[[str], str], role: str) -> None:
    """What would undo the record is the owner's alone; the auditor reads."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ProgrammingError

    engine = create_engine(granted(role), isolation_level="AUTOCOMMIT")
    refused: list[Any] = []
    with engine.connect() as connection:
        for statement in FORBIDDEN[role]:
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner") as error:
                connection.exec_driver_sql(statement)
            refused.append(error.value)
        connection.exec_driver_sql("SELECT count(*) FROM governance_audit")
        connection.exec_driver_sql("SELECT count(*) FROM model_versions")
    engine.dispose()

    assert len(FORBIDDEN[role]) == len(refused)
