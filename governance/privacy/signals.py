"""What a model tells about one record: its confidence in the true label, and whether it was right.

All results are float64. Float32 inputs are widened before any difference is taken, because 1 − p in
float32 is wrong in every digit once p is within 1e-7 of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from governance.errors import Undecided, UsageError

CLIP = 1e-6
"""Probabilities are kept in [CLIP, 1 − CLIP]: forests and neighbours emit exact zeros and ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One model's answers to n records."""

    confidence: NDArray[np.float64]
    """(n,) probability given to the true label, in [CLIP, 1 − CLIP]."""
    correct: NDArray[np.bool_]
    """(n,) whether the most probable label was the true one."""


def log_odds(confidence: ArrayLike) -> NDArray[np.float64]:
    """φ = ln p − ln(1 − p) of clipped confidences (n,), within ±13.82."""
    p = np.clip(np.asarray(confidence, dtype=np.float64), CLIP, 1 - CLIP)
    return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float64)


def transform_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """φ = ln p_y − ln Σ_{j≠y} p_j (LiRA's logit scaling, arXiv:2112.03570), both terms clipped.

    Args:
        probabilities: (n, c), rows summing to one.
        labels: (n,) column of the true label, 0 … c−1.
    """
    p, rows, columns = _indexed(probabilities, labels)
    own = p[rows, columns]
    # Summed, not 1 − own: the small rest of a confident float32 row survives only in the others.
    p[rows, columns] = 0.0
    rest = p.sum(axis=1)
    own, rest = np.clip(own, CLIP, 1 - CLIP), np.clip(rest, CLIP, 1 - CLIP)
    return np.asarray(np.log(own) - np.log(rest), dtype=np.float64)


def transform_logits(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """φ = z_y − ln Σ_{j≠y} exp z_j, the same without rounding through probabilities; never clipped.

    Args:
        logits: (n, c) with c ≥ 2, any real numbers.
        labels: (n,) column of the true label, 0 … c−1.
    """
    z, rows, columns = _indexed(logits, labels)
    own = z[rows, columns]
    z[rows, columns] = -np.inf
    return np.asarray(own - logsumexp(z, axis=1), dtype=np.float64)


def _indexed(
    matrix: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    values = np.array(matrix, dtype=np.float64)
    columns = np.asarray(labels, dtype=np.intp)
    if values.ndim != 2 or columns.shape != (len(values),):
        raise UsageError(
            f"Expected an (n, classes) matrix and (n,) labels, got {values.shape} and {columns.shape}"
        )
    return values, np.arange(len(values)), columns


def confidences(model: Any, X: Any, y: ArrayLike) -> NDArray[np.float64]:
    """(n,) the probability that a classifier gives to each record's true label; see `read`."""
    return read(model, X, y).confidence


def read(model: Any, X: Any, y: ArrayLike) -> Readings:
    """Ask a classifier about records, with its columns matched to the labels by `classes_`.

    A label that the model never saw gets probability `CLIP`.

    Args:
        model: Has `predict_proba`, or a `predict` that returns (n, classes) probabilities; without
            `classes_`, labels are column numbers.
        X: (n, …) records as the model takes them.
        y: (n,) true labels.

    Raises:
        UsageError: the model is no such classifier, for example a regressor.
        Undecided: the model failed on these records or answered with something other than numbers.
    """
    labels = np.asarray(y)
    probabilities = _probabilities(model, X, len(labels))
    classes = np.asarray(getattr(model, "classes_", np.arange(probabilities.shape[1])))
    if classes.shape != (probabilities.shape[1],):
        raise UsageError(
            f"The model names {classes.size} classes and returns {probabilities.shape[1]} columns",
            "Assess a single-output classifier whose `classes_` matches its probabilities.",
        )
    # As Python values, 1, 1.0 and True are one label; as numpy types they need not be.
    column_of = {label: column for column, label in enumerate(classes.tolist())}
    columns = np.array([column_of.get(label, -1) for label in labels.tolist()], dtype=np.intp)
    seen = columns >= 0
    confidence = np.where(seen, probabilities[np.arange(len(labels)), columns], 0.0)
    return Readings(
        confidence=np.clip(confidence, CLIP, 1 - CLIP),
        correct=np.asarray(seen & (probabilities.argmax(axis=1) == columns)),
    )


def _probabilities(model: Any, X: Any, n: int) -> NDArray[np.float64]:
    ask = getattr(model, "predict_proba", None) or getattr(model, "predict", None)
    if ask is None:
        raise _unsupported(f"{type(model).__name__} has neither `predict_proba` nor `predict`")
    try:
        answer = np.asarray(ask(X))
    except Exception as error:  # noqa: BLE001  # any failure of a foreign model is this one answer
        # Its message may quote a record, so only its type goes on.
        raise Undecided(
            f"The model failed to score the records: {type(error).__name__}",
            "Call its predict_proba or predict on the same records to see the cause.",
        ) from None
    if answer.ndim != 2 or len(answer) != n or not np.issubdtype(answer.dtype, np.number):
        raise _unsupported(f"{type(model).__name__} does not return (n, classes) probabilities")
    probabilities = answer.astype(np.float64)
    if np.isnan(probabilities).any():
        raise Undecided(
            "The model returned probabilities that are not numbers",
            "Mend the model, or leave out the records that it cannot score.",
        )
    sums = probabilities.sum(axis=1)
    if probabilities.min(initial=0.0) < -CLIP or np.abs(sums - 1).max(initial=0.0) > 1e-3:
        raise _unsupported(f"The rows that {type(model).__name__} returns are not probabilities")
    return probabilities


def _unsupported(found: str) -> UsageError:
    return UsageError(
        f"{found}; supported are classifiers with `predict_proba`, or with a `predict` that returns"
        " (n, classes) probabilities. Regressors cannot be assessed yet",
        "Wrap the model in an object with `predict_proba(X)` and `classes_`.",
    )
