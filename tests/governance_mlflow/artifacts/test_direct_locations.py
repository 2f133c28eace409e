"""A run whose artifacts were said to lie in a frozen tree writes nothing there, past the proxy either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact import artifact_repository_registry
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

from governance_mlflow.artifacts.direct_locations import GUARDED, guard_direct_locations


@pytest.fixture
def registry() -> Iterator[Any]:
    """MLflow's table of repositories, put back as it was."""
    table = artifact_repository_registry._artifact_repository_registry._registry
    before = dict(table)
    yield table
    table.clear()
    table.update(before)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, registry: Any) -> Callable[..., None]:
    """Makes this process a server with a destination."""
    del registry

    def call(destination: str, serves: bool = True) -> None:
        monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:////nowhere/mlflow.db")
        monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", destination)
        monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true" if serves else "false")
        guard_direct_locations()

    return call


@pytest.fixture
def evil(tmp_path: Path) -> str:
    """A file to be logged."""
    (tmp_path / "MLmodel").write_bytes(b"evil")
    return str(tmp_path / "MLmodel")


def refused(change: Callable[..., Any], *arguments: Any) -> bool:
    """Whether a change is refused as forbidden."""
    with pytest.raises(MlflowException, match="approved model bytes are frozen") as caught:
        change(*arguments)
    return bool("PERMISSION_DENIED" == caught.value.error_code)


def test_outside_a_server_mlflow_s_own_repositories_stay(registry: Any) -> None:
    """A client opens its folders and buckets as it always did."""
    before = dict(registry)

    guard_direct_locations()

    assert before == registry
    assert {LocalArtifactRepository, S3ArtifactRepository} == {registry[scheme] for scheme in GUARDED}


@pytest.mark.parametrize("spelling", ["{}", "file://{}", "governed+file://{}"])
@pytest.mark.parametrize("inside", ["frozen/abc", "workspaces/team-a/frozen", "FROZEN", "link"])
def test_a_folder_of_the_frozen_area(
    serve: Callable[..., None], tmp_path: Path, evil: str, spelling: str, inside: str
) -> None:
    """By path or URI, through a link, in any workspace: a run that lies there logs and deletes nothing."""
    (tmp_path / "served" / "frozen" / "abc").mkdir(parents=True)
    (tmp_path / "served" / "link").symlink_to(tmp_path / "served" / "frozen")
    serve(f"governed+file://{tmp_path}/served")
    repository = get_artifact_repository(spelling.format(f"{tmp_path}/served/{inside}"))

    assert refused(repository.log_artifact, evil)
    assert refused(repository.log_artifact, evil, "run/artifacts")
    assert refused(repository.delete_artifacts)
    assert ["served/frozen", "served/frozen/abc", "served/link"] == sorted(
        path.relative_to(tmp_path).as_posix() for path in (tmp_path / "served").rglob("*")
    )


def test_a_frozen_area_set_apart(
    serve: Callable[..., None], tmp_path: Path, evil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is proxied, too; what lies around it is not deleted."""
    monkeypatch.setenv("GOVERNANCE_FROZEN_ROOT", str(tmp_path / "approved"))
    (tmp_path / "approved" / "abc").mkdir(parents=True)
    serve("", serves=False)

    assert refused(get_artifact_repository(str(tmp_path)).delete_artifacts)
    assert refused(get_artifact_repository(str(tmp_path)).log_artifact, evil, "approved/abc")
    get_artifact_repository(str(tmp_path)).log_artifact(evil, "1")
    assert (tmp_path / "1" / "MLmodel").is_file()


@pytest.mark.parametrize("root", ["s3://bucket/served/frozen/abc", "governed+s3://bucket/served/frozen/abc"])
def test_objects_of_the_frozen_area(serve: Callable[..., None], evil: str, root: str) -> None:
    """Nor is a URL signed with which a client could write past the server."""
    serve("governed+s3://bucket/served")
    repository = get_artifact_repository(root)

    assert refused(repository.create_presigned_upload_url, "run/artifacts/MLmodel")
    assert refused(repository.create_multipart_upload, "MLmodel", 1, "run/artifacts")
    assert refused(repository.log_artifact, evil)
    assert refused(repository.delete_artifacts, "MLmodel")


def test_other_objects_get_their_url(serve: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run beside the frozen area uploads as ever."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    serve("governed+s3://bucket/served")

    signed = get_artifact_repository("s3://bucket/served/1/run/artifacts").create_presigned_upload_url(
        "MLmodel"
    )

    assert "bucket" in signed.presigned_url
    assert "/served/1/run/artifacts/MLmodel?" in signed.presigned_url
