from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC

from governance.errors import Undecided, UsageError
from governance.privacy.signals import (
    CLIP,
    Readings,
    confidences,
    log_odds,
    read,
    transform_logits,
    transform_probabilities,
)

LARGEST = float(np.log((1 - CLIP) / CLIP))


class Fixed:
    """A classifier that answers the same to every question."""

    def __init__(self, answer: Any, classes: Any = None) -> None:
        self.answer = answer
        if classes is not None:
            self.classes_ = np.asarray(classes)

    def predict_proba(self, X: Any) -> Any:  # noqa: ARG002  scikit-learn's word
        return self.answer


class FixedPredict:
    """A model whose `predict` returns probabilities, like Keras' and many pyfunc models."""

    def predict(self, X: Any) -> Any:  # noqa: ARG002  scikit-learn's word
        return [[0.25, 0.75], [0.5, 0.5]]


@given(
    arrays.arrays(np.float64, (7, 4), elements=st.floats(-10, 10)),
    arrays.arrays(np.int64, 7, elements=st.integers(0, 3)),
)
def test_logits_and_probabilities_agree(logits: Any, labels: Any) -> None:
    """Both ways to φ give the same number wherever probabilities are not clipped."""
    from_logits = transform_logits(logits, labels)
    exponentials = np.exp(logits)
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)

    np.testing.assert_allclose(
        np.clip(from_logits, -LARGEST, LARGEST),
        transform_probabilities(probabilities, labels),
        atol=1e-3,
    )


def test_exact_zeros_and_ones_are_clipped() -> None:
    """A forest's exact 0 and 1 give finite φ, equally far from zero."""
    certain = np.array([[1.0, 0.0], [1.0, 0.0]])

    np.testing.assert_allclose([LARGEST, -LARGEST], transform_probabilities(certain, [0, 1]))
    np.testing.assert_allclose([LARGEST, -LARGEST, 0.0], log_odds([1.0, 0.0, 0.5]), atol=1e-12)


def test_large_logits_do_not_overflow() -> None:
    """φ of logits beyond exp's range is their difference."""
    assert [2000.0, -2000.0] == transform_logits([[1000.0, -1000.0], [1000.0, -1000.0]], [0, 1]).tolist()


def test_float32_keeps_the_small_rest() -> None:
    """In a float32 row that rounds to (1, 1e-5), φ comes from the 1e-5 and not from 1 − 1."""
    row = np.array([[1.0, 1e-5]], dtype=np.float32)

    np.testing.assert_allclose([np.log(1e5)], transform_probabilities(row, [0]), rtol=1e-5)


def test_classes_are_matched_by_name() -> None:
    """Columns follow `classes_`; a label that the model never saw gets the clip probability."""
    model = Fixed([[0.1, 0.9], [0.7, 0.3], [0.6, 0.4]], ["yes", "no"])

    actual = read(model, None, ["yes", "yes", "unseen"])

    assert [0.1, 0.7, CLIP] == actual.confidence.tolist()
    assert [False, True, False] == actual.correct.tolist()


def test_equal_numbers_are_equal_labels() -> None:
    """Labels 1.0 belong to class 1, and True to class 1."""
    model = Fixed([[0.25, 0.75], [0.5, 0.5]], [0, 1])

    assert [0.75, 0.5] == confidences(model, None, np.array([1.0, 0.0])).tolist()
    assert [0.75, 0.5] == confidences(model, None, np.array([True, False])).tolist()


def test_predict_may_return_probabilities() -> None:
    """A `predict` with (n, classes) probabilities will do; without `classes_`, labels are columns."""
    assert [0.75, 0.5] == confidences(FixedPredict(), None, [1, 0]).tolist()


def test_a_fitted_classifier_gives_its_own_probabilities() -> None:
    """What is read is what scikit-learn's model says."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(50, 2)), np.array(["a", "b"] * 25)
    model = LogisticRegression().fit(X, y)

    actual = read(model, X, y)

    np.testing.assert_allclose(model.predict_proba(X)[np.arange(50), [0, 1] * 25], actual.confidence)
    assert float(model.score(X, y)) == actual.correct.mean()
    assert isinstance(actual, Readings)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(LinearRegression().fit([[0.0], [1.0]], [0, 1]), id="regressor"),
        pytest.param(SVC().fit([[0.0], [1.0]], [0, 1]), id="classifier-without-probabilities"),
        pytest.param(object(), id="no-model"),
        pytest.param(Fixed([[0.2, 0.2], [0.5, 0.5]]), id="rows-do-not-sum-to-one"),
        pytest.param(Fixed([[-0.5, 1.5], [0.5, 0.5]]), id="negative-probability"),
        pytest.param(Fixed([["a", "b"], ["c", "d"]]), id="text"),
        pytest.param(Fixed([[0.5, 0.5]]), id="too-few-rows"),
    ],
)
def test_what_is_not_supported_is_refused(model: Any) -> None:
    """Anything but a classifier with probabilities is refused, and the message names what is supported."""
    with pytest.raises(UsageError, match="supported are classifiers with `predict_proba`"):
        read(model, [[0.0], [1.0]], [0, 1])


def test_too_many_classes_are_refused() -> None:
    """`classes_` and the columns must be as many."""
    with pytest.raises(UsageError, match="names 3 classes and returns 2 columns"):
        read(Fixed([[0.5, 0.5]], [0, 1, 2]), None, [0])


def test_not_a_number_is_undecided() -> None:
    """NaN probabilities give no answer."""
    with pytest.raises(Undecided, match="not numbers"):
        read(Fixed([[np.nan, 0.5]]), None, [0])


def test_a_failing_model_s_message_is_not_passed_on() -> None:
    """The model's own error may quote a record, so only its type is told."""

    class Quoting:
        def predict_proba(self, X: Any) -> Any:  # noqa: ARG002  scikit-learn's word
            raise ValueError("could not convert 'Ada Lovelace' to float")

    with pytest.raises(Undecided) as caught:
        read(Quoting(), [["Ada Lovelace"]], [0])

    assert "The model failed to score the records: ValueError" == caught.value.message
    assert caught.value.__suppress_context__
