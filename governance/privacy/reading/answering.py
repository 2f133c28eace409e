"""Models known only by their `predict`: any MLflow pyfunc, Keras, a function behind a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.privacy.reading.asking import answers, numbers, unsupported
from governance.privacy.reading.classifiers import are_probabilities, of_one_number, score
from governance.privacy.reading.labels import column_of_each, is_binary, is_class_like, same
from governance.privacy.reading.readings import Readings, Task, Told
from governance.privacy.reading.regressors import of_predictions


def read_answers(model: Any, X: Any, labels: NDArray[Any], task: Task | None) -> Readings:
    """Ask `predict`, and tell from the answers what they are.

    | answers | read as |
    |---|---|
    | rows of numbers that sum to one | probabilities; a table's columns by name, else classes 0 … c−1 |
    | text, or whole numbers where the true answers are whole numbers | labels only |
    | numbers in [0, 1], the true answers all 0 or 1 | the probability of class 1 |
    | other numbers, the true answers numbers | predicted values |

    Args:
        model: Has `predict`.
        X: (n, …) records as the model takes them.
        labels: (n,) true labels or values.
        task: What the model predicts; settles what whole numbers are.

    Raises:
        UsageError: the answers are nothing of that.
        Undecided: the model failed, or answered with something that is not a finite number.
    """
    parts, names = [], None
    for rows, answer in answers(model.predict, X, len(labels), model):
        names = names or [str(name) for name in getattr(answer, "columns", ())]
        parts.append(_one_batch(answer, rows.stop - rows.start, model))
    told = np.concatenate(parts)
    if told.ndim == 2:
        return _read_rows(told, names, labels, model)
    number = np.issubdtype(told.dtype, np.number)
    if number and task is not Task.CLASSES and np.issubdtype(labels.dtype, np.number):
        whole = is_class_like(told) and is_class_like(labels)
        if task is Task.VALUES or not (whole or _within_one(told, labels)):
            return of_predictions(told, labels)
    if number and not is_class_like(told) and _within_one(told, labels):
        return of_one_number(told.astype(np.float64), labels, Told.PROBABILITIES)
    return _labels_only(told, labels, model)


def read_labels(ask: Callable[[Any], Any], model: Any, X: Any, labels: NDArray[Any]) -> Readings:
    """Ask for labels, and only for them."""
    told = [
        _one_batch(answer, rows.stop - rows.start, model)
        for rows, answer in answers(ask, X, len(labels), model)
    ]
    return _labels_only(np.concatenate(told), labels, model)


def _labels_only(told: NDArray[Any], labels: NDArray[Any], model: Any) -> Readings:
    if told.ndim != 1:
        raise unsupported(f"{type(model).__name__} returns {told.shape[1]} labels a record")
    return Readings(None, same(told, labels), Told.LABELS)


def _read_rows(matrix: NDArray[Any], names: list[str] | None, labels: NDArray[Any], model: Any) -> Readings:
    if not are_probabilities(matrix):
        raise unsupported(f"The rows that {type(model).__name__} returns are not probabilities")
    if names and {str(label) for label in np.unique(labels).tolist()} <= set(names):
        columns = column_of_each(labels.astype(str), names)
    else:
        classes = getattr(model, "classes_", np.arange(matrix.shape[1]))
        columns = column_of_each(labels, classes)
    return Readings(*score(matrix, columns, Told.PROBABILITIES), Told.PROBABILITIES)


def _one_batch(answer: Any, n: int, model: Any) -> NDArray[Any]:
    """(n,) labels or numbers, or (n, columns) numbers."""
    if isinstance(answer, dict) and len(answer) == 1:
        answer = next(iter(answer.values()))
    values = np.asarray(answer)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 1 and len(values) == n and _is_text(values):
        return values
    return numbers(values, n, model)


def _is_text(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "US" or (
        values.dtype == object and all(isinstance(one, str | bool) for one in values.tolist())
    )


def _within_one(told: NDArray[Any], labels: NDArray[Any]) -> bool:
    return is_binary(labels) and bool(((told >= 0) & (told <= 1)).all())
