"""A server that would not be governed does not start, and says what to change."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from typing import Any

import click
import pytest

from governance.errors import UsageError
from governance_mlflow.operations import starting
from governance_mlflow.operations.starting import prepare_children, require_governed
from governance_mlflow.server.app import create_app, create_auth_app

GOVERNED = "governed+sqlite:///mlflow.db"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for name in (
        "MLFLOW_REGISTRY_URI",
        "_MLFLOW_HUEY_STORAGE_PATH",
        "_MLFLOW_SERVER_REGISTRY_STORE",
        "_MLFLOW_SERVER_FILE_STORE",
    ):
        os.environ.pop(name, None)


@pytest.mark.parametrize("uri", [None, "", "sqlite:///mlflow.db", "Governed+sqlite:///mlflow.db"])
def test_a_registry_without_a_gate(uri: str | None) -> None:
    """The one thing that the app is for."""
    with pytest.raises(UsageError, match="is not governed") as caught:
        require_governed(uri, None)

    assert "--registry-store-uri governed+" in caught.value.remedy


def test_a_plugin_that_mlflow_could_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow itself only warns, and serves without it; each that is needed is named, with the reason."""
    entries = starting.entry_points

    def broken(group: str, **named: str) -> Any:
        found = entries(group=group, **named)
        lost = EntryPoint("governed+ghost", "governance_mlflow.nowhere:Ghost", "mlflow.artifact_repository")
        return type(found)((*found, lost)) if group == lost.group else found

    monkeypatch.setattr(starting, "entry_points", broken)
    require_governed(GOVERNED, "governed+file:///srv/artifacts")
    require_governed(GOVERNED, "gs://bucket")
    with pytest.raises(UsageError) as caught:
        require_governed("governed+access:///mlflow.db", "governed+ghost://bucket")

    assert (
        "MLflow did not load these plugins: governed+access of mlflow.model_registry_store (not installed), "
        "governed+ghost of mlflow.artifact_repository (No module named 'governance_mlflow.nowhere')."
    ) == caught.value.message


@pytest.mark.parametrize(
    ("already", "jobs", "left"),
    [
        (None, True, GOVERNED),
        (None, False, GOVERNED),
        (GOVERNED, True, GOVERNED),
        ("https://mlflow.clinic.example", True, "https://mlflow.clinic.example"),
        ("sqlite:///mlflow.db", False, "sqlite:///mlflow.db"),
    ],
)
def test_x1_jobs_go_by_the_gate(already: str | None, jobs: bool, left: str) -> None:
    """What the server starts finds the governed registry, unless it was told another way that is gated."""
    os.environ |= {"MLFLOW_REGISTRY_URI": already} if already else {}
    os.environ |= {"_MLFLOW_HUEY_STORAGE_PATH": "queue"} if jobs else {}

    require_governed(GOVERNED, None)

    assert left == os.environ["MLFLOW_REGISTRY_URI"]


def test_x1_jobs_that_would_go_past_the_gate() -> None:
    """A plain database URI in the environment is where background jobs would write."""
    os.environ |= {
        "MLFLOW_REGISTRY_URI": "sqlite:///mlflow.db",
        "_MLFLOW_HUEY_STORAGE_PATH": "queue",
    }

    with pytest.raises(UsageError, match="background jobs") as caught:
        require_governed(GOVERNED, None)

    assert "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false" in caught.value.remedy


def test_a_header_that_anybody_may_send() -> None:
    """Settings that contradict each other are found at the start, not at the first request."""
    os.environ |= {"GOVERNANCE_TRUSTED_USER_HEADER": "X-User"}

    with pytest.raises(UsageError, match="GOVERNANCE_TRUSTED_PROXIES is empty"):
        require_governed(GOVERNED, None)


@pytest.mark.parametrize("factory", [create_app, create_auth_app])
def test_a_worker_stops_the_whole_server(factory: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3 is the one at which uvicorn and gunicorn do not start another worker."""
    os.environ |= {"_MLFLOW_SERVER_FILE_STORE": "sqlite:///mlflow.db"}

    with pytest.raises(SystemExit) as caught:
        factory()

    assert 3 == caught.value.code
    assert (
        "The governed server does not start.\nThe registry of this server is not governed"
        in capsys.readouterr().err
    )


def in_mlflow_server(**parameters: str) -> None:
    """What happens when `mlflow server` imports the module of the app that it was given."""
    with click.Context(click.Command("server")) as context:
        context.params |= parameters
        prepare_children()


def test_mlflow_server_stops_before_it_starts_anything() -> None:
    """One message and an exit code, and no worker was ever there."""
    with pytest.raises(click.ClickException, match="is not governed"):
        in_mlflow_server(app_name="governance", backend_store_uri="sqlite:///mlflow.db")


def test_mlflow_server_leaves_other_apps_alone() -> None:
    """Whoever imports the module for something else, inside any command line, is not stopped."""
    prepare_children()
    in_mlflow_server(app_name="basic-auth", backend_store_uri="sqlite:///mlflow.db")
    in_mlflow_server()

    assert "MLFLOW_REGISTRY_URI" not in os.environ


def test_mlflow_server_hands_the_registry_to_its_children() -> None:
    """Workers and jobs inherit it."""
    in_mlflow_server(app_name="governance", registry_store_uri=GOVERNED)

    assert (GOVERNED, None) == (
        os.environ["MLFLOW_REGISTRY_URI"],
        os.environ.get("_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN"),
    )


def test_mlflow_server_makes_the_administrator_and_the_token_of_its_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What `basic-auth` gets by its name: one administrator for all workers, one token for all jobs."""
    made: list[str] = []
    monkeypatch.setattr("mlflow.server._bootstrap_basic_auth", lambda: made.append("alice"), raising=False)

    in_mlflow_server(app_name="governance-auth", registry_store_uri=GOVERNED)
    token = os.environ["_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN"]
    in_mlflow_server(app_name="governance-auth", registry_store_uri=GOVERNED)

    assert ["alice", "alice"] == made
    assert (64, token) == (len(token), os.environ["_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN"])


def test_mlflow_server_says_what_the_log_in_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's own reason, as one message."""
    from mlflow.exceptions import MlflowException

    def fail() -> None:
        raise MlflowException("A static secret key needs to be set")

    monkeypatch.setattr("mlflow.server._bootstrap_basic_auth", fail, raising=False)
    with pytest.raises(click.ClickException, match="A static secret key needs to be set"):
        in_mlflow_server(app_name="governance-auth", registry_store_uri=GOVERNED)
