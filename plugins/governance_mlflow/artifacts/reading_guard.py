"""Stands before one of MLflow's artifact repositories and lets those read who may have what they read.

This module must stay light: MLflow loads it while its own artifact modules are half imported.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.tracing.utils.artifact_utils import TRACE_DATA_FILE_NAME

from governance_mlflow.artifacts.frozen_paths import Trail
from governance_mlflow.callers.served import ContextThreads, admit_reading


class ReadingGuard(ArtifactRepository):  # type: ignore[misc]  # MLflow ships no types
    """The guard before everything by which MLflow reads or lists; whoever has it says what a path means."""

    def get_local_path(self, artifact_path: str) -> Any:
        """The file itself, to be sent."""
        self.admit(artifact_path)
        return super().get_local_path(artifact_path)

    def list_artifacts(self, path: str | None = None) -> Any:
        """The names in a folder."""
        self.admit(path)
        return super().list_artifacts(path)

    def download_trace_data(self) -> Any:
        """The data of a trace; somebody may have put them beside a model."""
        self.admit(TRACE_DATA_FILE_NAME)
        return super().download_trace_data()

    def admit(self, path: str | None) -> None:
        """Raise PERMISSION_DENIED unless whoever asks may read what lies at a path."""
        admit_reading(self._places(path))

    def _download_file(self, remote_file_path: str, local_path: Any) -> Any:
        self.admit(remote_file_path)
        return super()._download_file(remote_file_path, local_path)

    def _create_thread_pool(self) -> ThreadPoolExecutor:
        # Downloads run in its threads, and there nothing else would tell who asked.
        return ContextThreads(self.max_workers, thread_name_prefix=f"Mlflow{type(self).__name__}")

    @abstractmethod
    def _places(self, path: str | None) -> Iterator[Trail]:
        """Where a path below the root may lead."""
