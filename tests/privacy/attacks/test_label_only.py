from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, mannwhitneyu

from governance.errors import Undecided, UsageError
from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.label_only import STRONGEST, WEAKEST, boundary, disturbed, gap, signal
from governance.privacy.attacks.log_ratio import LogRatioOnline
from governance.privacy.scoring import auc


def test_gap_by_hand() -> None:
    """One for a right label, none for a wrong one, of whatever type labels are."""
    scores = gap(lambda _: np.array(["a", "b", "b"]), np.zeros((3, 1)), ["a", "a", "b"])

    assert [1.0, 0.0, 1.0] == scores.values.tolist()
    assert ("label-gap", 1, "black box: the predicted label only") == (
        scores.attack,
        scores.threat_model.queries,
        scores.threat_model.access,
    )


def test_boundary_by_hand() -> None:
    """Far from the boundary all copies keep the label, on it half do, and a wrong label counts one less."""
    X = np.repeat([[1000.0], [0.0], [-1000.0]], [5, 2000, 5], axis=0)

    values = boundary(lambda X: (X[:, 0] >= 0).astype(int), X, np.ones(2010), seed=1, queries=21).values

    assert ({2.0}, {0.0}) == (set(values[:5].round(9).tolist()), set(values[-5:].tolist()))
    assert 1.5 == pytest.approx(values[5:-5].mean(), abs=0.02)


def test_queries_are_counted_honestly() -> None:
    """The threat model states as many queries a record as `predict` was asked."""
    asked = []

    def predict(X: Any) -> Any:
        asked.append(len(X))
        return np.zeros(len(X))

    scores = boundary(predict, np.random.default_rng(0).normal(size=(5, 2)), np.zeros(5), seed=1, queries=7)

    assert [5] * scores.threat_model.queries == asked == [5] * 7


def test_a_forest_is_found_out_by_its_labels(halves: Any) -> None:
    """What trees were grown on is labelled rightly; with shadows asked the same, far more is found."""
    from sklearn.ensemble import RandomForestClassifier

    random = np.random.default_rng(1)
    X = random.normal(size=(800, 5))
    y = (X[:, 0] + 0.7 * random.normal(size=800) > 0).astype(int)
    inside = halves(random, 4, 800)
    models = [RandomForestClassifier(15, random_state=0).fit(X[rows], y[rows]).predict for rows in inside]
    signals = np.stack([signal(predict, X, y, seed=2, queries=10) for predict in models])

    observed = Observations(signals[0], signals[2:], inside[2:])
    scores = gap(models[0], X, y), boundary(models[0], X, y, seed=2), LogRatioOnline().score(observed)
    plain, noisy, shadowed = (auc(one.values[inside[0]], one.values[~inside[0]]) for one in scores)

    assert 0.5 < min(plain.low, noisy.low)
    assert max(plain.point, noisy.point) + 0.05 < shadowed.point
    assert ((signals < 0) & np.isfinite(signals)).all()


@pytest.mark.slow
def test_no_leak_raises_no_alarm() -> None:
    """A forest grown on other records: a rank test alarms in at most its nominal share of worlds."""
    from sklearn.tree import DecisionTreeClassifier

    alarms = np.zeros(2)
    for seed in range(100):
        random = np.random.default_rng([5, seed])
        X = random.normal(size=(300, 3))
        y = (X[:, 0] + random.normal(size=300) > 0).astype(int)
        predict = DecisionTreeClassifier(random_state=0).fit(X[200:], y[200:]).predict
        for i, scores in enumerate(
            (gap(predict, X[:200], y[:200]), boundary(predict, X[:200], y[:200], seed=seed, queries=8))
        ):
            sides = scores.values[:100], scores.values[100:]
            alarms[i] += mannwhitneyu(*sides, alternative="greater").pvalue <= 0.05

    assert (alarms <= binom.ppf(0.999, 100, 0.05)).all()


