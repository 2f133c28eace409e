"""The doctor looks after what the gate relies on, and sums up what reconciling finds."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import text

from governance.ports import Ailment
from governance.storage.archive import SqlArchive
from governance.storage.guards import unguarded_tables
from governance.storage.tables import INSERT_ONLY
from governance_mlflow.operations import doctor
from governance_mlflow.operations.doctor import examine

pytestmark = pytest.mark.slow


@pytest.fixture
def plain(tracking: Any) -> SqlAlchemyStore:
    """MLflow's own store over the same database: the way around the gate."""
    return SqlAlchemyStore(tracking.uri)


@pytest.fixture
def champion(store: Any, known: Any) -> Path:
    """A version promoted as it should be; returns its frozen tree."""
    known()
    store.set_registered_model_alias("risk", "champion", "1")
    return Path(store.get_model_version_download_uri("risk", "1"))


def kinds(store: Any) -> list[tuple[str, str, bool]]:
    """What the doctor finds, as (kind, subject, harmful); nobody is left without a next step."""
    found = examine(store, datetime.now(timezone.utc))
    assert all(ailment.remedy for ailment in found)
    return [(ailment.kind, ailment.subject, ailment.harmful) for ailment in found]


def test_nothing_is_wrong_with_an_empty_registry(store: Any) -> None:
    """Nothing was promoted, nothing is wrong."""
    assert [] == kinds(store)


@pytest.mark.usefixtures("champion")
def test_nothing_is_wrong_after_a_promotion(store: Any) -> None:
    """As it should be."""
    assert [] == kinds(store)


@pytest.mark.usefixtures("champion")
def test_what_reconciling_finds_is_summed_up(store: Any, tracking: Any, plain: SqlAlchemyStore) -> None:
    """The first of each kind in full, bytes and lineage included, and how many more there are."""
    for number in (2, 3):
        store.create_model_version("risk", store.get_model_version("risk", "1").source)
        plain.transition_model_version_stage("risk", number, "Production", False)
    (origin,) = (tracking.folder / "artifacts").rglob("MLmodel")
    origin.write_text("flavors: {}\n# evil\n")

    ungated, tampered = sorted(examine(store, datetime.now(timezone.utc)), key=lambda a: a.kind, reverse=True)

    assert (
        Ailment(
            "ungated-promotion",
            "models:/risk/2 as stage Production of risk and 1 more",
            "no decision ever allowed it",
            "a decision that let it in and still stands",
            "See all of them: governance reconcile --bytes",
        )
        == ungated
    )
    assert ("tampered-origin", "models:/risk/1") == (tampered.kind, tampered.subject)


@pytest.mark.usefixtures("champion")
def test_a_log_that_was_changed(store: Any, plain: SqlAlchemyStore) -> None:
    """Whoever may drop triggers can change an entry; both are seen."""
    with plain.ManagedSessionMaker(read_only=False) as session:
        session.execute(text("DROP TRIGGER governance_audit_no_update"))
        session.execute(text("UPDATE governance_audit SET actor = 'nobody' WHERE position = 1"))

    assert [("unguarded-tables", "governance_audit", True), ("broken-chain", "audit entry 1", True)] == kinds(
        store
    )


@pytest.mark.usefixtures("champion")
def test_a_policy_that_nobody_can_fulfil(store: Any, tracking: Any) -> None:
    """A role without people keeps its target closed for ever: worth knowing, no harm."""
    policy = tracking.folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("users: [dora]", "users: []"))

    ((kind, where, harmful),) = kinds(store)
    assert ("policy-warning", f"{policy}:", False) == (kind, where.rstrip("0123456789"), harmful)


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sqlite:///mlflow.db", [("ungoverned-jobs", "MLFLOW_REGISTRY_URI", True)]),
        ("governed+sqlite:///mlflow.db", []),
        ("https://registry.example", []),
    ],
)
def test_jobs_of_a_server_started_here(
    store: Any, monkeypatch: pytest.MonkeyPatch, uri: str, found: list[Any]
) -> None:
    """They go by MLflow's own variable, whatever the server was told."""
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)

    assert found == kinds(store)


def test_a_destination_without_a_guard(store: Any, tracking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a server's environment: who may upload could overwrite approved bytes."""
    destination = (tracking.folder / "mlartifacts").as_uri()
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", tracking.uri)
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", destination)
    assert [("unguarded-destination", destination, True)] == kinds(store)

    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", f"governed+{destination}")

    assert [] == kinds(store)


def test_a_plugin_that_mlflow_could_not_load(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow only warns of it."""
    monkeypatch.setattr(doctor, "not_loaded", lambda registry, _: [f"{registry} (not installed)"])

    assert [("plugin-not-loaded", "governed+sqlite (not installed)", True)] == kinds(store)


def test_every_trigger_counts(database: SqlArchive) -> None:
    """A table that lost one of its guards is named, on both kinds of database."""
    name = INSERT_ONLY[-1].name
    with database.reading(), database.engine.begin() as connection:
        assert () == unguarded_tables(connection)
        if connection.dialect.name == "sqlite":
            connection.execute(text(f"DROP TRIGGER {name}_no_delete"))
        else:
            connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER ALL"))

        assert (name,) == unguarded_tables(connection)


def test_the_doctor_asks_in_its_own_environment() -> None:
    """The tests above would pass for the wrong reason if one of these were set here."""
    assert set() == {"_MLFLOW_SERVER_FILE_STORE", "MLFLOW_REGISTRY_URI"} & os.environ.keys()
