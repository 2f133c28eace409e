from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from governance.privacy.reading.transforms import (
    CLIP,
    HIGHEST,
    LOWEST,
    log_odds,
    of_log_odds,
    of_logits,
    of_probabilities,
    transform_logits,
    transform_probabilities,
)

LARGEST = float(np.log((1 - CLIP) / CLIP))


@given(
    arrays.arrays(np.float64, (7, 4), elements=st.floats(-10, 10)),
    arrays.arrays(np.int64, 7, elements=st.integers(0, 3)),
)
def test_logits_and_probabilities_agree(logits: Any, labels: Any) -> None:
    """Both ways give the same number wherever probabilities are not clipped."""
    exponentials = np.exp(logits)
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)

    np.testing.assert_allclose(
        np.clip(transform_logits(logits, labels), -LARGEST, LARGEST),
        transform_probabilities(probabilities, labels),
        atol=1e-3,
    )
    np.testing.assert_allclose(of_logits(logits, labels), of_probabilities(probabilities, labels), rtol=1e-9)


def test_exact_zeros_and_ones_are_clipped() -> None:
    """A forest's exact 0 and 1 give finite φ, equally far from zero, and signals at both ends."""
    certain = np.array([[1.0, 0.0], [1.0, 0.0]])

    np.testing.assert_allclose([LARGEST, -LARGEST], transform_probabilities(certain, [0, 1]))
    np.testing.assert_allclose([LARGEST, -LARGEST, 0.0], log_odds([1.0, 0.0, 0.5]), atol=1e-12)
    np.testing.assert_allclose([HIGHEST, LOWEST], of_probabilities(certain, [0, 1]), rtol=1e-9)
    np.testing.assert_allclose([HIGHEST, LOWEST], of_log_odds([1e4, -1e4]))


def test_large_logits_do_not_overflow() -> None:
    """φ of logits beyond exp's range is their difference, and the signal its end."""
    logits = [[1000.0, -1000.0], [1000.0, -1000.0]]

    assert [2000.0, -2000.0] == transform_logits(logits, [0, 1]).tolist()
    assert [HIGHEST, LOWEST] == of_logits(logits, [0, 1]).tolist()


def test_float32_keeps_the_small_rest() -> None:
    """In a float32 row that rounds to (1, 1e-5), the rest is the 1e-5 and not 1 − 1."""
    row = np.array([[1.0, 1e-5]], dtype=np.float32)

    np.testing.assert_allclose([np.log(1e5)], transform_probabilities(row, [0]), rtol=1e-5)
    np.testing.assert_allclose([np.log1p(-1e-5)], of_probabilities(row, [0]), rtol=1e-5)


def test_equal_probabilities_stay_equal() -> None:
    """Two float64 rows with the same p stay tied, however the rest is spread over the other classes."""
    rows = np.array([[0.7, 0.1, 0.2], [0.7, 0.3, 0.0], [0.7, 0.15, 0.15]])

    assert 1 == len(set(of_probabilities(rows, [0, 0, 0]).tolist()))
