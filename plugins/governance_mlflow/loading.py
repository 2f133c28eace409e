"""Loads a model for an assessment, through MLflow's own loaders, as what tells the most about itself."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from governance.errors import UsageError
from governance_mlflow.artifacts.destinations import local_folder

NATIVE = ("sklearn", "xgboost", "lightgbm", "catboost", "pytorch")
"""Flavours whose own object says more than `predict` does; every other is read through `python_function`."""


def folder_of(uri: str) -> Path:
    """A folder on this machine that holds the files of the model at a URI; downloaded if need be."""
    import mlflow

    return Path(local_folder(uri) or mlflow.artifacts.download_artifacts(artifact_uri=uri))


def load(uri: str) -> Any:
    """The model at a URI: a scikit-learn estimator, a booster, a network, or an MLflow pyfunc.

    A pyfunc's `predict` may tell as little as a label; a native object tells how sure it is, and
    scikit-learn's and LightGBM's also how they were trained.

    Raises:
        UsageError: Python cannot load it, or a library that it needs is not installed.
    """
    import mlflow

    folder = str(folder_of(uri))
    flavors = mlflow.models.Model.load(folder).flavors
    flavor = next((name for name in NATIVE if name in flavors), "pyfunc")
    if flavor == "pyfunc" and "python_function" not in flavors:
        raise UsageError(
            f"A model of flavour {', '.join(sorted(flavors))} cannot be loaded in Python.",
            "Log it with the flavour python_function, or give governance.measuring.assess its scores.",
        )
    try:
        loaded = import_module(f"mlflow.{flavor}").load_model(folder)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The model needs the library {error.name}, which is not installed here.",
            f"Install it as MLmodel's requirements.txt says: pip install -r {folder}/requirements.txt",
        ) from error
    return _asked(flavor, loaded)


def native(model: Any) -> Any:
    """What a loaded pyfunc was made from, if its flavour is one of `NATIVE`; else the pyfunc itself."""
    import mlflow

    if not isinstance(model, mlflow.pyfunc.PyFuncModel) or model.metadata is None:
        return model
    loader = model.metadata.flavors.get("python_function", {}).get("loader_module", "")
    flavor = loader.removeprefix("mlflow.")
    if flavor not in NATIVE:
        return model
    try:
        return _asked(flavor, model.get_raw_model())
    except RuntimeError:
        # What MLflow raises for a wrapper that hides its model is one of these.
        return model


def _asked(flavor: str, loaded: Any) -> Any:
    if flavor != "pytorch":
        return loaded
    from governance_mlflow.torch_classifier import TorchClassifier

    return TorchClassifier(loaded)
