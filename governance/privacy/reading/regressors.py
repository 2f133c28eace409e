"""Regressors: the density of a residual under a normal error.

The signal is the log-density of the standardised residual, ln N(r/σ; 0, 1) = −(r/σ)²/2 − ln(2π)/2: the
usual likelihood of a regression up to the constant ln σ, which moves no rank within one model.

σ is √(π/2) · mean|r| over *all* records asked about, each |r| cut at the 95th percentile: for normal
errors the mean deviation is σ√(2/π). It never looks at who is a member, a few absurd residuals do not
move it, and it stays above zero even where most records are known by heart; a median would not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError
from governance.privacy.reading.asking import answers, numbers, unsupported
from governance.privacy.reading.readings import Readings, Told
from governance.privacy.reading.transforms import HIGHEST, LOWEST

CUT = 0.95
"""Beyond this quantile of |r|, residuals count as that quantile."""


def read_values(model: Any, X: Any, truth: NDArray[Any]) -> Readings:
    """Ask `predict` for one number a record."""
    return read_numbers(model.predict, model, X, truth)


def read_numbers(ask: Callable[[Any], Any], model: Any, X: Any, truth: NDArray[Any]) -> Readings:
    """Ask for one number a record.

    Raises:
        UsageError: the true answers or the model's are not one number a record.
        Undecided: the model failed or answered with something other than numbers.
    """
    predicted = np.empty(len(truth))
    for rows, answer in answers(ask, X, len(truth), model):
        values = numbers(answer, rows.stop - rows.start, model)
        if values.ndim != 1:
            raise unsupported(f"{type(model).__name__} predicts {values.shape[1]} numbers a record")
        predicted[rows] = values
    return of_predictions(predicted, truth)


def of_predictions(
    predicted: NDArray[np.floating], truth: NDArray[Any], scale: float | None = None
) -> Readings:
    """Readings from predicted and true values (n,); `scale` if σ is known from elsewhere."""
    if not np.issubdtype(truth.dtype, np.number) and truth.dtype != bool:
        raise UsageError("A regressor's true answers are numbers; these are not")
    y = truth.astype(np.float64)
    residual = np.abs(np.asarray(predicted, dtype=np.float64) - y)
    sigma = robust_scale(residual) if scale is None else scale
    # With no error at all every record is equally well known.
    standardised = residual / sigma if sigma > 0 else np.zeros_like(residual)
    signal = np.clip(-0.5 * (standardised**2 + np.log(2 * np.pi)), LOWEST, HIGHEST)
    typical = float(np.abs(y - np.median(y)).mean())
    return Readings(signal, residual <= typical, Told.PREDICTIONS, sigma)


def robust_scale(residual: NDArray[np.float64]) -> float:
    """σ of absolute residuals (n,) of all records, without looking at which are members'."""
    cut = float(np.quantile(residual, CUT, method="higher"))
    return float(np.sqrt(np.pi / 2) * np.minimum(residual, cut).mean())
