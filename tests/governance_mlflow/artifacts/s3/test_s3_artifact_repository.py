"""The frozen area of an S3 destination cannot be changed through MLflow, by any spelling; all else can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow.entities.multipart_upload import MultipartUploadPart
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.optimized_s3_artifact_repo import OptimizedS3ArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

from governance_mlflow.artifacts.artifact_repository import FrozenGuard
from governance_mlflow.artifacts.s3_artifact_repository import (
    FrozenObjectsGuard,
    GovernedS3ArtifactRepository,
)

pytestmark = pytest.mark.slow

FROZEN = [
    "frozen",
    "frozen/abc",
    "/frozen/abc",
    "//frozen/abc",
    "./frozen/abc",
    "frozen//abc",
    "x/../frozen/abc",
    "../served/frozen/abc",
    "/served/frozen/abc",
    "FROZEN/abc",
    "%66rozen/abc",
    "%2566rozen/abc",
    "x/%2e%2e/frozen/abc",
    "x\\..\\frozen/abc",
    "workspaces/team-a/frozen/abc",
    "Workspaces/team-a/Frozen/abc",
    "workspaces/team-a/x/../frozen",
]

OTHERS = ["1/models/m-1/artifacts", "frozen-not", "notfrozen", "x/frozen", "workspaces/frozen/1", "f"]

APPROVED = {"frozen/abc/MLmodel": b"approved", "workspaces/team-a/frozen/abc/MLmodel": b"approved"}


@pytest.fixture
def repository(bucket: Any) -> GovernedS3ArtifactRepository:
    """The repository as MLflow's server makes it, over a bucket with a frozen tree in each of two areas."""
    for key, data in APPROVED.items():
        bucket.put(f"served/{key}", data)
    return get_artifact_repository(f"governed+{bucket.uri('served')}")


@pytest.fixture
def optimized(bucket: Any, settings: str) -> FrozenObjectsGuard:
    """The same guard before MLflow's other repository of objects."""
    del settings

    class Optimized(FrozenObjectsGuard, OptimizedS3ArtifactRepository):
        pass

    for key, data in APPROVED.items():
        bucket.put(f"served/{key}", data)
    return Optimized(f"governed+{bucket.uri('served')}")


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A folder with a file of the same name as an approved one."""
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "MLmodel").write_bytes(b"evil")
    return tmp_path / "evil"


Change = Callable[[Any, Path, str], Any]

WRITES: dict[str, Change] = {
    "log_artifact": lambda repository, evil, path: repository.log_artifact(str(evil / "MLmodel"), path),
    "log_artifacts": lambda repository, evil, path: repository.log_artifacts(str(evil), path),
}

OTHER_CHANGES: dict[str, Change] = {
    "create_multipart_upload": lambda repository, _, path: repository.create_multipart_upload(
        "MLmodel", 1, path
    ),
    "complete_multipart_upload": lambda repository, _, path: repository.complete_multipart_upload(
        "MLmodel", "upload", [MultipartUploadPart(1, "etag")], path
    ),
    "abort_multipart_upload": lambda repository, _, path: repository.abort_multipart_upload(
        "MLmodel", "upload", path
    ),
    "create_presigned_upload_url": lambda repository, _, path: repository.create_presigned_upload_url(path),
    "delete_artifacts": lambda repository, _, path: repository.delete_artifacts(path),
}


def refused(change: Callable[[], Any]) -> bool:
    """Whether a change is refused as forbidden."""
    with pytest.raises(MlflowException, match="approved model bytes are frozen") as caught:
        change()
    return bool("PERMISSION_DENIED" == caught.value.error_code)


@pytest.mark.parametrize("change", WRITES | OTHER_CHANGES)
def test_frozen_bytes_are_not_changed(
    repository: GovernedS3ArtifactRepository, bucket: Any, evil: Path, change: str
) -> None:
    """By no method, in no spelling, in no workspace."""
    act = (WRITES | OTHER_CHANGES)[change]

    assert all(refused(lambda path=path: act(repository, evil, path)) for path in FROZEN)

    assert APPROVED == bucket.contents("served/")
    assert [] == bucket.uploads()


@pytest.mark.parametrize("change", [*WRITES, "delete_artifacts"])
def test_nor_through_the_other_repository(
    optimized: FrozenObjectsGuard, bucket: Any, evil: Path, change: str
) -> None:
    """What MLflow's optimised repository can do is refused in the same way."""
    act = (WRITES | OTHER_CHANGES)[change]

    assert all(refused(lambda path=path: act(optimized, evil, path)) for path in FROZEN)
    assert APPROVED == bucket.contents("served/")


@pytest.mark.parametrize("path", ["", None, "/", ".", "workspaces", "workspaces/team-a", "x/.."])
def test_what_a_frozen_area_lies_in_is_not_deleted(
    repository: GovernedS3ArtifactRepository, bucket: Any, path: str | None
) -> None:
    """Nor the whole destination."""
    assert refused(lambda: repository.delete_artifacts(path))
    assert APPROVED == bucket.contents("served/")


