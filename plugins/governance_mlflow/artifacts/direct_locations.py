"""Guards frozen areas where a caller names a place of the server itself, past the proxied destination.

An experiment may be given any `artifact_location`, so that a run's artifacts may lie in a frozen tree; what
then writes there for the run is MLflow's plain repository for `file:` or `s3:`, and so are the URLs it signs.
"""

from __future__ import annotations

from governance_mlflow.artifacts.artifact_repository import GovernedArtifactRepository
from governance_mlflow.artifacts.s3_artifact_repository import GovernedS3ArtifactRepository
from governance_mlflow.callers.identity import in_server

GUARDED = {
    "": GovernedArtifactRepository,
    "file": GovernedArtifactRepository,
    "s3": GovernedS3ArtifactRepository,
}
"""The repository that takes the place of MLflow's own, by scheme."""


def guard_direct_locations() -> None:
    """Let whatever this server opens by a plain path or an S3 URI refuse changes of its frozen areas."""
    if not in_server():
        return
    from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry

    for scheme, repository in GUARDED.items():
        _artifact_repository_registry.register(scheme, repository)
