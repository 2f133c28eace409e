"""In a server, MLflow's repositories let those read who may have the version whose bytes they read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow.server.handlers
import pytest
import requests
from flask import Flask, g
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry

from governance_mlflow.artifacts.artifact_repository import GovernedArtifactRepository
from governance_mlflow.artifacts.destinations import FrozenArea
from governance_mlflow.artifacts.s3_artifact_repository import GovernedS3ArtifactRepository
from governance_mlflow.artifacts.version_bytes import MlflowArtifacts

pytestmark = pytest.mark.slow

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production: {aliases: [champion]}
roles:
  clinician: {users: [ada]}
rules:
  - {name: everything, checks: [actor-known]}
access:
  - {name: unknown, when: {unknown: true}, roles: [clinician]}
"""


@contextmanager
def asking(name: str) -> Iterator[None]:
    """Inside, the server serves a request of that person's."""
    with Flask("server").test_request_context("/x"):
        g.mlflow_authenticated_user = name
        yield


@pytest.fixture
def served(store: Any, tracking: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The registry of a server, in which somebody registered a location of which nothing is known."""
    (tracking.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", tracking.uri)
    monkeypatch.setattr(mlflow.server.handlers, "_model_registry_store", store)
    store.create_registered_model("risk")
    return store


def readings(repository: Any, folder: Path) -> dict[str, Callable[[], Any]]:
    """Every way in which MLflow reads from a repository that holds `m/MLmodel`, one without what it reads."""
    return {
        "list": lambda: [entry.path for entry in repository.list_artifacts("m")],
        "file": lambda: Path(repository.download_artifacts("m/MLmodel", str(folder))).read_bytes(),
        "folder": lambda: sorted(
            p.name for p in Path(repository.download_artifacts("m", str(folder))).iterdir()
        ),
        "all": lambda: Path(repository.download_artifacts("", str(folder)), "m", "MLmodel").read_bytes(),
    }


READ = {
    "list": ["m/MLmodel", "m/data"],
    "file": b"flavors: {}\n",
    "folder": ["MLmodel", "data"],
    "all": b"flavors: {}\n",
}


def refused(call: Callable[[], Any]) -> bool:
    """Whether somebody is refused; a folder is fetched in threads, which tell it in their own words."""
    with pytest.raises(MlflowException) as caught:
        call()
    return "is refused" in str(caught.value.message)


def test_objects(served: Any, bucket: Any, tmp_path: Path) -> None:
    """Whatever reads, in this thread or in another, and URLs that are signed for later."""
    served.create_model_version("risk", bucket.model("m"))
    repository = GovernedS3ArtifactRepository(f"governed+s3://{bucket.name}")
    ways = readings(repository, tmp_path)
    ways["signed"] = lambda: (
        requests.get(repository.get_download_presigned_url("m/MLmodel").url, timeout=30).content
    )

    for way, read in ways.items():
        with asking("bob"):
            assert refused(read), way
        assert refused(read), way
    with asking("ada"):
        found = {way: read() for way, read in ways.items()}
    assert READ | {"signed": b"flavors: {}\n"} == found


def test_objects_that_the_plugin_reads_for_itself(
    served: Any, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hashes and reads what it judges, whoever asks, through the same repositories."""
    monkeypatch.setitem(_artifact_repository_registry._registry, "s3", GovernedS3ArtifactRepository)
    uri = bucket.model("m", {"MLmodel": b"flavors: {sklearn: {}}\n"})
    served.create_model_version("risk", uri)
    artifacts = MlflowArtifacts(FrozenArea(str(tmp_path / "frozen"), "x"))

    with asking("bob"):
        assert {"flavors": {"sklearn": {}}} == artifacts.mlmodel(uri)
        assert artifacts.manifest(uri) == artifacts.freeze(uri)[0]


def test_folders(served: Any, model: Path, tmp_path: Path) -> None:
    """The same on this machine, and the file itself that a server sends."""
    root, into = tmp_path / "kept", tmp_path / "into"
    into.mkdir()
    root.mkdir()
    model.rename(root / "m")
    (root / "m" / "traces.json").write_text("{}", encoding="utf-8")
    repository = GovernedArtifactRepository(f"governed+file://{root}")
    inside = GovernedArtifactRepository(str(root / "m"))
    served.create_model_version("risk", f"file://{root}/m")
    ways = {
        "sent": lambda: Path(repository.get_local_path("m/MLmodel")).read_bytes(),
        "in place": lambda: Path(repository.download_artifacts("m/MLmodel")).read_bytes(),
        "file": readings(repository, into)["file"],
        "spelled": lambda: Path(repository.get_local_path("m/./MLmodel")).read_bytes(),
        "from inside": lambda: Path(inside.get_local_path("MLmodel")).read_bytes(),
    }

    for way, read in ways.items():
        with asking("bob"):
            assert refused(read), way
    with asking("bob"):
        assert refused(inside.download_trace_data)
        assert refused(lambda: repository.list_artifacts("m"))
        assert ["m"] == [entry.path for entry in repository.list_artifacts()]
    with asking("ada"):
        assert dict.fromkeys(ways, b"flavors: {}\n") == {way: read() for way, read in ways.items()}
        assert {} == inside.download_trace_data()


def test_where_nobody_is_served_nothing_is_guarded(
    served: Any, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client and a background job read with the rights that they have."""
    served.create_model_version("risk", f"file://{model}")
    repository = GovernedArtifactRepository(f"governed+file://{model}")

    monkeypatch.setenv("_MLFLOW_SERVER_JOB_FUNCTION_FULLNAME", "mlflow.genai.job")
    assert str(model / "MLmodel") == repository.get_local_path("MLmodel")
    monkeypatch.delenv("_MLFLOW_SERVER_JOB_FUNCTION_FULLNAME")
    monkeypatch.delenv("_MLFLOW_SERVER_FILE_STORE")
    assert str(model / "MLmodel") == repository.get_local_path("MLmodel")


def test_a_registry_that_is_not_governed_guards_nothing(
    served: Any, model: Path, tracking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A governed destination before MLflow's own registry keeps frozen bytes and knows no labels."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    served.create_model_version("risk", f"file://{model}")
    monkeypatch.setattr(mlflow.server.handlers, "_model_registry_store", SqlAlchemyStore(tracking.uri))

    with asking("bob"):
        assert GovernedArtifactRepository(f"governed+file://{model}").get_local_path("MLmodel")
