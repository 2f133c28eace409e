from __future__ import annotations

import numpy as np
import pytest

from governance.errors import UsageError
from governance.privacy.reading.regressors import of_predictions, robust_scale

RANDOM = np.random.default_rng(1)


def test_the_scale_of_normal_errors_is_their_deviation() -> None:
    """For normal errors σ is nearly their standard deviation; the cut costs a few percent."""
    assert 2.0 == pytest.approx(robust_scale(np.abs(RANDOM.normal(0, 2, 100_000))), rel=0.03)


def test_absurd_residuals_do_not_move_the_scale() -> None:
    """One record in fifty a million times off changes σ by less than a tenth."""
    residual = np.abs(RANDOM.normal(size=5000))
    absurd = residual.copy()
    absurd[::50] *= 1e6

    assert robust_scale(residual) == pytest.approx(robust_scale(absurd), rel=0.1)


def test_records_known_by_heart_do_not_end_the_scale() -> None:
    """A model without any error on nine records of ten still has a scale; a median would be zero."""
    residual = np.abs(RANDOM.normal(size=5000))
    residual[: 9 * 500] = 0.0

    assert robust_scale(residual) > 0.01


def test_a_model_without_errors_tells_the_same_of_everybody() -> None:
    """No residual at all is one tie, not a division by zero."""
    y = np.arange(10.0)

    assert [-0.5 * np.log(2 * np.pi)] * 10 == pytest.approx(of_predictions(y, y).signal)


def test_right_is_nearer_than_values_are_to_their_median() -> None:
    """Predicting the median is right for the values near it, and a perfect prediction for all."""
    y = np.array([0.0, 1.0, 2.0, 3.0, 14.0])

    readings = [of_predictions(predicted, y).correct for predicted in (np.full(5, 2.0), y)]

    assert [[True, True, True, True, False], [True] * 5] == [right.tolist() for right in readings]


def test_text_is_no_value() -> None:
    """The true answers of a regressor are numbers."""
    with pytest.raises(UsageError, match="are numbers"):
        of_predictions(np.zeros(2), np.array(["a", "b"]))
