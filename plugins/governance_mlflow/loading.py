"""Loads a model for an assessment, through MLflow's own loaders, as something with `predict_proba`."""

from __future__ import annotations

from typing import Any

from governance.errors import UsageError
from governance_mlflow.artifacts.destinations import local_folder


def load(uri: str) -> Any:
    """The model at a URI, in its native flavour.

    Raises:
        UsageError: it has no flavour that yields class probabilities.
    """
    import mlflow

    folder = str(local_folder(uri) or mlflow.artifacts.download_artifacts(artifact_uri=uri))
    flavors = mlflow.models.Model.load(folder).flavors
    if "sklearn" in flavors:
        return mlflow.sklearn.load_model(folder)
    if "pytorch" in flavors:
        from governance_mlflow.torch_classifier import TorchClassifier

        return TorchClassifier(mlflow.pytorch.load_model(folder))
    raise UsageError(
        f"A model of flavour {', '.join(sorted(flavors))} cannot be assessed yet.",
        "Log it with mlflow.sklearn or mlflow.pytorch, or call governance.measuring.assess in Python.",
    )
