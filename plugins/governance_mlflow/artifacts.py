"""The bytes of model versions, wherever MLflow put them, and the area where approved bytes are frozen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from governance import freezing
from governance.domain.manifest import Manifest
from governance.errors import Undecided
from governance_mlflow import mlmodel
from governance_mlflow.identity import in_server

FROZEN = "frozen"
"""The folder, below the artifact destination, that holds approved bytes by digest."""

DESTINATION_OF_A_SERVER = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
SERVES_ARTIFACTS = "_MLFLOW_SERVER_SERVE_ARTIFACTS"
GOVERNED = "governed+"


@dataclass(frozen=True, slots=True)
class FrozenArea:
    """Where frozen trees lie, and how clients are told to reach them."""

    place: str
    """A folder or URI that this process can write."""
    public: str
    """The prefix that stands in `storage_location`."""


def frozen_area(frozen_root: str | None, database_url: str) -> FrozenArea:
    """The frozen area of this process: as set, else beside the served artifacts or the SQLite file.

    Raises:
        Undecided: none of these is known.
    """
    if frozen_root:
        return FrozenArea(
            frozen_root, frozen_root if urlsplit(frozen_root).scheme else _absolute(frozen_root)
        )
    if in_server() and os.environ.get(SERVES_ARTIFACTS) == "true":
        destination = os.environ[DESTINATION_OF_A_SERVER].removeprefix(GOVERNED)
        return FrozenArea(f"{destination.rstrip('/')}/{FROZEN}", f"mlflow-artifacts:/{FROZEN}")
    if database_url.startswith("sqlite:///"):
        beside = _absolute(str(Path(database_url.removeprefix("sqlite:///")).parent / FROZEN))
        return FrozenArea(beside, beside)
    raise Undecided(
        "It is not known where approved bytes are to be frozen.",
        "Set GOVERNANCE_FROZEN_ROOT to a folder or URI that the server can write and clients can read.",
    )


def unguarded_destination() -> str | None:
    """The folder that this server takes uploads into without a guard before its frozen area, if so."""
    destination = os.environ.get(DESTINATION_OF_A_SERVER, "")
    proxied = in_server() and os.environ.get(SERVES_ARTIFACTS) == "true"
    guarded = destination.startswith(GOVERNED)
    return destination if proxied and not guarded and local_folder(destination) is not None else None


def _absolute(path: str) -> str:
    return str(Path(path).resolve())


def local_folder(uri: str) -> Path | None:
    """The folder on this machine that a URI means, None if its bytes lie elsewhere."""
    parts = urlsplit(uri.removeprefix(GOVERNED))
    if parts.scheme == "mlflow-artifacts" and in_server() and DESTINATION_OF_A_SERVER in os.environ:
        destination = local_folder(os.environ[DESTINATION_OF_A_SERVER])
        relative = unquote(parts.path).lstrip("/")
        if destination is None or ".." in Path(relative).parts:
            return None
        return destination / relative
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    # A drive letter is no scheme.
    return Path(uri) if len(parts.scheme) < 2 else None


class MlflowArtifacts:
    """Hashes and freezes through the file system where it can, else through MLflow's repositories."""

    def __init__(self, area: FrozenArea) -> None:
        self._area = area

    def manifest(self, uri: str) -> Manifest:
        """List and hash the tree at a URI."""
        with self._folder(uri) as folder:
            return freezing.hash_tree(folder)

    def freeze(self, uri: str) -> tuple[Manifest, str]:
        """Copy the tree to its content address; a tree that is frozen already is checked, not copied."""
        place = local_folder(self._area.place)
        with self._folder(uri) as folder:
            if place is not None and folder.resolve().parent == place.resolve():
                # Frozen already: nothing to copy, but its name must still be true.
                manifest = freezing.hash_tree(folder)
                if manifest.digest != folder.name:
                    raise Undecided(
                        f"The frozen bytes at {uri} are not the ones their name promises.",
                        "Run `governance doctor`; restore them from a backup, or register the model again.",
                    )
            elif place is not None:
                manifest, _ = freezing.freeze_tree(folder, place)
            else:
                manifest = freezing.hash_tree(folder)
                self._upload(folder, manifest)
        return manifest, f"{self._area.public.rstrip('/')}/{manifest.digest}"

    def mlmodel(self, uri: str) -> dict[str, Any]:
        """The contents of the `MLmodel` file at a URI, empty when there is none."""
        local = local_folder(_beneath_runs(uri))
        if local is not None:
            return mlmodel.read(local)
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with tempfile.TemporaryDirectory() as folder:
            try:
                get_artifact_repository(uri).download_artifacts("MLmodel", folder)
            except (MlflowException, OSError):
                return {}
            return mlmodel.read(Path(folder))

    def holds(self, frozen_uri: str) -> bool:
        """Whether a frozen tree is still there."""
        local = local_folder(frozen_uri)
        if local is not None:
            return local.is_dir()
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return bool(get_artifact_repository(frozen_uri).list_artifacts())

    def leftovers(self, keep: frozenset[str]) -> tuple[str, ...]:
        """What `sweep` would remove."""
        place = local_folder(self._area.place)
        return () if place is None else tuple(map(str, freezing.leftovers(place, _digests(keep))))

    def sweep(self, keep: frozenset[str]) -> tuple[str, ...]:
        """Remove unfinished freezes and unreferenced trees of a local frozen area."""
        place = local_folder(self._area.place)
        if place is None:
            return ()
        return tuple(map(str, freezing.sweep(place, _digests(keep))))

    @contextmanager
    def _folder(self, uri: str) -> Iterator[Path]:
        local = local_folder(_beneath_runs(uri))
        if local is not None:
            yield local
            return
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with tempfile.TemporaryDirectory() as folder:
            try:
                get_artifact_repository(uri).download_artifacts("", folder)
            except (MlflowException, OSError) as error:
                raise Undecided(
                    f"The model bytes at {uri} cannot be read: {error}.",
                    "Give this process read access to the artifact store.",
                ) from error
            yield Path(folder)

    def _upload(self, folder: Path, manifest: Manifest) -> None:
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        target = f"{self._area.place.rstrip('/')}/{manifest.digest}"
        try:
            repository = get_artifact_repository(target)
            if not repository.list_artifacts():
                repository.log_artifacts(str(folder))
        except (MlflowException, OSError) as error:
            raise Undecided(
                f"The bytes could not be frozen at {target}: {error}. Nothing was promoted.",
                "Give the server write access there, or set GOVERNANCE_FROZEN_ROOT.",
            ) from error
        if self.manifest(target) != manifest:
            raise Undecided(
                f"What lies at {target} is not what was copied there.",
                "Move it away and promote again.",
            )


def _digests(uris: frozenset[str]) -> frozenset[str]:
    return frozenset(uri.rsplit("/", 1)[-1] for uri in uris)


def _beneath_runs(uri: str) -> str:
    if not uri.startswith("runs:/"):
        return uri
    from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

    return str(RunsArtifactRepository.get_underlying_uri(uri))
