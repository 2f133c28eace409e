"""Everything a model answers to records, as one matrix, whatever kind of model it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import Undecided, UsageError
from governance.privacy.signals import CLIP

Kind = Literal["probabilities", "labels", "values"]
"""Of what an answer consists: one probability a class, one label alone, or a regressor's number."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One model's answers to n records."""

    values: NDArray[np.float64]
    """(n, c) probabilities, or a one for the label given; (n, 1) numbers of a regressor."""
    classes: NDArray[Any] | None
    """(c,) the label of each column; None for a regressor."""
    kind: Kind

    @property
    def labels(self) -> NDArray[Any]:
        """(n,) the most probable label, or the regressor's number."""
        if self.classes is None:
            return self.values[:, 0]
        return np.asarray(self.classes[self.values.argmax(axis=1)])

    @property
    def scaled(self) -> NDArray[np.float64]:
        """(n, c) log-odds of clipped probabilities, within ±13.82; a regressor's numbers as they are."""
        if self.classes is None:
            return self.values
        p = np.clip(self.values, CLIP, 1 - CLIP)
        return np.asarray(np.log(p) - np.log1p(-p))


def ask(model: Any, X: Any) -> Answers:
    """Ask a model about records.

    Args:
        model: Has `predict_proba`, or a `predict` that returns (n, c) probabilities, (n,) labels or
            (n,) numbers. Without `classes_`, text, whole numbers and booleans are labels.
        X: (n, …) records as the model takes them.

    Raises:
        UsageError: the answers have no such shape.
        Undecided: the model failed on these records, or answered with something not finite.
    """
    query = getattr(model, "predict_proba", None) or getattr(model, "predict", None)
    if query is None:
        raise UsageError(
            f"{type(model).__name__} has neither `predict_proba` nor `predict`",
            "Wrap the model in an object with `predict_proba(X)` and `classes_`, or with `predict(X)`.",
        )
    try:
        answer = np.asarray(query(X))
    except Exception as error:  # noqa: BLE001  # any failure of a foreign model is this one answer
        # Its message may quote a record, so only its type goes on.
        raise Undecided(
            f"The model failed on the records of an attack: {type(error).__name__}",
            "Call its predict_proba or predict on such records to see the cause.",
        ) from None
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    if answer.shape[:1] != (n,) or answer.ndim not in (1, 2):
        raise UsageError(
            f"{type(model).__name__} returns {answer.shape} for {n} records; expected (n, classes) or (n,)"
        )
    known = getattr(model, "classes_", None)
    if answer.ndim == 2 and answer.shape[1] > 1:
        return _checked(Answers(answer.astype(np.float64), _columns(known, answer.shape[1]), "probabilities"))
    flat = answer.reshape(-1)
    if known is not None or not np.issubdtype(flat.dtype, np.floating):
        classes = np.unique(flat) if known is None else np.asarray(known)
        return Answers((flat[:, None] == classes[None, :]).astype(np.float64), classes, "labels")
    return _checked(Answers(flat.astype(np.float64)[:, None], None, "values"))


def likelihoods(model: Any, X: Any, y: ArrayLike, scale: float = 1.0) -> NDArray[np.float64]:
    """(n,) ln of the likelihood that a model gives to each record's true answer, up to a constant.

    Args:
        model: As `ask` has it.
        X: (n, …) records.
        y: (n,) true labels, or true numbers.
        scale: Standard deviation of a regressor's normal error.
    """
    answers, truth = ask(model, X), np.asarray(y)
    if answers.classes is None:
        return np.asarray(-0.5 * ((answers.values[:, 0] - truth.astype(np.float64)) / scale) ** 2)
    column = columns(answers.classes, truth)
    own = np.where(column < 0, 0.0, answers.values[np.arange(len(truth)), column])
    return np.asarray(np.log(np.clip(own, CLIP, 1 - CLIP)))


def columns(classes: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.intp]:
    """(n,) where each label stands among the classes; −1 for one that the model does not know."""
    # As Python values, 1, 1.0 and True are one label; as numpy types they need not be.
    column_of = {label: column for column, label in enumerate(classes.tolist())}
    return np.array([column_of.get(label, -1) for label in labels.tolist()], dtype=np.intp)


def _columns(known: Any, n: int) -> NDArray[Any]:
    classes = np.arange(n) if known is None else np.asarray(known)
    if classes.shape != (n,):
        raise UsageError(f"The model names {classes.size} classes and returns {n} columns")
    return classes


def _checked(answers: Answers) -> Answers:
    if not np.isfinite(answers.values).all():
        raise Undecided(
            "The model answered with something other than finite numbers",
            "Mend the model, or leave out the records that it cannot answer.",
        )
    return answers
