"""Classifiers: probabilities, logits or decision values, a column a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.reading.asking import answers, numbers, unsupported
from governance.privacy.reading.labels import column_of_each
from governance.privacy.reading.readings import Readings, Told
from governance.privacy.reading.transforms import LOWEST, of_log_odds, of_logits, of_probabilities

ROUNDING = 1e-3
"""How far a row of probabilities may sum from one."""


def read_probabilities(model: Any, X: Any, labels: NDArray[Any]) -> Readings:
    """Ask `predict_proba`, the columns matched to the labels by `classes_`."""
    return read_columns(model.predict_proba, model, X, labels, Told.PROBABILITIES)


def read_margins(model: Any, X: Any, labels: NDArray[Any]) -> Readings:
    """Ask `decision_function` of a classifier without probabilities.

    One value a record is taken as the log-odds of the second class, c values as c logits. A margin is
    no probability that the model was fitted for; its order is the model's, and so are its ties.
    """
    return read_columns(model.decision_function, model, X, labels, Told.MARGINS)


def read_columns(ask: Callable[[Any], Any], model: Any, X: Any, labels: NDArray[Any], told: Told) -> Readings:
    """Ask for one row of probabilities, logits or margins a record; a label never seen gets 1e-6.

    Raises:
        UsageError: the answers are not of that kind, or the model's classes do not match its columns.
        Undecided: the model failed or answered with something other than numbers.
    """
    signal, correct = np.empty(len(labels)), np.empty(len(labels), dtype=np.bool_)
    columns: NDArray[np.intp] | None = None
    for rows, answer in answers(ask, X, len(labels), model):
        matrix = two_columns(numbers(answer, rows.stop - rows.start, model), told)
        if told is Told.PROBABILITIES and not are_probabilities(matrix):
            raise unsupported(f"The rows that {type(model).__name__} returns are not probabilities")
        if columns is None:
            columns = column_of_each(labels, _classes(model, matrix.shape[1]))
        signal[rows], correct[rows] = score(matrix, columns[rows], told)
    return Readings(signal, correct, told)


def score(
    matrix: NDArray[np.floating], columns: NDArray[np.intp], told: Told
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Signal and correctness of (n, c) answers; column −1 is a label that the model never saw."""
    seen = columns >= 0
    of = of_probabilities if told is Told.PROBABILITIES else of_logits
    signal = np.where(seen, of(matrix, np.where(seen, columns, 0)), LOWEST)
    return signal, np.asarray(seen & (matrix.argmax(axis=1) == columns))


def two_columns(values: NDArray[np.floating], told: Told) -> NDArray[np.floating]:
    """(n, c) from answers of a binary model that says one number a record, of its second class."""
    if values.ndim == 2:
        return values
    # A zero logit beside the log-odds; the rest of the probability beside the probability.
    other = 1 - values.astype(np.float64) if told is Told.PROBABILITIES else np.zeros_like(values)
    return np.column_stack([other, values])


def are_probabilities(matrix: NDArray[np.floating]) -> bool:
    """Whether every row is non-negative and sums to one, to rounding."""
    if matrix.min(initial=0.0) < -1e-6:
        return False
    return bool(np.abs(matrix.sum(axis=1, dtype=np.float64) - 1).max(initial=0.0) <= ROUNDING)


def of_one_number(values: NDArray[np.float64], labels: NDArray[Any], told: Told) -> Readings:
    """A binary model's one number a record, of label 1: its probability, or its log-odds."""
    positive = labels.astype(np.bool_)
    if told is Told.PROBABILITIES:
        matrix = two_columns(values, told)
        return Readings(of_probabilities(matrix, positive.astype(np.intp)), (values > 0.5) == positive, told)
    return Readings(of_log_odds(np.where(positive, values, -values)), (values > 0) == positive, told)


def _classes(model: Any, n_columns: int) -> ArrayLike:
    classes = np.asarray(getattr(model, "classes_", np.arange(n_columns)))
    if classes.shape != (n_columns,):
        raise UsageError(
            f"The model names {classes.size} classes and returns {n_columns} columns",
            "Assess a single-output classifier whose `classes_` matches its answers.",
        )
    return classes
