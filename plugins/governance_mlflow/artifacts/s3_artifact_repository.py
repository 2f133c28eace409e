"""An artifact destination in an S3-compatible store, its frozen area read by all and written by nobody.

This module must stay light, as `artifact_repository` must: MLflow loads both at the same moment.
"""

from __future__ import annotations

import posixpath
from typing import Any

from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

from governance_mlflow.artifacts.artifact_repository import WRITING, FrozenGuard, below
from governance_mlflow.artifacts.destinations import object_trail
from governance_mlflow.artifacts.frozen_paths import Trail


class FrozenObjectsGuard(FrozenGuard):
    """The guard before a repository of objects, which also uploads in parts and by URLs signed in advance."""

    # MLflow before 3.17 deletes every key that begins with the text.
    deletes_by_prefix = True

    def create_multipart_upload(
        self, local_file: str, num_parts: int = 1, artifact_path: str | None = None
    ) -> Any:
        """Let one file be uploaded in parts, but not into a frozen area."""
        self.refuse_frozen(WRITING, below(artifact_path, local_file))
        return super().create_multipart_upload(local_file, num_parts, artifact_path)

    def complete_multipart_upload(
        self, local_file: str, upload_id: str, parts: Any = None, artifact_path: str | None = None
    ) -> Any:
        """Put the parts together, but not in a frozen area."""
        self.refuse_frozen(WRITING, below(artifact_path, local_file))
        return super().complete_multipart_upload(local_file, upload_id, parts, artifact_path)

    def abort_multipart_upload(
        self, local_file: str, upload_id: str, artifact_path: str | None = None
    ) -> Any:
        """Give up an upload, but not one of the plugin's own into a frozen area."""
        self.refuse_frozen("Giving up the upload of", below(artifact_path, local_file))
        return super().abort_multipart_upload(local_file, upload_id, artifact_path)

    def create_presigned_upload_url(self, artifact_path: str, expiration: int = 900) -> Any:
        """Sign a URL for an upload past the server, but not into a frozen area."""
        self.refuse_frozen(WRITING, artifact_path)
        return super().create_presigned_upload_url(artifact_path, expiration)

    def get_download_presigned_url(self, artifact_path: str, expiration: int = 300) -> Any:
        """Sign a URL for a download past the server, for those who may download through it."""
        self.admit(artifact_path)
        return super().get_download_presigned_url(artifact_path, expiration)

    def _joined(self, path: str) -> Trail:
        bucket, key = self.parse_s3_compliant_uri(self.artifact_uri)
        return object_trail(bucket, posixpath.join(key, path))


class GovernedS3ArtifactRepository(FrozenObjectsGuard, S3ArtifactRepository):  # type: ignore[misc]  # MLflow ships no types
    """`--artifacts-destination governed+s3://bucket/prefix`: the same for S3 and what speaks its language."""
