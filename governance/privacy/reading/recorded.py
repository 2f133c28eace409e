"""Answers that were written down: probabilities, logits, losses or scores of both sides, and no model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import Undecided, UsageError
from governance.privacy.reading.classifiers import are_probabilities, of_one_number, score
from governance.privacy.reading.labels import column_of_each, is_binary
from governance.privacy.reading.readings import Readings, Told
from governance.privacy.reading.transforms import CLIP, HIGHEST, LOWEST

KINDS = {
    "probabilities": Told.PROBABILITIES,
    "logits": Told.LOGITS,
    "losses": Told.LOSSES,
    "scores": Told.SCORES,
}


def from_arrays(
    kind: str,
    members: ArrayLike,
    non_members: ArrayLike,
    *,
    labels: tuple[ArrayLike, ArrayLike] | None = None,
    classes: ArrayLike | None = None,
) -> tuple[Readings, int]:
    """Readings of both sides, members first, and how many members there are.

    | kind | each side |
    |---|---|
    | `probabilities` | (n,) of the true label, or (n, classes) with `labels` |
    | `logits` | (n,) log-odds of class 1 or (n, classes), both with `labels` |
    | `losses` | (n,) cross-entropy in nats, as a training minimises it |
    | `scores` | (n,) any numbers, larger for what looks like a member; only their order counts |

    Args:
        kind: One of the above.
        members: Answers to records that the model was trained on.
        non_members: Answers to records that it never saw, of the same shape.
        labels: True labels of the two sides.
        classes: The label of each column; 0 … c−1 if not given.

    Raises:
        UsageError: the arrays do not fit the kind or each other.
        Undecided: some are not finite.
    """
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is no kind of answer", f"Say one of {', '.join(KINDS)}.")
    sides = [_side(side) for side in (members, non_members)]
    if sides[0].shape[1:] != sides[1].shape[1:]:
        raise UsageError(f"members and non_members have shapes {sides[0].shape} and {sides[1].shape}")
    values, truth = np.concatenate(sides), _truth(labels, sides)
    if values.ndim == 2:
        readings = _of_columns(values, KINDS[kind], truth, classes)
    else:
        readings = _of_numbers(values, KINDS[kind], truth)
    return readings, len(sides[0])


def _of_columns(
    matrix: NDArray[np.floating], told: Told, truth: NDArray[Any] | None, classes: ArrayLike | None
) -> Readings:
    if told in (Told.LOSSES, Told.SCORES):
        raise UsageError("Losses and scores are one number a record", "Give arrays of shape (n,).")
    if truth is None:
        raise UsageError(
            "A column a class needs the true labels", "Pass labels=(of members, of non_members)."
        )
    if told is Told.PROBABILITIES and not are_probabilities(matrix):
        raise UsageError("The rows are not probabilities: they do not sum to one", "Pass them as logits.")
    columns = column_of_each(truth, np.arange(matrix.shape[1]) if classes is None else classes)
    return Readings(*score(matrix, columns, told), told)


def _of_numbers(values: NDArray[np.floating], told: Told, truth: NDArray[Any] | None) -> Readings:
    if told is Told.LOGITS:
        if truth is None or not is_binary(truth):
            raise UsageError("One logit a record needs labels that are 0 or 1", "Pass labels=(…, …).")
        return of_one_number(values.astype(np.float64), truth, told)
    if told is Told.PROBABILITIES:
        if values.min() < 0 or values.max() > 1:
            raise UsageError("A probability is not between 0 and 1", "Pass other numbers as scores.")
        return Readings(np.log(np.clip(values.astype(np.float64), CLIP, 1 - CLIP)), None, told)
    if told is Told.LOSSES:
        if values.min() < 0:
            raise UsageError("A cross-entropy is not negative", "Pass other losses, negated, as scores.")
        return Readings(np.clip(-values.astype(np.float64), LOWEST, HIGHEST), None, told)
    return Readings(_ranked(values), None, told)


def _ranked(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """ln of the mean rank over n + 1: the same order and the same ties, inside the range of a signal."""
    from scipy.stats import rankdata

    return np.asarray(np.clip(np.log(rankdata(scores) / (len(scores) + 1)), LOWEST, HIGHEST))


def _side(values: ArrayLike) -> NDArray[np.floating]:
    side = np.asarray(values)
    side = side[:, 0] if side.ndim == 2 and side.shape[1] == 1 else side
    number = np.issubdtype(side.dtype, np.number) or side.dtype == bool
    if side.ndim not in (1, 2) or not len(side) or not number:
        raise UsageError(f"Answers are non-empty (n,) or (n, classes) numbers, not of shape {side.shape}")
    side = side if np.issubdtype(side.dtype, np.floating) else side.astype(np.float64)
    if not np.isfinite(side).all():
        raise Undecided("An answer is not a finite number", "Leave those records out on both sides.")
    return side


def _truth(
    labels: tuple[ArrayLike, ArrayLike] | None, sides: list[NDArray[np.floating]]
) -> NDArray[Any] | None:
    if labels is None:
        return None
    truth = [np.asarray(one) for one in labels]
    if [one.shape for one in truth] != [(len(side),) for side in sides]:
        raise UsageError("labels are two lists, one label for each record of either side")
    return np.concatenate(truth)
