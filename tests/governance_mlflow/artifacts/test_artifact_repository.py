"""The frozen area cannot be written or deleted through MLflow, however it is spelled; all else can."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from governance_mlflow.artifacts.artifact_repository import FrozenGuard, GovernedArtifactRepository

FROZEN = [
    "frozen",
    "frozen/abc",
    "frozen/abc/data",
    "/frozen",
    "//frozen/abc",
    "./frozen",
    "././frozen/abc",
    "frozen/",
    "frozen//abc",
    "frozen/./abc",
    "x/../frozen",
    "x/y/../../frozen/abc",
    "../frozen",
    "frozen/../frozen/abc",
    "FROZEN",
    "Frozen/abc",
    "frozeN",
    "%66rozen/abc",
    "froze%6e/abc",
    "%2566rozen",
    "x/%2e%2e/frozen",
    "x%2f..%2ffrozen",
    ".\\frozen",
    "x\\..\\frozen",
    "x%5c..%5cfrozen",
    "workspaces/team-a/frozen",
    "workspaces/team-a/frozen/abc",
    "Workspaces/team-a/Frozen/abc",
    "workspaces/team-a/x/../frozen",
    "workspaces/frozen/frozen",
]

OTHERS = [
    "",
    "1/models/m-1/artifacts",
    "frozen-not",
    "notfrozen",
    "x/frozen",
    "frozenx/abc",
    "x/FROZEN",
    "workspaces/frozen/1",
    "workspaces/a/1/frozen",
]


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """A destination with one frozen tree."""
    tree = tmp_path / "served" / "frozen" / "abc"
    tree.mkdir(parents=True)
    (tree / "MLmodel").write_bytes(b"approved")
    return tmp_path / "served"


@pytest.fixture
def repository(destination: Path) -> GovernedArtifactRepository:
    """The repository as MLflow's server makes it, from the URI it was started with."""
    return get_artifact_repository(f"governed+{destination.as_uri()}")


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A folder with a file of the same name as an approved one."""
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "MLmodel").write_bytes(b"evil")
    return folder


Write = Callable[[GovernedArtifactRepository, Path, str], None]


async def chunks() -> AsyncIterator[bytes]:
    """An upload in two pieces."""
    yield b"ev"
    yield b"il"


WRITES: dict[str, Write] = {
    "log_artifact": lambda repository, evil, path: repository.log_artifact(str(evil / "MLmodel"), path),
    "log_artifacts": lambda repository, evil, path: repository.log_artifacts(str(evil), path),
    "stream": lambda repository, _, path: repository.log_artifact_from_stream(
        io.BytesIO(b"evil"), "MLmodel", path
    ),
    "asynchronous stream": lambda repository, _, path: asyncio.run(
        repository.log_artifact_from_async_stream(chunks(), "MLmodel", path)
    ),
}


def contents(destination: Path) -> dict[str, bytes]:
    """Every file, by path."""
    return {
        file.relative_to(destination).as_posix(): file.read_bytes()
        for file in destination.rglob("*")
        if file.is_file()
    }


def test_the_scheme_is_known_to_mlflow(repository: GovernedArtifactRepository, destination: Path) -> None:
    """The entry point loads, and the folder is the one behind the prefix."""
    assert (GovernedArtifactRepository, str(destination)) == (type(repository), repository.artifact_dir)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("path", FROZEN)
def test_the_frozen_area_is_not_written(
    repository: GovernedArtifactRepository, destination: Path, evil: Path, write: str, path: str
) -> None:
    """By no method and in no spelling; the answer says what to do instead."""
    with pytest.raises(MlflowException) as refused:
        WRITES[write](repository, evil, path)

    assert ("PERMISSION_DENIED", True) == (
        refused.value.error_code,
        "register them as a new version" in refused.value.message,
    )
    assert {"frozen/abc/MLmodel": b"approved"} == contents(destination)


@pytest.mark.parametrize("path", FROZEN)
def test_the_frozen_area_is_not_deleted(
    repository: GovernedArtifactRepository, destination: Path, path: str
) -> None:
    """MLflow decodes a path again before it deletes it; here too every spelling is one path."""
    with pytest.raises(MlflowException, match="approved model bytes are frozen"):
        repository.delete_artifacts(path)
    assert {"frozen/abc/MLmodel": b"approved"} == contents(destination)


@pytest.mark.parametrize(
    "path", [None, "", ".", "./", "/", "x/..", "%2e", "workspaces", "workspaces/team-a", "Workspaces/"]
)
def test_the_destination_is_not_deleted_as_a_whole(
    repository: GovernedArtifactRepository, destination: Path, path: str | None
) -> None:
    """The frozen area is part of it."""
    with pytest.raises(MlflowException, match="approved model bytes are frozen"):
        repository.delete_artifacts(path)
    assert {"frozen/abc/MLmodel": b"approved"} == contents(destination)


@pytest.mark.parametrize("path", [None, "", "x/..", "."])
def test_a_folder_that_brings_a_frozen_area_along(
    repository: GovernedArtifactRepository, destination: Path, evil: Path, path: str | None
) -> None:
    """Uploaded to the root it would land in ours."""
    (evil / "frozen" / "abc").mkdir(parents=True)
    (evil / "frozen" / "abc" / "MLmodel").write_bytes(b"evil")

    with pytest.raises(MlflowException, match="approved model bytes are frozen"):
        repository.log_artifacts(str(evil), path)
    assert {"frozen/abc/MLmodel": b"approved"} == contents(destination)


@pytest.mark.parametrize("write", WRITES)
def test_a_file_called_frozen_at_the_root(
    repository: GovernedArtifactRepository, destination: Path, tmp_path: Path, write: str
) -> None:
    """Before anything was frozen, a file of that name would keep anything from being frozen."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "frozen").write_bytes(b"in the way")
    writes: dict[str, Callable[[], object]] = {
        "log_artifact": lambda: repository.log_artifact(str(folder / "frozen")),
        "log_artifacts": lambda: repository.log_artifacts(str(folder)),
        "stream": lambda: repository.log_artifact_from_stream(io.BytesIO(b"x"), "frozen"),
        "asynchronous stream": lambda: asyncio.run(
            repository.log_artifact_from_async_stream(chunks(), "frozen")
        ),
    }

    with pytest.raises(MlflowException, match="Writing 'frozen' is refused"):
        writes[write]()
    assert {"frozen/abc/MLmodel": b"approved"} == contents(destination)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("path", OTHERS)
