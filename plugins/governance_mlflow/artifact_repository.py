"""An artifact destination whose frozen area can be read by all and written by nobody through MLflow.

This module must stay light: MLflow loads it while its own artifact modules are half imported, and a
circular import would make the scheme disappear with nothing but a warning.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

FROZEN = "frozen"


def refuse_frozen(artifact_path: str | None, change: str) -> None:
    """Raise PERMISSION_DENIED if a path inside the destination leads into the frozen area."""
    path = posixpath.normpath("/" + (artifact_path or "").replace("\\", "/")).lstrip("/")
    if path.split("/", 1)[0].casefold() == FROZEN:
        raise MlflowException(
            f"{change} {path!r} is refused: approved model bytes are frozen. To serve other bytes, "
            "register them as a new version and promote that.",
            error_code=PERMISSION_DENIED,
        )


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
        if not (artifact_path or "").strip("/."):
            for entry in Path(local_dir).iterdir():
                refuse_frozen(entry.name, "Writing")
        super().log_artifacts(local_dir, artifact_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete, but neither the frozen area nor the destination as a whole."""
        refuse_frozen(artifact_path or FROZEN, "Deleting")
        super().delete_artifacts(artifact_path)
