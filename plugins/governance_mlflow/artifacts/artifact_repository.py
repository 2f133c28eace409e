"""An artifact destination whose frozen area can be read by all and written by nobody through MLflow.

This module must stay light: MLflow loads it while its own artifact modules are half imported, and a
circular import would make the scheme disappear with nothing but a warning.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.utils.file_utils import local_file_uri_to_path

from governance_mlflow.artifacts.destinations import GOVERNED, guarded_areas, trail_of
from governance_mlflow.artifacts.frozen_paths import (
    Trail,
    areas_below,
    leads_into,
    lies_around,
    refusal,
    trail,
)
from governance_mlflow.artifacts.reading_guard import ReadingGuard

WRITING, DELETING = "Writing", "Deleting"


class FrozenGuard(ReadingGuard):
    """Stands before one of MLflow's repositories and refuses what would change frozen bytes.

    In front of a destination (`governed+…`) it guards the frozen areas below that; wherever it stands, it
    also guards those of the server that it is in.
    """

    deletes_by_prefix = False
    """Whether deleting `a` may also delete `ab`."""

    def __init__(self, artifact_uri: str, *args: Any, **kwargs: Any) -> None:
        self._destination = artifact_uri.startswith(GOVERNED)
        super().__init__(artifact_uri.removeprefix(GOVERNED), *args, **kwargs)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Store one file, but not into a frozen area."""
        self.refuse_frozen(WRITING, below(artifact_path, local_file))
        super().log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Store a folder, but not into or over a frozen area."""
        entries = (entry.relative_to(local_dir).as_posix() for entry in Path(local_dir).rglob("*"))
        self.refuse_frozen(
            WRITING, artifact_path, *(posixpath.join(artifact_path or "", entry) for entry in entries)
        )
        super().log_artifacts(local_dir, artifact_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete, but neither a frozen area nor the whole of what it lies in."""
        self.refuse_frozen(DELETING, artifact_path)
        areas = self._areas()
        if any(lies_around(place, areas, self.deletes_by_prefix) for place in self._places(artifact_path)):
            raise refusal(artifact_path, DELETING)
        super().delete_artifacts(artifact_path)

    def upload_archived_trace_data_bytes(self, data: bytes) -> None:
        """Store the archive of a trace, but not into a frozen area."""
        self.refuse_frozen(WRITING, None)
        super().upload_archived_trace_data_bytes(data)

    def refuse_frozen(self, change: str, *paths: str | None) -> None:
        """Raise PERMISSION_DENIED if a path leads into a frozen area."""
        areas = self._areas()
        for path in paths:
            if any(leads_into(place, areas) for place in self._places(path)):
                raise refusal(path, change)

    def _areas(self) -> tuple[Trail, ...]:
        below_this = areas_below(self._joined("")) if self._destination else ()
        return below_this + guarded_areas()

    def _places(self, path: str | None) -> Iterator[Trail]:
        """Where a path may lead: if it is read as below the root, and if it is joined as it stands."""
        yield self._joined("") + trail(path)
        yield self._joined(path or "")

    def _joined(self, path: str) -> Trail:
        """The place that the store takes for a path below its root."""
        return trail_of(posixpath.join(local_file_uri_to_path(self.artifact_uri), path)) or ()


class GovernedArtifactRepository(FrozenGuard, LocalArtifactRepository):  # type: ignore[misc]  # as above
    """`--artifacts-destination governed+file:///folder`: a local folder with a create-only frozen area."""

    def log_artifact_from_stream(
        self, stream: Any, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store one uploaded file (Flask), but not into a frozen area."""
        self.refuse_frozen(WRITING, posixpath.join(artifact_path or "", artifact_file_name))
        super().log_artifact_from_stream(stream, artifact_file_name, artifact_path)

    async def log_artifact_from_async_stream(
        self, chunks: Any, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store one uploaded file (FastAPI), but not into a frozen area."""
        self.refuse_frozen(WRITING, posixpath.join(artifact_path or "", artifact_file_name))
        await super().log_artifact_from_async_stream(chunks, artifact_file_name, artifact_path)


def below(artifact_path: str | None, local_file: str) -> str:
    """The path under which MLflow stores a local file."""
    return posixpath.join(artifact_path or "", os.path.basename(local_file))  # noqa: PTH119 - a Path drops a slash at the end