def test_equal_seeds_give_equal_scores() -> None:
    """All chance comes from the seed."""
    X, y = np.random.default_rng(3).normal(size=(100, 2)), np.ones(100)

    def predict(X: Any) -> Any:
        return (X[:, 0] > 0).astype(float)

    one, same, other = (boundary(predict, X, y, seed=s, queries=5).values for s in (1, 1, 2))

    assert ((one == same).all(), (one == other).all()) == (True, False)


FRAME = pd.DataFrame(
    {
        "height": np.random.default_rng(1).normal(170, 10, 400),
        "children": np.random.default_rng(2).integers(0, 4, 400),
        "smokes": np.random.default_rng(3).random(400) < 0.5,
        "town": pd.Categorical(
            np.random.default_rng(4).choice(["York", "Bath"], 400), ["Bath", "York", "Ely"]
        ),
        "weight": pd.array([None, *np.random.default_rng(6).normal(70, 10, 399)], dtype="Float64"),
        "name": np.random.default_rng(5).choice(["Ada", "Bo"], 400),
    },
    index=np.arange(400) * 3,
)


def test_copies_of_a_table_are_of_its_kind() -> None:
    """Types, categories, columns and index stay; numbers get noise, the rest values that records have."""
    copy = disturbed(FRAME, 0.5, np.random.default_rng(0))

    pd.testing.assert_series_equal(FRAME.dtypes, copy.dtypes)
    pd.testing.assert_index_equal(FRAME.index, copy.index)
    assert 5.0 == pytest.approx((copy.height - FRAME.height).std(), rel=0.15)
    for name in ("children", "smokes", "town", "name"):
        assert set(copy[name]) <= set(FRAME[name])
        assert 0.05 < (copy[name].to_numpy() != FRAME[name].to_numpy()).mean() < 0.5


@pytest.mark.parametrize("kind", ["f4", "f8", "u1", "?", "U3", "O"])
def test_copies_of_an_array_are_of_its_kind(kind: str) -> None:
    """Shape and type stay, images included, and something changes."""
    values = np.random.default_rng(1).integers(0, 9, (50, 4, 4)).astype(kind)
    original = values.copy()

    copy = disturbed(values, STRONGEST, np.random.default_rng(0))

    assert (original.shape, original.dtype) == (copy.shape, copy.dtype)
    assert (copy != original).any()
    np.testing.assert_array_equal(original, values)
    assert WEAKEST < STRONGEST


def test_two_columns_of_one_name() -> None:
    """A table may name two columns alike."""
    table = FRAME[["height", "children", "height"]].set_axis(["a", "b", "a"], axis=1)

    copy = disturbed(table, 0.5, np.random.default_rng(0))

    assert (["a", "b", "a"], ["f", "i", "f"]) == (list(copy.columns), [kind.kind for kind in copy.dtypes])


def secretive(X: Any) -> Any:
    """Fails with a record in its message."""
    raise ValueError(f"cannot label {X[0]}")


def test_a_failing_model_is_undecided_and_keeps_quiet() -> None:
    """The message of a foreign model may hold a record: only its type is told."""
    with pytest.raises(Undecided, match="ValueError") as caught:
        gap(secretive, np.array([["Ada"]]), [1])

    assert "Ada" not in str(caught.value)


def test_answers_that_are_no_labels_are_refused() -> None:
    """Probabilities are no labels; a column of labels is one."""
    with pytest.raises(UsageError, match="one label a record"):
        gap(lambda _: np.zeros((2, 3)), np.zeros((2, 1)), [0, 0])
    assert [1.0, 1.0] == gap(lambda _: np.zeros((2, 1)), np.zeros((2, 1)), [0, 0]).values.tolist()
    with pytest.raises(UsageError, match="at least 2 queries"):
        boundary(lambda X: X, np.zeros((2, 1)), [0, 0], seed=0, queries=1)
