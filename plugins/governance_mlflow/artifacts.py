"""The bytes of model versions, wherever MLflow put them, and the area where approved bytes are frozen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from governance import freezing
from governance.domain.manifest import Manifest, differences
from governance.errors import Undecided
from governance_mlflow import mlmodel
from governance_mlflow.artifact_repository import FROZEN, WORKSPACES
from governance_mlflow.identity import in_server

DESTINATION_OF_A_SERVER = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
SERVES_ARTIFACTS = "_MLFLOW_SERVER_SERVE_ARTIFACTS"
GOVERNED = "governed+"
READABLE = "Give this process read access to the artifact store."


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
        public = f"mlflow-artifacts:/{_workspace()}{FROZEN}"
        return FrozenArea(reached(public), public)
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


def _workspace() -> str:
    """The folder in which MLflow keeps what it serves to the workspace that is asking, if there is one."""
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
    from mlflow.utils.workspace_context import get_request_workspace
    from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

    asking = get_request_workspace() if MLFLOW_ENABLE_WORKSPACES.get() else None
    return f"{WORKSPACES}/{asking}/" if asking and asking != DEFAULT_WORKSPACE_NAME else ""


def _absolute(path: str) -> str:
    return str(Path(path).resolve())


def reached(uri: str) -> str:
    """The URI by which this process reaches bytes: a server does not ask itself for what it proxies.

    Raises:
        Undecided: the URI leads out of what the server proxies, or into a run that does not exist.
    """
    if uri.startswith("runs:/"):
        uri = _beneath_run(uri)
    parts = urlsplit(uri)
    if parts.scheme != "mlflow-artifacts" or not in_server() or DESTINATION_OF_A_SERVER not in os.environ:
        return uri.removeprefix(GOVERNED)
    relative = unquote(parts.path).strip("/")
    if ".." in Path(relative).parts:
        raise Undecided(f"{uri} leads out of the server's artifacts.", "Register the model from its run.")
    destination = os.environ[DESTINATION_OF_A_SERVER].removeprefix(GOVERNED).rstrip("/")
    # In a file URI a path is encoded, elsewhere it is taken as it stands.
    return f"{destination}/{quote(relative) if destination.startswith('file:') else relative}"


def local_folder(uri: str) -> Path | None:
    """The folder on this machine that a URI means, None if its bytes lie elsewhere."""
    uri = reached(uri)
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    # A drive letter is no scheme.
    return Path(uri) if len(parts.scheme) < 2 else None


def _beneath_run(uri: str) -> str:
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

    try:
        return str(RunsArtifactRepository.get_underlying_uri(uri))
    except MlflowException as error:
        raise Undecided(f"The model bytes at {uri} cannot be found: {error.message}", READABLE) from error


def _repository(uri: str) -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(reached(uri))


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
        proxied = urlsplit(uri).scheme == "mlflow-artifacts"
        if proxied and not in_server() and urlsplit(self._area.public).scheme != "mlflow-artifacts":
            # A path of this machine would be served to clients that cannot reach it.
            raise Undecided(
                "These bytes are served by an MLflow server, so that server must freeze them.",
                "Promote through it: MlflowClient(SERVER).set_registered_model_alias(NAME, ALIAS, VERSION).",
            )
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
        local = local_folder(uri)
        if local is not None:
            return mlmodel.read(local)
        with tempfile.TemporaryDirectory() as folder:
            try:
                _repository(uri).download_artifacts("MLmodel", folder)
            except Exception:  # noqa: BLE001 - each storage library has its own exceptions
                return {}
            return mlmodel.read(Path(folder))

    def holds(self, frozen_uri: str) -> bool:
        """Whether a frozen tree is still there."""
        local = local_folder(frozen_uri)
        return local.is_dir() if local is not None else bool(_repository(frozen_uri).list_artifacts())

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
        local = local_folder(uri)
        if local is not None:
            yield local
            return
        with tempfile.TemporaryDirectory() as folder:
            try:
                _repository(uri).download_artifacts("", folder)
            except Exception as error:
                raise Undecided(f"The model bytes at {uri} cannot be read: {error}.", READABLE) from error
            yield Path(folder)

    def _upload(self, folder: Path, manifest: Manifest) -> None:
        target = f"{self._area.place.rstrip('/')}/{manifest.digest}"
        try:
            repository = _repository(target)
            there = self.manifest(target) if repository.list_artifacts() else Manifest(())
            # What an interrupted upload left is part of the tree and is completed; anything else is not ours.
            if set(there.files) < set(manifest.files):
                repository.log_artifacts(str(folder))
                there = self.manifest(target)
        except Undecided:
            raise
        except Exception as error:
            raise Undecided(
                f"The bytes could not be frozen at {target}: {error}. Nothing was promoted.",
                "Give the server write access there, or set GOVERNANCE_FROZEN_ROOT.",
            ) from error
        if changed := differences(manifest, there):
            raise Undecided(
                f"What lies at {target} is not what was copied there: {'; '.join(changed)}.",
                "Move it away and promote again.",
            )


def _digests(uris: frozenset[str]) -> frozenset[str]:
    return frozenset(uri.rsplit("/", 1)[-1] for uri in uris)
