"""Where this process finds bytes and freezes them: one URI for clients, one for itself, and what is guarded.

Importing this module must not import MLflow: that would load our repositories, which need this module.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from governance.errors import Undecided
from governance_mlflow.artifacts.frozen_paths import FROZEN, WORKSPACES, Trail, areas_below, trail
from governance_mlflow.callers.identity import BACKEND_OF_A_SERVER, in_server

DESTINATION_OF_A_SERVER = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
SERVES_ARTIFACTS = "_MLFLOW_SERVER_SERVE_ARTIFACTS"
REGISTRY_OF_A_SERVER = "_MLFLOW_SERVER_REGISTRY_STORE"
FROZEN_ROOT = "GOVERNANCE_FROZEN_ROOT"
"""Of the settings; reading all of them takes longer than what each upload and download may wait for this."""

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
    if _serves_artifacts():
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
    """Where this server takes uploads with no guard before its frozen area, though there is one for it."""
    destination = os.environ.get(DESTINATION_OF_A_SERVER, "")
    if not _serves_artifacts() or destination.startswith(GOVERNED):
        return None
    return destination if in_s3(destination) or local_folder(destination) is not None else None


def guarded_spelling(destination: str) -> str:
    """What to start the server with, instead of an unguarded destination."""
    local = local_folder(destination)
    return GOVERNED + (destination if local is None else Path(_absolute(str(local))).as_uri())


def guarded_areas() -> tuple[Trail, ...]:
    """Every frozen area of this server, for all workspaces; none in a process that serves nobody."""
    if not in_server():
        return ()
    return _guarded_areas(
        os.environ.get(DESTINATION_OF_A_SERVER, "") if _serves_artifacts() else None,
        os.environ.get(FROZEN_ROOT),
        os.environ.get(REGISTRY_OF_A_SERVER) or os.environ[BACKEND_OF_A_SERVER],
    )


@lru_cache(maxsize=8)
def _guarded_areas(served: str | None, frozen_root: str | None, registry_uri: str) -> tuple[Trail, ...]:
    destination = None if served is None else trail_of(served)
    areas = [] if destination is None else list(areas_below(destination))
    with suppress(Undecided):
        set_apart = trail_of(frozen_area(frozen_root, registry_uri.removeprefix(GOVERNED)).place)
        if set_apart is not None and set_apart not in areas:
            areas.append(set_apart)
    return tuple(areas)


def trail_of(uri: str) -> Trail | None:
    """A place on this machine or in S3 as its kind and the names that lead there; None if it is elsewhere."""
    uri = reached(uri)
    local = local_folder(uri)
    if local is not None:
        return ("file:", *trail(os.path.realpath(local)))
    # As MLflow reads it: what stands behind `?` or `#` is no part of the place.
    parts = urlsplit(uri)
    return object_trail(parts.netloc, parts.path) if parts.scheme == "s3" else None


def object_trail(bucket: str, key: str) -> Trail:
    """An object, or all objects below a key, as a place."""
    return ("s3:", bucket, *trail(key))


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


def in_s3(uri: str) -> str | None:
    """The `s3://` URI by which this process reaches the objects that a URI means, None if they are none."""
    uri = reached(uri)
    return uri if urlsplit(uri).scheme == "s3" else None


def _serves_artifacts() -> bool:
    return in_server() and os.environ.get(SERVES_ARTIFACTS) == "true"


def _workspace() -> str:
    """The folder in which MLflow keeps what it serves to the workspace that is asking, if there is one."""
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
    from mlflow.utils.workspace_context import get_request_workspace
    from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

    asking = get_request_workspace() if MLFLOW_ENABLE_WORKSPACES.get() else None
    return f"{WORKSPACES}/{asking}/" if asking and asking != DEFAULT_WORKSPACE_NAME else ""


def _absolute(path: str) -> str:
    return str(Path(path).resolve())


def _beneath_run(uri: str) -> str:
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

    try:
        return str(RunsArtifactRepository.get_underlying_uri(uri))
    except MlflowException as error:
        raise Undecided(f"The model bytes at {uri} cannot be found: {error.message}", READABLE) from error
