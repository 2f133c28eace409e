from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from governance.errors import Undecided, UsageError
from governance.privacy.reading.readings import Told
from governance.privacy.reading.recorded import from_arrays

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
Q = np.array([[0.3, 0.3, 0.4]])
LABELS = ([0, 2], [2])


def test_every_kind_tells_the_same() -> None:
    """Probabilities, their logits, the true label's alone and its losses: one signal, members first."""
    told = [
        from_arrays("probabilities", P, Q, labels=LABELS),
        from_arrays("logits", np.log(P) + 3, np.log(Q) - 5, labels=LABELS),
        from_arrays("probabilities", [0.7, 0.1], [0.4]),
        from_arrays("losses", -np.log([0.7, 0.1]), -np.log([0.4])),
    ]

    for readings, n_members in told:
        assert 2 == n_members
        np.testing.assert_allclose(np.log([0.7, 0.1, 0.4]), readings.signal, rtol=1e-6)
    assert [[True, False, True]] * 2 + [None] * 2 == [
        None if readings.correct is None else readings.correct.tolist() for readings, _ in told
    ]


def test_columns_have_names() -> None:
    """Columns are numbered unless `classes` names them."""
    readings, _ = from_arrays("probabilities", P, Q, labels=(["c", "a"], ["b"]), classes=["c", "b", "a"])

    np.testing.assert_allclose([0.7, 0.1, 0.3], readings.confidence, rtol=1e-6)


def test_one_logit_is_of_class_1() -> None:
    """One logit a record is its log-odds of class 1."""
    readings, _ = from_arrays("logits", [0.0, np.log(3)], [[np.log(3)]], labels=([1, 1], [0]))

    np.testing.assert_allclose([0.5, 0.75, 0.25], readings.confidence, rtol=1e-6)


def test_of_scores_only_the_order_counts() -> None:
    """Any score keeps its order and its ties over both sides, inside the range of a signal."""
    small, _ = from_arrays("scores", [3.0, -1.0], [3.0, 7.0])
    large, _ = from_arrays("scores", [2e9, -1e9], [2e9, 3e30])

    assert Told.SCORES is small.told
    np.testing.assert_array_equal(small.likelihood(), large.likelihood())
    assert [1, 0, 1, 3] == [int((small.likelihood() < one).sum()) for one in small.likelihood()]
    assert small.likelihood().max() < 0


@pytest.mark.parametrize(
    ("kind", "members", "non_members", "labels", "message"),
    [
        pytest.param("entropy", [1.0], [1.0], None, "no kind of answer", id="kind"),
        pytest.param("scores", P, Q, None, "one number a record", id="columns-of-scores"),
        pytest.param("logits", P, Q, None, "needs the true labels", id="no-labels"),
        pytest.param("logits", [1.0], [1.0], None, "0 or 1", id="no-binary-labels"),
        pytest.param("probabilities", P + 1, Q, LABELS, "do not sum to one", id="no-probabilities"),
        pytest.param("probabilities", [1.5], [0.5], None, "between 0 and 1", id="above-one"),
        pytest.param("losses", [-0.5], [0.5], None, "not negative", id="negative-loss"),
        pytest.param("probabilities", P, Q[:, :2], LABELS, "shapes", id="other-columns"),
        pytest.param("probabilities", P, Q, ([0], [2]), "two lists", id="too-few-labels"),
        pytest.param("scores", [], [1.0], None, "non-empty", id="empty"),
        pytest.param("scores", ["a"], ["b"], None, "numbers", id="text"),
    ],
)
def test_what_does_not_fit_is_refused(
    kind: str, members: Any, non_members: Any, labels: Any, message: str
) -> None:
    """Every mistake has its own message."""
    with pytest.raises(UsageError, match=message):
        from_arrays(kind, members, non_members, labels=labels)


def test_what_is_no_number_is_undecided() -> None:
    """A score that is NaN stands nowhere in an order."""
    with pytest.raises(Undecided, match="not a finite number"):
        from_arrays("scores", [np.nan], [1.0])
