from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance.privacy.attacks.model_extraction import extract
from governance.privacy.verdict import Leakage


@dataclass
class Side:
    """Records with labels."""

    X: Any
    y: Any


def records(seed: int, n: int) -> Side:
    """n records whose label is noisy."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 4))
    return Side(X, (X[:, 0] + X[:, 1] + 2 * random.normal(size=n) > 0).astype(int))


def test_a_linear_model_is_copied_exactly() -> None:
    """With its probabilities of 30 records a logistic regression is solved for, and agrees everywhere."""
    trained, population = records(1, 300), records(2, 800)
    model = LogisticRegression().fit(trained.X, trained.y)

    found = extract(model, population, seed=0, budgets=(30, 100), kinds=("linear",))

    assert (EvidenceType.EXTRACTION, Leakage.SHOWN) == (found.type, found.verdict)
    assert found.estimate.point > 0.99
    assert [30, 100] == [one["queries"] for one in found.details["budgets"]]
    assert all(one["distance"]["point"] < 0.01 for one in found.details["budgets"])
    assert all(one["gain"]["low"] > 0 for one in found.details["budgets"])
    assert found.details["budgets"][0]["r2"] > 0.999


def test_more_queries_copy_more() -> None:
    """Labels alone of a tree: agreement grows with the budget."""
    trained, population = records(3, 300), records(4, 1200)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(trained.X, trained.y)

    class Labels:
        def predict(self, X: Any) -> Any:
            return tree.predict(X)

    few, many = extract(Labels(), population, seed=0, budgets=(20, 600)).details["budgets"]

    assert many["agreement"]["point"] > few["agreement"]["point"] + 0.05
    assert many["agreement"]["point"] > 0.85


@pytest.mark.slow
def test_answers_that_follow_no_record_give_nothing_away() -> None:
    """In 100 worlds of answers thrown by a coin, a gain is shown in at most 2.5 % and chance."""
    alarms = 0
    for seed in range(100):
        random = np.random.default_rng(seed)

        class Coin:
            classes_ = np.array([0, 1])

            def predict_proba(self, X: Any, random: np.random.Generator = random) -> Any:
                return np.eye(2)[random.integers(0, 2, len(X))]

        found = extract(Coin(), records(seed, 300), seed=seed, budgets=(30, 100), kinds=("linear",))
        alarms += found.verdict is Leakage.SHOWN

    assert alarms <= binom.isf(0.001, 100, 0.025)


def test_a_regressor_is_copied() -> None:
    """A regressor's numbers are agreed on within a tenth of their spread; they have no distance."""
    trained, population = records(5, 300), records(6, 600)
    model = LinearRegression().fit(trained.X, trained.X[:, 0] + trained.y)
    population.y = population.X[:, 0] + population.y

    found = extract(model, population, seed=0, budgets=(50,), kinds=("linear",))

    assert found.estimate.point > 0.99
    assert "values" == found.details["answers"]
    assert "distance" not in found.details["budgets"][0]


def test_records_that_are_nobody_s_can_be_asked() -> None:
    """Of shuffled columns of a frame with text, too, a model is copied; the frame is left as it was."""
    random = np.random.default_rng(7)
    X = pd.DataFrame({"kind": random.choice(["a", "b"], 600), "size": random.normal(size=600)})
    before = X.copy()
    asked: list[pd.DataFrame] = []

    class Rule:
        classes_ = np.array(["no", "yes"])

        def predict_proba(self, X: Any) -> Any:
            asked.append(X)
            p = 1 / (1 + np.exp(-(2 * X["size"] + 3 * (X["kind"] == "a") - 1)))
            return np.column_stack([1 - p, p])

    found = extract(
        Rule(),
        Side(X, random.choice(["no", "yes"], 600)),
        seed=0,
        budgets=(100,),
        queries="random",
        kinds=("linear",),
    )

    assert found.estimate.point > 0.95
    pairs = set(zip(X["kind"], X["size"], strict=True))
    assert 20 < sum(pair not in pairs for pair in zip(asked[1]["kind"], asked[1]["size"], strict=True)) < 80
    pd.testing.assert_frame_equal(before, X)


def test_the_attack_repeats() -> None:
    """Equal arguments give equal outcomes; budgets that the records do not allow are left away."""
    trained, population = records(8, 200), records(9, 400)
    model = LogisticRegression().fit(trained.X, trained.y)

    first, again = (
        extract(model, population, seed=5, budgets=(50, 100, 5000), kinds=("linear",)) for _ in range(2)
    )

    assert first == again
    assert 2 == first.counts["budgets"]


def test_too_few_records_are_refused() -> None:
    """Agreement on less than 100 records is no measurement."""
    trained = records(10, 150)

    with pytest.raises(UsageError, match="held out"):
        extract(LogisticRegression().fit(trained.X, trained.y), trained, seed=0)
