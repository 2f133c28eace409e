"""Native boosters of XGBoost and LightGBM; their scikit-learn wrappers are read like any estimator."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError
from governance.privacy.reading.answering import read_labels
from governance.privacy.reading.asking import answers, numbers
from governance.privacy.reading.classifiers import of_one_number, read_columns
from governance.privacy.reading.labels import is_binary
from governance.privacy.reading.readings import Readings, Told
from governance.privacy.reading.regressors import read_numbers

VALUES = ("regression", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie")
"""How LightGBM's objectives of one number begin."""


def library_of(model: Any) -> str | None:
    """`xgboost` or `lightgbm` if the model is a native booster of one of them."""
    kind = type(model)
    library = kind.__module__.partition(".")[0]
    return library if kind.__name__ == "Booster" and library in ("xgboost", "lightgbm") else None


def read_booster(model: Any, X: Any, labels: NDArray[Any]) -> Readings:
    """Ask a native booster for the answer that its objective has: logits, probabilities or values.

    Labels are numbers, as they were at training: 0 and 1, column numbers from 0, or values.

    Raises:
        UsageError: the objective is one that nothing can be read from, such as ranking.
        Undecided: the booster failed on these records.
    """
    if library_of(model) == "xgboost":
        return _read_xgboost(model, X, labels)
    return _read_lightgbm(model, X, labels)


def xgboost_matrix(X: Any, names: list[str] | None, y: Any = None) -> Any:
    """Records, and labels at training, as XGBoost takes them: under the booster's own column names."""
    import xgboost

    named = hasattr(X, "columns")
    X, names = (X, None) if named else (np.asarray(X), names)
    return xgboost.DMatrix(X, y, feature_names=names, enable_categorical=named)


def booster_answers(model: Any, X: Any) -> Any:
    """What a native booster tells of its objective: logits or log-odds, probabilities, or values."""
    if library_of(model) == "xgboost":
        objective = xgboost_objective(model)
        margin = objective.startswith(("multi:", "binary:logi")) or objective == "reg:logistic"
        return model.predict(xgboost_matrix(X, model.feature_names), output_margin=margin)
    answer = model.predict(X)
    # One classifier a class: their answers in proportion.
    return (
        answer / answer.sum(axis=1, keepdims=True) if lightgbm_objective(model) == "multiclassova" else answer
    )


def _read_xgboost(booster: Any, X: Any, labels: NDArray[Any]) -> Readings:
    ask, objective = partial(booster_answers, booster), xgboost_objective(booster)
    if objective.startswith("multi:"):
        return read_columns(ask, booster, X, labels, Told.LOGITS)
    if objective.startswith("binary:logi") or (objective == "reg:logistic" and is_binary(labels)):
        return _binary(ask, booster, X, labels, Told.LOGITS)
    if objective == "binary:hinge":
        return read_labels(ask, booster, X, labels)
    if objective.startswith(("reg:", "count:")) and objective != "reg:logistic":
        return read_numbers(ask, booster, X, labels)
    raise _unread(objective)


def _read_lightgbm(booster: Any, X: Any, labels: NDArray[Any]) -> Readings:
    ask, objective = partial(booster_answers, booster), lightgbm_objective(booster)
    if objective in ("binary", "cross_entropy"):
        return _binary(ask, booster, X, labels, Told.PROBABILITIES)
    if objective.startswith("multiclass"):
        return read_columns(ask, booster, X, labels, Told.PROBABILITIES)
    if objective.startswith(VALUES):
        return read_numbers(ask, booster, X, labels)
    raise _unread(objective)


def xgboost_objective(booster: Any) -> str:
    """Such as `binary:logistic`."""
    return str(json.loads(booster.save_config())["learner"]["objective"]["name"])


def lightgbm_objective(booster: Any) -> str:
    """The first word of a booster's objective, as its own file says it; empty for one of the user's."""
    header = booster.model_to_string(num_iteration=1).partition("\nTree=")[0]
    lines = (line for line in header.splitlines() if line.startswith("objective="))
    return next(lines, "objective=").partition("=")[2].split(" ")[0]


def _binary(ask: Any, model: Any, X: Any, labels: NDArray[Any], told: Told) -> Readings:
    if not is_binary(labels):
        raise UsageError("A binary booster knows the labels 0 and 1, and others were given")
    values = np.empty(len(labels))
    for rows, answer in answers(ask, X, len(labels), model):
        values[rows] = numbers(answer, rows.stop - rows.start, model)
    return of_one_number(values, labels, told)


def _unread(objective: str) -> UsageError:
    return UsageError(
        f"A booster with the objective {objective or 'of its own'!r} tells neither classes nor values",
        "Wrap it in an object with `predict_proba(X)` and `classes_`, or give its scores as arrays.",
    )
