"""One call that reads any kind of model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.reading.answering import read_answers
from governance.privacy.reading.asking import unsupported
from governance.privacy.reading.boosters import library_of, read_booster
from governance.privacy.reading.classifiers import read_margins, read_probabilities
from governance.privacy.reading.networks import module_of, read_module
from governance.privacy.reading.readings import Readings, Task
from governance.privacy.reading.regressors import read_values


def read(model: Any, X: Any, y: ArrayLike, *, task: Task | str | None = None) -> Readings:
    """Ask a model about records: how likely it holds each true answer, and whether it is right.

    | model | told |
    |---|---|
    | a PyTorch module | logits, or predicted values |
    | a native XGBoost or LightGBM booster | what its objective says |
    | with `predict_proba` | probabilities, the columns matched to the labels by `classes_` |
    | a classifier with `decision_function` | margins |
    | a scikit-learn regressor | predicted values |
    | with `predict` (any MLflow pyfunc) | probabilities, labels or values, whichever the answers are |

    Args:
        model: A fitted model of one of these kinds.
        X: (n, …) records as the model takes them.
        y: (n,) true labels, or true values for a regressor. A label never seen has likelihood 1e-6.
        task: `classifier` or `regressor`, where the answers alone do not tell.

    Raises:
        UsageError: nothing can be read from the model, or its answers do not fit the labels.
        Undecided: the model failed on these records or answered with something other than numbers.
    """
    truth, wanted = _truth(y), None if task is None else Task(task)
    module = module_of(model)
    if module is not None:
        return read_module(module, X, truth, wanted)
    if library_of(model) is not None:
        return read_booster(model, X, truth)
    if wanted is not Task.VALUES and hasattr(model, "predict_proba"):
        return read_probabilities(model, X, truth)
    kind = _kind(model)
    if kind is Task.CLASSES and hasattr(model, "decision_function"):
        return read_margins(model, X, truth)
    if not hasattr(model, "predict"):
        raise unsupported(f"{type(model).__name__} has neither `predict_proba` nor `predict`")
    if kind is Task.VALUES:
        return read_values(model, X, truth)
    return read_answers(model, X, truth, wanted)


def _truth(y: ArrayLike) -> NDArray[Any]:
    truth = np.asarray(y)
    truth = truth.reshape(-1) if truth.ndim == 2 and truth.shape[1] == 1 else truth
    if truth.ndim != 1:
        raise UsageError(f"True answers are one a record, not of shape {truth.shape}")
    return truth


def _kind(model: Any) -> Task | None:
    """What a scikit-learn estimator says that it predicts."""
    from sklearn.base import is_classifier, is_regressor

    # Both guess at what a foreign model may not have.
    try:
        return Task.CLASSES if is_classifier(model) else Task.VALUES if is_regressor(model) else None
    except (AttributeError, TypeError):
        return None
