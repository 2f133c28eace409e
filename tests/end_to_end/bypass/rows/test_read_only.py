"""Rows P17 to P19: what looks like a way to promote and is none, looked at anew with each MLflow."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel

pytestmark = pytest.mark.slow

SCHEMA = "{__schema {mutationType {fields {name}} queryType {fields {name}}}}"


@pytest.mark.parametrize("world", ["governed-uvicorn"], indirect=True)
def test_p17_graphql_changes_nothing(world: Any) -> None:
    """What it calls mutations are searches."""
    answer = world.send("POST", "graphql", json={"query": SCHEMA})

    assert answer.ok, answer.text
    names = [field["name"] for field in answer.json()["data"]["__schema"]["mutationType"]["fields"]]
    assert ["mlflowSearchDatasets", "mlflowSearchRuns", "testMutation"] == sorted(names)


def test_p18_aliases_of_mcp_servers_are_no_model_s() -> None:
    """Their routes never ask for the registry's store, which knows nothing of them."""
    routes = find_spec("mlflow.server.mcp_server_api")
    source = Path(str(routes.origin)).read_text("utf-8") if routes else ""

    assert "model_registry_store" not in source
    assert [] == [name for name in dir(AbstractStore) if "mcp" in name.casefold()]


def test_p19_the_id_of_a_deployment_job_is_kept_nowhere() -> None:
    """MLflow takes it for Databricks' sake; nothing of ours or of its own registry reads it."""
    takes = [
        name
        for name, method in inspect.getmembers(AbstractStore, inspect.isfunction)
        if "deployment_job_id" in inspect.signature(method).parameters
    ]

    assert ["create_registered_model", "update_registered_model"] == takes
    for table in (SqlRegisteredModel, SqlModelVersion):
        assert "deployment_job_id" not in table.__table__.columns
