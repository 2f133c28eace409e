"""With MLflow's workspaces switched on, each is governed by itself, though they share every name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.server.handlers import _get_workspace_scoped_repo_path_if_enabled as served_path
from mlflow.utils.workspace_context import WorkspaceContext

from governance.approving import give
from governance.domain.approval import Verdict
from governance_mlflow.artifacts.destinations import FrozenArea, frozen_area
from governance_mlflow.operations.doctor import examine
from governance_mlflow.store.registry_store import GovernedWorkspaceStore

pytestmark = pytest.mark.slow

TEAMS = ("default", "team-a", "team-b")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> GovernedWorkspaceStore:
    """The governed registry of a server with workspaces."""
    # Made before the switch, as by an upgrade: afterwards MLflow decides where artifacts lie.
    request.getfixturevalue("tracking")
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    store: GovernedWorkspaceStore = request.getfixturevalue("store")
    return store


@pytest.fixture
def register(registry: Any, tracking: Any) -> Callable[[str], None]:
    """Registers version 1 of `risk` in a workspace, with bytes of that workspace."""

    def call(team: str) -> None:
        folder = tracking.write(str(tracking.folder / team), {"MLmodel": f"# {team}\n"})
        with WorkspaceContext(team):
            registry.create_registered_model("risk")
            registry.create_model_version("risk", folder)

    return call


def test_the_store_knows_workspaces(registry: Any) -> None:
    """MLflow asks it before the server starts."""
    assert (GovernedWorkspaceStore, True) == (type(registry), registry.supports_workspaces)


def test_one_name_in_three_workspaces_is_three_subjects(registry: Any, register: Any) -> None:
    """Each is judged by itself; what happens in one leaves the others alone."""
    for team in TEAMS:
        register(team)
        with WorkspaceContext(team), pytest.raises(MlflowException, match="may not become alias @champion"):
            registry.set_registered_model_alias("risk", "champion", 1)
    with WorkspaceContext("team-a"):
        registry.delete_registered_model("risk")

    with registry.reading() as books:
        living = {team: [s.named.workspace for s in books.subjects.living("risk", team)] for team in TEAMS}
        decided = {
            team: [
                d.named.workspace
                for s in books.subjects.living("risk", team)
                for d in books.decisions.of(s.uid)
            ]
            for team in TEAMS
        }
    assert {"default": ["default"], "team-a": [], "team-b": ["team-b"]} == living == decided


def test_an_approval_does_not_cross_over(registry: Any, register: Any, make: Any) -> None:
    """Approved and promoted in one workspace, the same name stays closed in the other."""
    for team in ("team-a", "team-b"):
        register(team)
    with WorkspaceContext("team-a"):
        subject, gate = registry.subject("risk", 1), registry.gate
        dossier = gate.dossier(subject, registry.location(subject))
        with registry.writing() as books:
            give(
                *(books, dossier, gate.policy, gate.policy.target("production")),
                role="dpo",
                by="dora",
                verdict=Verdict.APPROVED,
                reason="reviewed",
                now=make.noon,
            )
        registry.set_registered_model_alias("risk", "champion", 1)
        location = registry.get_model_version_download_uri("risk", 1)
        found = examine(registry, datetime.now(timezone.utc))
    with WorkspaceContext("team-b"), pytest.raises(MlflowException, match="may not become"):
        registry.set_registered_model_alias("risk", "champion", 1)

    assert "# team-a\n" == (Path(location) / "MLmodel").read_text(encoding="utf-8")
    assert () == found


@pytest.mark.parametrize("team", TEAMS)
def test_frozen_bytes_lie_where_the_workspace_can_read_them(
    monkeypatch: pytest.MonkeyPatch, team: str
) -> None:
    """MLflow serves each workspace from its own folder of the destination: the frozen area is in it."""
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", "governed+file:///srv")
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    inside = "frozen" if team == "default" else f"workspaces/{team}/frozen"

    with WorkspaceContext(team):
        area = frozen_area(None, "postgresql://db/x")
        served = served_path(area.public.removeprefix("mlflow-artifacts:/"))

    assert FrozenArea(f"file:///srv/{inside}", f"mlflow-artifacts:/{inside}") == area
    assert inside == served