@pytest.mark.parametrize("path", ["f", "froz", "work", "workspaces/te", "workspaces/team-a/fro"])
def test_a_beginning_of_the_name_is_not_deleted(
    repository: GovernedS3ArtifactRepository, bucket: Any, path: str
) -> None:
    """Older releases of MLflow delete every object whose key begins with the text."""
    assert refused(lambda: repository.delete_artifacts(path))
    assert APPROVED == bucket.contents("served/")


@pytest.mark.parametrize("path", OTHERS)
def test_everything_else_is_written(
    repository: GovernedS3ArtifactRepository, bucket: Any, evil: Path, path: str
) -> None:
    """Names that merely contain the word are ordinary, by each way of writing."""
    for write in WRITES.values():
        write(repository, evil, path)
    upload = repository.create_multipart_upload("parts", 1, path)
    sent = requests.put(upload.credentials[0].url, data=b"evil", timeout=30)
    parts = [MultipartUploadPart(1, sent.headers["ETag"])]
    repository.complete_multipart_upload("parts", upload.upload_id, parts, path)
    given_up = repository.create_multipart_upload("given up", 1, path)
    repository.abort_multipart_upload("given up", given_up.upload_id, path)
    signed = repository.create_presigned_upload_url(f"{path}/signed")
    requests.put(signed.presigned_url, data=b"evil", headers=signed.headers, timeout=30)

    written = {f"{path}/{name}": b"evil" for name in ("MLmodel", "parts", "signed")}
    assert APPROVED | written == bucket.contents("served/")
    assert [] == bucket.uploads()


def test_everything_else_is_deleted(
    repository: GovernedS3ArtifactRepository, bucket: Any, evil: Path
) -> None:
    """A file, a folder, and what is not there."""
    repository.log_artifacts(str(evil), "1/a")
    repository.log_artifacts(str(evil), "1/b")

    repository.delete_artifacts("1/a/MLmodel")
    repository.delete_artifacts("1/b")
    repository.delete_artifacts("2")

    assert APPROVED == bucket.contents("served/")


def test_a_file_called_frozen_at_the_root(
    repository: GovernedS3ArtifactRepository, bucket: Any, evil: Path
) -> None:
    """It is refused by each way of writing, with and without a folder of that name around it."""
    (evil / "frozen").write_bytes(b"in the way")
    changes: list[Callable[[], Any]] = [
        lambda: repository.log_artifact(str(evil / "frozen")),
        lambda: repository.log_artifacts(str(evil)),
        lambda: repository.create_multipart_upload("some/folder/frozen"),
        lambda: repository.create_presigned_upload_url("frozen"),
    ]

    assert all(refused(change) for change in changes)
    assert APPROVED == bucket.contents("served/")


def test_an_archived_trace_is_not_put_into_a_frozen_tree(
    repository: GovernedS3ArtifactRepository, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written at the root of its repository, which may itself be a place in a frozen tree."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", bucket.uri("served"))
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    inside = GovernedS3ArtifactRepository(bucket.uri("served/frozen/abc"))

    assert refused(lambda: inside.upload_archived_trace_data_bytes(b"evil"))
    repository.upload_archived_trace_data_bytes(b"trace")

    assert APPROVED | {"traces.pb": b"trace"} == bucket.contents("served/")


def test_the_frozen_area_is_read_by_everybody(
    repository: GovernedS3ArtifactRepository, tmp_path: Path
) -> None:
    """Approved bytes are there to be served."""
    assert ["frozen/abc"] == [entry.path for entry in repository.list_artifacts("frozen")]
    served = repository.download_artifacts("frozen/abc", str(tmp_path))
    assert b"approved" == (Path(served) / "MLmodel").read_bytes()
    signed = repository.get_download_presigned_url("frozen/abc/MLmodel")
    assert b"approved" == requests.get(signed.url, timeout=30).content


def test_a_bucket_without_a_prefix(bucket: Any, evil: Path) -> None:
    """A destination may be a whole bucket."""
    bucket.put("frozen/abc/MLmodel", b"approved")
    repository = get_artifact_repository(f"governed+s3://{bucket.name}")

    assert refused(lambda: repository.log_artifacts(str(evil), "frozen/abc"))
    repository.log_artifacts(str(evil), "1")
    assert {"frozen/abc/MLmodel": b"approved", "1/MLmodel": b"evil"} == bucket.contents()


READS = {
    "download_archived_trace_data",
    "download_artifacts",
    "download_trace_attachment",
    "download_trace_attachment_to_file",
    "download_trace_data",
    "download_trace_data_to_file",
    "flush_async_logging",
    "get_download_presigned_url",
    "get_local_path",
    "get_s3_file_upload_extra_args",
    "list_artifacts",
    "max_workers",
    "parse_s3_compliant_uri",
}

BY_WAY_OF_LOG_ARTIFACT = {"upload_archived_trace_data", "upload_attachment", "upload_trace_data"}
"""They store what they are given through other methods of the same repository."""


@pytest.mark.parametrize("kind", [S3ArtifactRepository, OptimizedS3ArtifactRepository])
def test_nothing_that_writes_is_unguarded(kind: type) -> None:
    """A method that a newer MLflow adds must be looked at before it is trusted to change nothing."""
    guarded = vars(FrozenObjectsGuard).keys() | vars(FrozenGuard).keys()
    public = {name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}

    assert set() == public - READS - BY_WAY_OF_LOG_ARTIFACT - guarded
