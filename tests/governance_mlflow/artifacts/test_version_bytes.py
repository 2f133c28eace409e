"""The bytes of versions, on this machine, behind a server's proxy, or in a store that only MLflow reaches."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import FileInfo
from mlflow.store.artifact import artifact_repository_registry
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from governance.domain.manifest import Manifest
from governance.errors import Undecided
from governance.freezing import freeze_tree
from governance.hashing import hash_tree
from governance_mlflow.artifacts.destinations import FrozenArea, frozen_area
from governance_mlflow.artifacts.version_bytes import MlflowArtifacts

FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"w" * 1000}


class Shelf(ArtifactRepository):
    """An object store: `shelf://…`, blobs by key, nothing on this machine's disk."""

    blobs: dict[str, bytes] = {}  # noqa: RUF012 - one store for all who open it, as a bucket is
    broken = ""

    def _key(self, path: str | None) -> str:
        return posixpath.join(self.artifact_uri, path or "").rstrip("/")

    def _work(self, what: str) -> None:
        if self.broken == what:
            raise RuntimeError("the store's own kind of error")

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        self._work("write")
        key = posixpath.join(self._key(artifact_path), Path(local_file).name)
        self.blobs[key] = Path(local_file).read_bytes()

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        for file in sorted(Path(local_dir).rglob("*")):
            if file.is_file():
                folder = file.parent.relative_to(local_dir).as_posix()
                self.log_artifact(str(file), posixpath.join(artifact_path or "", folder).strip("./"))

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        self._work("read")
        prefix, root = self._key(path) + "/", self._key(None) + "/"
        below = {key[len(prefix) :].split("/", 1)[0] for key in self.blobs if key.startswith(prefix)}
        return [
            FileInfo((prefix + name)[len(root) :], prefix + name not in self.blobs, None)
            for name in sorted(below)
        ]

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        Path(local_path).write_bytes(self.blobs[self._key(remote_file_path)])


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Shelf]]:
    """The object store, with one model in it."""
    registry = artifact_repository_registry._artifact_repository_registry
    registry.register("shelf", Shelf)
    monkeypatch.setattr(
        Shelf, "blobs", {f"shelf://bucket/model/{name}": data for name, data in FILES.items()}
    )
    monkeypatch.setattr(Shelf, "broken", "")
    yield Shelf
    del registry._registry["shelf"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The same model in a folder."""
    folder = tmp_path / "model"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def manifest(model: Path) -> Manifest:
    """What the gate must find wherever the model lies."""
    return hash_tree(model)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes this process a server that proxies a destination."""

    def call(destination: str, serves: bool = True) -> None:
        monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db")
        monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", destination)
        monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true" if serves else "false")

    return call


@pytest.mark.parametrize("path", ["/../etc", "/a/../../etc", "/a/%2e%2e/b", "/.."])
def test_a_proxied_path_must_not_climb(served: Any, path: str) -> None:
    """Nobody registers the server's own files."""
    served("/srv/artifacts")

    with pytest.raises(Undecided, match="leads out of the server's artifacts"):
        MlflowArtifacts(FrozenArea("/f", "/f")).manifest(f"mlflow-artifacts:{path}")


def test_freezing_on_this_machine(model: Path, manifest: Manifest, tmp_path: Path) -> None:
    """A path and its URI are one tree; the copy lies under its digest and is found again."""
    artifacts = MlflowArtifacts(FrozenArea(str(tmp_path / "frozen"), str(tmp_path / "frozen")))
    frozen = str(tmp_path / "frozen" / manifest.digest)

    assert manifest == artifacts.manifest(str(model)) == artifacts.manifest(model.as_uri())
    assert not artifacts.holds(frozen)
    assert (manifest, frozen) == artifacts.freeze(str(model)) == artifacts.freeze(model.as_uri())
    assert artifacts.holds(frozen)
    assert manifest == artifacts.manifest(frozen)


def test_sweeping_on_this_machine(model: Path, tmp_path: Path) -> None:
    """What no decision refers to goes, by whatever URI the others are kept."""
    artifacts = MlflowArtifacts(FrozenArea(str(tmp_path / "frozen"), "mlflow-artifacts:/frozen"))
    _, kept = artifacts.freeze(str(model))
    (model / "MLmodel").write_text("other")
    orphan, _ = artifacts.freeze(str(model))

    doomed = (str(tmp_path / "frozen" / orphan.digest),)
    assert doomed == artifacts.leftovers(frozenset({kept})) == artifacts.sweep(frozenset({kept}))
    assert () == artifacts.leftovers(frozenset({kept}))


@pytest.mark.parametrize("asking", ["frozen", "workspaces/a/frozen"])
def test_the_areas_of_all_workspaces_are_swept(model: Path, tmp_path: Path, asking: str) -> None:
    """From whichever of them it is called; a digest that something refers to is kept in all."""
    areas = [tmp_path / "frozen", tmp_path / "workspaces" / "a" / "frozen", tmp_path / "workspaces/b/frozen"]
    kept = [freeze_tree(model, area)[1] for area in areas]
    (model / "MLmodel").write_text("other")
    orphans = [freeze_tree(model, area)[1] for area in areas]
    artifacts = MlflowArtifacts(FrozenArea(str(tmp_path / asking), "mlflow-artifacts:/frozen"))
    keep = frozenset({f"mlflow-artifacts:/workspaces/a/frozen/{kept[1].name}"})

    assert tuple(map(str, orphans)) == artifacts.leftovers(keep) == artifacts.sweep(keep)
    assert ([True] * 3, [False] * 3) == (
        [tree.is_dir() for tree in kept],
        [tree.is_dir() for tree in orphans],
    )


def test_a_freeze_that_may_still_run_is_not_swept(tmp_path: Path) -> None:
    """An hour after the last byte it passes for abandoned."""
    incoming = tmp_path / "approved" / ".incoming-x"
    incoming.mkdir(parents=True)
    area = FrozenArea(str(tmp_path / "approved"), str(tmp_path / "approved"))
    began = datetime.fromtimestamp(incoming.stat().st_mtime, timezone.utc)

    def at(minutes: int) -> MlflowArtifacts:
        return MlflowArtifacts(area, lambda: began + timedelta(minutes=minutes))

    assert ((), ()) == (at(59).leftovers(frozenset()), at(59).sweep(frozenset()))
    assert (str(incoming),) == at(61).sweep(frozenset())
    assert not incoming.exists()


def test_a_server_freezes_where_its_clients_can_read(
    served: Any, model: Path, manifest: Manifest, tmp_path: Path
) -> None:
    """The public URI leads back to the copy."""
    served(f"governed+{tmp_path.as_uri()}/served")
    artifacts = MlflowArtifacts(frozen_area(None, "postgresql://db/x"))

    found, public = artifacts.freeze(str(model))

    assert (manifest, f"mlflow-artifacts:/frozen/{manifest.digest}") == (found, public)
    assert (tmp_path / "served" / "frozen" / manifest.digest / "MLmodel").is_file()
    assert (True, manifest) == (artifacts.holds(public), artifacts.manifest(public))


def test_the_same_in_an_object_store(shelf: type[Shelf], manifest: Manifest) -> None:
    """Through MLflow's own repositories: hashed, copied, read back, found; twice is once."""
    artifacts = MlflowArtifacts(FrozenArea("shelf://bucket/frozen", "shelf://bucket/frozen"))
    frozen = f"shelf://bucket/frozen/{manifest.digest}"

    assert (manifest, False) == (artifacts.manifest("shelf://bucket/model"), artifacts.holds(frozen))
    assert (manifest, frozen) == artifacts.freeze("shelf://bucket/model")
    assert (manifest, frozen) == artifacts.freeze("shelf://bucket/model")
    assert (manifest, True) == (artifacts.manifest(frozen), artifacts.holds(frozen))
    assert {f"{frozen}/{name}": data for name, data in FILES.items()} == {
        key: data for key, data in shelf.blobs.items() if key.startswith("shelf://bucket/frozen")
    }
    assert ((), ()) == (artifacts.leftovers(frozenset()), artifacts.sweep(frozenset()))


def test_a_server_in_front_of_an_object_store(served: Any, shelf: type[Shelf], manifest: Manifest) -> None:
    """What it proxies it reads and freezes there, though its own address is not known to it."""
    del shelf
    served("shelf://bucket")
    artifacts = MlflowArtifacts(frozen_area(None, "postgresql://db/x"))

    found, public = artifacts.freeze("mlflow-artifacts:/model")

    assert (manifest, f"mlflow-artifacts:/frozen/{manifest.digest}") == (found, public)
    assert (True, manifest) == (artifacts.holds(public), artifacts.manifest(public))
    assert {"flavors": {}} == artifacts.mlmodel("mlflow-artifacts:/model")


def test_an_interrupted_upload_is_completed(shelf: type[Shelf], manifest: Manifest) -> None:
    """Half a copy under the right digest is finished by the next attempt."""
    frozen = f"shelf://bucket/frozen/{manifest.digest}"
    shelf.blobs[f"{frozen}/MLmodel"] = FILES["MLmodel"]
    artifacts = MlflowArtifacts(FrozenArea("shelf://bucket/frozen", "shelf://bucket/frozen"))

    assert (manifest, frozen) == artifacts.freeze("shelf://bucket/model")
    assert manifest == artifacts.manifest(frozen)


@pytest.mark.parametrize(("name", "difference"), [("MLmodel", "MLmodel: changed"), ("extra", "extra: added")])
def test_other_bytes_in_the_place_of_a_copy_are_not_served(
    shelf: type[Shelf], manifest: Manifest, name: str, difference: str
) -> None:
    """Nor are they overwritten: they may be evidence of who wrote there."""
    frozen = f"shelf://bucket/frozen/{manifest.digest}"
    shelf.blobs[f"{frozen}/{name}"] = b"evil"
    artifacts = MlflowArtifacts(FrozenArea("shelf://bucket/frozen", "shelf://bucket/frozen"))

    with pytest.raises(Undecided, match=f"is not what was copied there: .*{difference}"):
        artifacts.freeze("shelf://bucket/model")
    assert b"evil" == shelf.blobs[f"{frozen}/{name}"]


@pytest.mark.parametrize(
    ("broken", "message"),
    [("read", "The model bytes at shelf://bucket/model cannot be read"), ("write", "could not be frozen")],
)
def test_a_store_that_fails_is_undecided(shelf: type[Shelf], broken: str, message: str) -> None:
    """Whatever kind of exception a storage library raises, nothing is promoted."""
    shelf.broken = broken
    artifacts = MlflowArtifacts(FrozenArea("shelf://bucket/frozen", "shelf://bucket/frozen"))

    with pytest.raises(Undecided, match=f"{message}.*the store's own kind of error"):
        artifacts.freeze("shelf://bucket/model")
    if broken == "read":
        assert {} == artifacts.mlmodel("shelf://bucket/model")


@pytest.mark.parametrize("uri", ["nobody://knows/this", "/no/such/folder"])
def test_unreadable_bytes_are_undecided(uri: str) -> None:
    """A scheme nobody knows and a folder that is not there are no empty model."""
    artifacts = MlflowArtifacts(FrozenArea("/f", "/f"))

    with pytest.raises(Undecided):
        artifacts.manifest(uri)
    assert {} == artifacts.mlmodel(uri)


def test_a_run_s_uri(tracking: Any, tmp_path: Path) -> None:
    """`runs:/` means the run's artifacts; a run that does not exist has none."""
    run = tracking.run()
    tracking.write(tracking.artifacts(run), {"model/MLmodel": "flavors: {sklearn: {}}\n"})
    artifacts = MlflowArtifacts(FrozenArea(str(tmp_path), str(tmp_path)))

    assert ["MLmodel"] == [file.path for file in artifacts.manifest(f"runs:/{run}/model").files]
    assert {"flavors": {"sklearn": {}}} == artifacts.mlmodel(f"runs:/{run}/model")
    with pytest.raises(Undecided, match="cannot be found"):
        artifacts.manifest(f"runs:/{'0' * 32}/model")
