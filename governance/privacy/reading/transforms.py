"""From what a model answers to one number a record: the logarithm of the likelihood of the true answer.

All results are float64. Float32 inputs are widened before any difference is taken, because 1 − p in
float32 is wrong in every digit once p is within 1e-7 of one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from governance.errors import UsageError

CLIP = 1e-6
"""Probabilities are kept in [CLIP, 1 − CLIP]: forests and neighbours emit exact zeros and ones."""

LOWEST = float(np.log(CLIP))
HIGHEST = float(np.log1p(-CLIP))
"""Every signal lies in [LOWEST, HIGHEST], so its log-odds are finite."""


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
    own, rest = (np.clip(part, CLIP, 1 - CLIP) for part in _own_and_rest(*_indexed(probabilities, labels)))
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


def of_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Signal (n,) of probabilities (n, c) and columns (n,); both ends keep what their type can hold."""
    narrow = np.asarray(probabilities).dtype.itemsize < 8
    own, rest = _own_and_rest(*_indexed(probabilities, labels))
    # Of a confident float32 row only the others' sum is exact; of a float64 row, p itself keeps its ties.
    own = np.where((own > 0.5) & narrow, 1 - rest, own)
    return np.log(np.clip(own, CLIP, 1 - CLIP))


def of_logits(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Signal (n,) of logits (n, c) and columns (n,): the log-softmax, exact at both ends, then clipped."""
    return of_log_odds(transform_logits(logits, labels))


def of_log_odds(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Signal (n,) of φ (n,): −ln(1 + e^−φ)."""
    return np.asarray(np.clip(-np.logaddexp(0.0, -np.asarray(log_odds, np.float64)), LOWEST, HIGHEST))


def _own_and_rest(
    p: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    own = p[rows, columns]
    # Summed, not 1 − own: the small rest of a confident float32 row survives only in the others.
    p[rows, columns] = 0.0
    return own, np.asarray(p.sum(axis=1))


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
