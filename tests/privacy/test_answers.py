from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from governance.errors import Undecided, UsageError
from governance.privacy.answers import ask, likelihoods


class Fixed:
    """Gives the same answer whatever it is asked."""

    def __init__(self, answer: Any, classes: Any = None) -> None:
        self.answer = answer
        if classes is not None:
            self.classes_ = np.asarray(classes)

    def predict(self, _: Any) -> Any:
        """The fixed answer."""
        return self.answer


X = np.zeros((2, 3))


def test_probabilities_keep_their_classes() -> None:
    """Columns belong to `classes_`; the label is the most probable."""
    answers = ask(Fixed([[0.2, 0.8], [0.9, 0.1]], ["no", "yes"]), X)

    assert "probabilities" == answers.kind
    assert ["yes", "no"] == answers.labels.tolist()
    np.testing.assert_allclose(np.log(4), answers.scaled[0, 1])


def test_labels_become_ones() -> None:
    """Whole numbers without `classes_` are labels; the classes are those that were given."""
    answers = ask(Fixed(np.array([3, 7])), X)

    assert ("labels", [3, 7]) == (answers.kind, answers.labels.tolist())
    assert [[1.0, 0.0], [0.0, 1.0]] == answers.values.tolist()


def test_numbers_are_values() -> None:
    """A regressor's numbers are neither labels nor scaled."""
    answers = ask(Fixed(np.array([0.5, 2.5])), X)

    assert ("values", None) == (answers.kind, answers.classes)
    assert [[0.5], [2.5]] == answers.scaled.tolist()


def test_likelihood_of_the_truth() -> None:
    """A classifier's probability, the least there is for an unknown label, a regressor's normal error."""
    model = Fixed([[0.2, 0.8], [0.9, 0.1]], ["no", "yes"])

    np.testing.assert_allclose(np.log([0.8, 0.9]), likelihoods(model, X, ["yes", "no"]))
    np.testing.assert_allclose(np.log([1e-6, 0.1]), likelihoods(model, X, ["maybe", "yes"]))
    np.testing.assert_allclose([-0.125, 0.0], likelihoods(Fixed(np.array([0.5, 2.0])), X, [1.5, 2.0], 2.0))


@pytest.mark.parametrize("answer", [np.zeros((3, 2)), np.zeros((2, 2, 2))])
def test_other_shapes_are_refused(answer: Any) -> None:
    """An answer for another number of records, or of more than two dimensions, is no answer."""
    with pytest.raises(UsageError, match="expected"):
        ask(Fixed(answer), X)


def test_a_model_that_cannot_be_asked_is_refused() -> None:
    """Something with neither `predict_proba` nor `predict` is no model."""
    with pytest.raises(UsageError, match="neither"):
        ask(object(), X)


def test_a_failure_does_not_quote_the_record() -> None:
    """What a model says when it fails may hold a record; only its type goes on."""

    class Telling:
        def predict(self, _: Any) -> Any:
            raise ValueError("bad record: Ada Lovelace, 1815")

    with pytest.raises(Undecided) as caught:
        ask(Telling(), X)

    assert "ValueError" in str(caught.value)
    assert "Ada" not in str(caught.value)


def test_what_is_not_finite_is_no_answer() -> None:
    """A missing probability decides nothing."""
    with pytest.raises(Undecided, match="finite"):
        ask(Fixed([[np.nan, 1.0], [0.5, 0.5]]), X)
