from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import binom
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.naive_bayes import GaussianNB

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance.privacy.attacks.attribute_inference import infer_attributes
from governance.privacy.attacks.attribute_values import choose_values, column_of, replace_column
from governance.privacy.attacks.imputation import Impute
from governance.privacy.shadows import sklearn_trainer
from governance.privacy.verdict import Leakage


@dataclass
class Side:
    """Records with labels."""

    X: Any
    y: Any


def people(random: np.random.Generator, n: int) -> Side:
    """n persons: a sensitive group of three, four other columns of which one tells something of it."""
    group = random.integers(0, 3, n)
    X = random.normal(size=(n, 5))
    X[:, 0] = group
    X[:, 1] += 0.5 * group
    return Side(X, (X[:, 1] + X[:, 2] + (group == 2) + random.normal(size=n) > 0.5).astype(int))


def quick_imputer(table: NDArray[np.float32], groups: NDArray[np.intp], n_groups: int, *_: int) -> Impute:
    """Naive Bayes, for worlds of which many are needed."""
    fitted = GaussianNB().fit(table, groups)

    def impute(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        probabilities = np.zeros((len(rows), n_groups))
        probabilities[:, fitted.classes_] = fitted.predict_proba(rows)
        return probabilities

    return impute


def test_a_forest_remembers() -> None:
    """A fully grown forest gives away members' groups, and of nobody else's more than the imputer knows."""
    random = np.random.default_rng(1)
    members, others = people(random, 800), people(random, 800)
    model = RandomForestClassifier(30, random_state=0).fit(members.X, members.y)

    (found,) = infer_attributes(model, members, others, [0], seed=0, imputer=quick_imputer)

    assert (EvidenceType.ATTRIBUTE_INFERENCE, Leakage.SHOWN) == (found.type, found.verdict)
    assert found.estimate.low > 0.05
    assert found.controls["lift_non_members"]["low"] < 0
    assert found.details["memorised"]["p"] < 0.001
    assert {"members": 800, "non_members": 400, "auxiliary": 400, "groups": 3, "values": 3} == found.counts


@pytest.mark.slow
def test_nothing_is_shown_of_a_model_trained_on_others() -> None:
    """In 100 worlds whose forest saw neither side, memory is shown in at most 2.5 % and chance."""
    alarms = 0
    random = np.random.default_rng(2)
    trainer = sklearn_trainer(GaussianNB())
    for seed in range(100):
        trained, members, others = (people(random, 120) for _ in range(3))
        model = RandomForestClassifier(5, random_state=seed).fit(trained.X, trained.y)
        (found,) = infer_attributes(
            model, members, others, [0], seed=seed, trainer=trainer, imputer=quick_imputer
        )
        alarms += found.verdict is Leakage.SHOWN

    assert alarms <= binom.isf(0.001, 100, 0.025)


def test_knowledge_of_the_population_is_no_memory() -> None:
    """A model that knows the group's law lifts members and non-members alike: no leak of training."""
    random = np.random.default_rng(3)

    def side(n: int) -> Side:
        X = np.column_stack([random.integers(0, 2, size=(n, 3)), random.normal(size=n)])
        return Side(X, (X[:, 0].astype(int) ^ X[:, 1].astype(int)) * 2 + X[:, 2].astype(int))

    class Law:
        classes_ = np.arange(4)

        def predict_proba(self, X: Any) -> Any:
            labels = (X[:, 0].astype(int) ^ X[:, 1].astype(int)) * 2 + X[:, 2].astype(int)
            return np.eye(4)[labels]

    # Naive Bayes cannot learn an exclusive or, so the imputer guesses and the model knows.
    (found,) = infer_attributes(Law(), side(400), side(400), [0], seed=0, imputer=quick_imputer)

    assert found.estimate.low > 0.3
    assert found.controls["lift_non_members"]["low"] > 0.3
    assert found.verdict is not Leakage.SHOWN
    assert found.details["memorised"]["p"] > 0.05


def test_a_shifted_split_decides_nothing() -> None:
    """If the imputer alone is righter about one side, the sides are different people: a lift is no leak."""
    random = np.random.default_rng(4)
    members, others = people(random, 300), people(random, 300)
    model = RandomForestClassifier(10, random_state=0).fit(members.X, members.y)
    others.X[:, 1] = others.X[:, 0] * 5

    (found,) = infer_attributes(model, members, others, [0], seed=0, imputer=quick_imputer)

    assert found.estimate.low > 0
    assert not found.controls["imputation_alike"]["passed"]
    assert found.verdict is Leakage.UNDECIDED


@pytest.mark.slow
def test_frames_text_and_regressors() -> None:
    """Columns of a frame by name, one of text and one in bins, of a regressor, without a trainer."""
    random = np.random.default_rng(5)

    def side(n: int) -> Side:
        X = pd.DataFrame(
            {
                "smokes": pd.Categorical(random.choice(["never", "often"], n)),
                "income": random.integers(1000, 9000, n),
                "age": random.integers(18, 90, n),
            }
        )
        return Side(X, X["age"] / 10 + 3 * (X["smokes"] == "often") + random.normal(size=n))

    class Coded:
        def __init__(self, data: Side) -> None:
            self.forest = RandomForestRegressor(20, random_state=0).fit(self.code(data.X), data.y)

        def code(self, X: Any) -> Any:
            assert "category" == X["smokes"].dtype.name
            assert np.issubdtype(X["income"].dtype, np.integer)
            return X.assign(smokes=X["smokes"].cat.codes)

        def predict(self, X: Any) -> Any:
            return self.forest.predict(self.code(X))

    members, others = side(200), side(200)
    smokes, income = infer_attributes(Coded(members), members, others, ["smokes", "income"], seed=0)

    assert ("smokes", "categories", 2) == (
        smokes.details["attribute"],
        smokes.details["kind"],
        smokes.counts["groups"],
    )
    assert ("income", "bins", 4) == (
        income.details["attribute"],
        income.details["kind"],
        income.counts["groups"],
    )
    assert smokes.details["accuracy_members"]["posterior"] > 0.8


def test_the_attack_repeats() -> None:
    """Equal arguments give equal outcomes, and another seed another one."""
    random = np.random.default_rng(6)
    members, others = people(random, 150), people(random, 150)
    model = GaussianNB().fit(members.X, members.y)

    def run(seed: int) -> Any:
        return infer_attributes(
            model, members, others, [0], seed=seed, trainer=sklearn_trainer(model), imputer=quick_imputer
        )

    assert run(1) == run(1)
    assert run(1)[0].details != run(2)[0].details


def test_bins_hold_equal_counts_and_try_values_that_occur() -> None:
    """Quarters of a number, each with values of its own; the true value falls into the bin of its quarter."""
    column = np.arange(100)
    values = choose_values(column, 4, None)

    assert [25, 25, 25, 25] == np.bincount(values.groups(column)).tolist()
    assert set(values.tried.tolist()) <= set(column.tolist())
    assert values.group_of.tolist() == values.groups(values.tried).tolist()
    assert column.dtype == values.tried.dtype


def test_a_tolerance_makes_bins_twice_as_wide() -> None:
    """Within 10 of the middle means bins of 20."""
    values = choose_values(np.arange(101.0), 4, 10.0)

    assert values.edges is not None
    assert [20.0, 40.0, 60.0, 80.0] == values.edges.tolist()


def test_an_unknown_category_is_in_no_group() -> None:
    """A value that the attacker's records lack cannot be guessed, by anybody."""
    values = choose_values(np.array(["a", "b", "b"], dtype=object), 4, None)

    assert ["b", "a"] == values.tried.tolist()
    assert [0, 1, -1] == values.groups(np.array(["b", "a", "c"], dtype=object)).tolist()


def test_only_the_attribute_is_replaced() -> None:
    """The records themselves stay as they are."""
    X = np.arange(6.0).reshape(2, 3)

    assert [[9.0, 1.0, 2.0], [9.0, 4.0, 5.0]] == replace_column(X, 0, 9.0).tolist()
    assert 0.0 == X[0, 0]
    frame = pd.DataFrame({0: [1, 2], "b": [3, 4]})
    assert {0: [7, 7], "b": [3, 4]} == replace_column(frame, 0, 7).to_dict("list")
    assert [1, 2] == frame[0].tolist()


@pytest.mark.parametrize(
    ("X", "attribute", "message"),
    [
        (pd.DataFrame({"age": [1.0]}), "name", "no column name"),
        (pd.DataFrame({"age": [np.nan]}), "age", "missing"),
        (np.zeros((2, 2)), 2, "no column number"),
    ],
)
def test_wrong_columns_are_named(X: Any, attribute: Any, message: str) -> None:
    """A column that is not there, or has gaps, is refused by its name."""
    with pytest.raises(UsageError, match=message):
        column_of(X, attribute)


def test_a_constant_has_nothing_to_infer() -> None:
    """An attribute with one value is refused."""
    random = np.random.default_rng(7)
    sides = people(random, 150), people(random, 150)
    for side in sides:
        side.X[:, 0] = 1

    with pytest.raises(UsageError, match="one value only"):
        infer_attributes(GaussianNB().fit(sides[0].X, sides[0].y), *sides, [0], seed=0)
