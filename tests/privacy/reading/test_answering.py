from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from governance.errors import Undecided, UsageError
from governance.privacy.reading.reader import read
from governance.privacy.reading.readings import Told
from governance.privacy.reading.transforms import CLIP


class Says:
    """A model known only by its `predict`, like an MLflow pyfunc."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, X: Any) -> Any:  # noqa: ARG002  scikit-learn's word
        return self.answer


def test_rows_are_probabilities() -> None:
    """Rows that sum to one are probabilities of the classes 0, 1, …"""
    actual = read(Says([[0.25, 0.75], [0.5, 0.5]]), None, [1, 0])

    assert Told.PROBABILITIES is actual.told
    np.testing.assert_allclose([0.75, 0.5], actual.confidence, rtol=1e-6)


def test_the_columns_of_a_table_are_classes() -> None:
    """Columns are matched by name, whether the labels are text or numbers; other names are numbered."""
    for names, labels in ((["no", "yes"], ["yes", "no"]), (["4", "7"], [7, 4]), (["p0", "p1"], [1, 0])):
        table = pd.DataFrame([[0.25, 0.75], [0.4, 0.6]], columns=names)

        np.testing.assert_allclose([0.75, 0.4], read(Says(table), None, labels).confidence, rtol=1e-6)


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        pytest.param(["yes", "yes", "no"], ["yes", "no", "no"], id="text"),
        pytest.param(np.array([1, 1, 0]), [1, 0, 0], id="numbers"),
        pytest.param(np.array([2.0, 2.0, 5.0]), np.array([2, 5, 5]), id="whole-floats"),
        pytest.param(np.array([True, True, False]), [1, 0, 0], id="truth-values"),
        pytest.param(pd.DataFrame({"prediction": ["b", "b", "a"]}), ["b", "a", "a"], id="one-column"),
        pytest.param({"labels": np.array([1, 1, 0])}, [1, 0, 0], id="one-name"),
        pytest.param(pd.Series(["b", "b", "a"], dtype="category"), ["b", "a", "a"], id="category"),
    ],
)
def test_labels_are_only_labels(answer: Any, labels: Any) -> None:
    """No likelihood is invented for a label, only whether it was right."""
    actual = read(Says(answer), None, labels)

    assert (None, Told.LABELS) == (actual.signal, actual.told)
    assert actual.correct is not None
    assert [True, False, True] == actual.correct.tolist()


def test_one_probability_is_of_class_1() -> None:
    """Numbers in [0, 1] beside the labels 0 and 1, as a sigmoid gives them."""
    actual = read(Says(np.array([[0.9], [0.2], [1.0]])), None, np.array([1, 1, 0]))

    np.testing.assert_allclose([0.9, 0.2, CLIP], actual.confidence, rtol=1e-6)
    assert actual.correct is not None
    assert [True, False, False] == actual.correct.tolist()


def test_other_numbers_are_values() -> None:
    """Numbers beside true numbers are a regression's; whole ones too where the task says so."""
    assert Told.PREDICTIONS is read(Says([1.5, 2.5]), None, [1, 3]).told
    assert Told.PREDICTIONS is read(Says([1.0, 2.0]), None, [1.5, 2.5]).told
    assert Told.PREDICTIONS is read(Says([1, 2]), None, [1, 3], task="regressor").told
    assert Told.LABELS is read(Says([1, 2]), None, [1, 3], task="classifier").told
    assert Told.PREDICTIONS is read(Says([0.5, 1.5]), None, [0, 1]).told


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param([[3.0, 4.0], [1.0, 2.0]], UsageError, id="rows-of-other-numbers"),
        pytest.param([["a", "b"], ["a", "b"]], UsageError, id="rows-of-text"),
        pytest.param([1.0], UsageError, id="too-few"),
        pytest.param([{"label": "a"}, {"label": "b"}], UsageError, id="dictionaries"),
        pytest.param([np.nan, 0.5], Undecided, id="not-a-number"),
    ],
)
def test_other_answers_are_refused(answer: Any, error: type[Exception]) -> None:
    """What is neither probabilities nor labels nor values."""
    with pytest.raises(error):
        read(Says(answer), None, [0, 1])