def test_everything_else_is_written(
    repository: GovernedArtifactRepository, destination: Path, evil: Path, write: str, path: str
) -> None:
    """Names that merely contain the word are ordinary."""
    WRITES[write](repository, evil, path)

    expected = f"{path}/MLmodel".lstrip("/")
    assert {"frozen/abc/MLmodel": b"approved", expected: b"evil"} == contents(destination)


def test_everything_else_is_deleted(
    repository: GovernedArtifactRepository, destination: Path, evil: Path
) -> None:
    """A file, a folder, and what is not there."""
    repository.log_artifacts(str(evil), "1/a")
    repository.log_artifacts(str(evil), "1/b")

    repository.delete_artifacts("1/a/MLmodel")
    repository.delete_artifacts("1/b")
    repository.delete_artifacts("2")

    assert {"frozen/abc/MLmodel": b"approved"} == contents(destination)


def test_the_frozen_area_is_read_by_everybody(repository: GovernedArtifactRepository, tmp_path: Path) -> None:
    """Approved bytes are there to be served."""
    assert ["frozen/abc"] == [entry.path for entry in repository.list_artifacts("frozen")]
    served = repository.download_artifacts("frozen/abc", str(tmp_path))
    assert b"approved" == (Path(served) / "MLmodel").read_bytes()


READS = {
    "artifact_dir",
    "download_archived_trace_data",
    "download_artifacts",
    "download_trace_attachment",
    "download_trace_attachment_to_file",
    "download_trace_data",
    "download_trace_data_to_file",
    "flush_async_logging",
    "get_local_path",
    "list_artifacts",
    "max_workers",
}

BY_WAY_OF_LOG_ARTIFACT = {"upload_archived_trace_data", "upload_attachment", "upload_trace_data"}
"""They store what they are given through other methods of the same repository."""


def test_nothing_that_writes_is_unguarded() -> None:
    """A method that a newer MLflow adds must be looked at before it is trusted to change nothing."""
    guarded = vars(GovernedArtifactRepository).keys() | vars(FrozenGuard).keys()
    public = {name for name in dir(LocalArtifactRepository) if not name.startswith("_")}

    assert set() == public - READS - BY_WAY_OF_LOG_ARTIFACT - guarded


def test_an_archived_trace_is_not_put_into_a_frozen_tree(
    destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written at the root of its repository, which may itself be a place in a frozen tree."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", destination.as_uri())
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    inside = GovernedArtifactRepository((destination / "frozen" / "abc").as_uri())

    with pytest.raises(MlflowException, match="approved model bytes are frozen"):
        inside.upload_archived_trace_data_bytes(b"evil")
    GovernedArtifactRepository((destination / "1").as_uri()).upload_archived_trace_data_bytes(b"trace")

    assert {"frozen/abc/MLmodel", "1/traces.pb"} == set(contents(destination))
