"""An artifact destination whose frozen area can be read by all and written by nobody through MLflow.

This module must stay light: MLflow loads it while its own artifact modules are half imported, and a
circular import would make the scheme disappear with nothing but a warning.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

FROZEN = "frozen"
WORKSPACES = "workspaces"
"""Where MLflow puts the artifacts of a workspace: `workspaces/NAME/…`, with a frozen area of its own."""


def refuse_frozen(artifact_path: str | None, change: str) -> None:
    """Raise PERMISSION_DENIED if a path inside the destination leads into a frozen area."""
    parts = _spelled_out(artifact_path).casefold().split("/")
    if parts[0] == WORKSPACES:
        parts = parts[2:]
    if parts[:1] == [FROZEN]:
        raise _refusal(artifact_path, change)


def _refuse_around_frozen(artifact_path: str | None, change: str) -> None:
    """Raise PERMISSION_DENIED if a frozen area lies, or may lie, below a path."""
    parts = _spelled_out(artifact_path).casefold().split("/")
    if parts == [""] or (parts[0] == WORKSPACES and len(parts) < 3):
        raise _refusal(artifact_path, change)


def _refusal(artifact_path: str | None, change: str) -> MlflowException:
    return MlflowException(
        f"{change} {_spelled_out(artifact_path)!r} is refused: approved model bytes are frozen. To serve "
        "other bytes, register them as a new version and promote that.",
        error_code=PERMISSION_DENIED,
    )


def _spelled_out(artifact_path: str | None) -> str:
    """A path inside the destination as the file system will read it, empty for the destination itself."""
    path = artifact_path or ""
    # MLflow decodes a path before it deletes it, whoever decoded it before.
    while (decoded := unquote(path)) != path:
        path = decoded
    return posixpath.normpath("/" + path.replace("\\", "/")).lstrip("/")


class GovernedArtifactRepository(LocalArtifactRepository):  # type: ignore[misc]  # MLflow ships no types
    """`--artifacts-destination governed+file:///folder`: a local folder with a create-only frozen area."""

    def __init__(self, artifact_uri: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(artifact_uri.removeprefix("governed+"), *args, **kwargs)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Store one file, but not into the frozen area."""
        refuse_frozen(posixpath.join(artifact_path or "", posixpath.basename(local_file)), "Writing")
        super().log_artifact(local_file, artifact_path)

    def log_artifact_from_stream(
        self, stream: Any, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store one uploaded file (Flask), but not into the frozen area."""
        refuse_frozen(posixpath.join(artifact_path or "", artifact_file_name), "Writing")
        super().log_artifact_from_stream(stream, artifact_file_name, artifact_path)

    async def log_artifact_from_async_stream(
        self, stream: Any, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store one uploaded file (FastAPI), but not into the frozen area."""
        refuse_frozen(posixpath.join(artifact_path or "", artifact_file_name), "Writing")
        await super().log_artifact_from_async_stream(stream, artifact_file_name, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Store a folder, but not into or over the frozen area."""
        refuse_frozen(artifact_path, "Writing")
        for entry in Path(local_dir).rglob("*"):
            refuse_frozen(
                posixpath.join(artifact_path or "", entry.relative_to(local_dir).as_posix()), "Writing"
            )
        super().log_artifacts(local_dir, artifact_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete, but neither a frozen area nor the whole of what it lies in."""
        refuse_frozen(artifact_path, "Deleting")
        _refuse_around_frozen(artifact_path, "Deleting")
        super().delete_artifacts(artifact_path)
