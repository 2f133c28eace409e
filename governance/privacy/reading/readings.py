"""What one model told about n records, and what it did not tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError


class Told(str, Enum):
    """What the model's answers are made of; the value says it as a threat model does."""

    PROBABILITIES = "black box: confidence in the true label"
    LOGITS = "black box: logits"
    MARGINS = "black box: decision values"
    PREDICTIONS = "black box: the predicted value"
    LABELS = "black box: the predicted label only"
    LOSSES = "black box: the loss of each record"
    SCORES = "black box: one score for each record"


class Task(str, Enum):
    """What the model predicts."""

    CLASSES = "classifier"
    VALUES = "regressor"


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One model's answers to n records."""

    signal: NDArray[np.floating] | None
    """(n,) log-likelihood of the true answer, in [ln 1e-6, ln(1 − 1e-6)]; None if only labels were told.

    Kept as float32, whatever is given: half the memory, and one rounding for a target and its shadows,
    so that what they tell alike stays alike.
    """
    correct: NDArray[np.bool_] | None
    """(n,) whether the answer was right; None if the true labels or the answers are not known.

    A predicted value is right when it is no farther from the true one than true values are from their
    median on average: a model that learned nothing is right as often as the median is.
    """
    told: Told = Told.PROBABILITIES
    scale: float | None = None
    """σ of the normal error behind the signal of predicted values; None for everything else."""

    def __post_init__(self) -> None:
        if self.signal is not None:
            object.__setattr__(self, "signal", self.signal.astype(np.float32))

    @property
    def task(self) -> Task:
        """Whether classes or values were predicted."""
        return Task.VALUES if self.told is Told.PREDICTIONS else Task.CLASSES

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(n,) likelihood of the true answer, in [1e-6, 1 − 1e-6]; `UsageError` if only labels were told."""
        return np.asarray(np.exp(self.likelihood().astype(np.float64)))

    def likelihood(self) -> NDArray[np.floating]:
        """`signal`, for an attack that cannot do without it.

        Raises:
            UsageError: only labels were told.
        """
        if self.signal is None:
            raise UsageError(
                "The model tells only its label, not how sure it is",
                "Use a label-only attack, or wrap the model in an object with `predict_proba`.",
            )
        return self.signal
