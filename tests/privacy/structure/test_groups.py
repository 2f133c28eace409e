from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from governance.privacy.answers import Answers
from governance.privacy.structure.examine import examine
from governance.privacy.structure.groups import answer_groups
from governance.privacy.verdict import Leakage

SMALL = {
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(5, random_state=0),
    "gradient boosting": GradientBoostingClassifier(n_estimators=3),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=3),
    "XGBoost": xgboost.XGBClassifier(n_estimators=3, n_jobs=1),
    "LightGBM": lightgbm.LGBMClassifier(n_estimators=3, min_child_samples=3, n_jobs=1, verbose=-1),
    "pipeline": make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
}
LARGE = {
    "tree": DecisionTreeClassifier(min_samples_leaf=10),
    "forest": RandomForestClassifier(5, max_depth=1, random_state=0),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=10),
    "LightGBM": lightgbm.LGBMClassifier(n_estimators=3, min_child_samples=10, n_jobs=1, verbose=-1),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_leaves_are_found(name: str, patients: Any) -> None:
    """Leaves of fewer than ten records are counted, with the share of records in them."""
    members, others = patients

    _, found = examine(SMALL[name].fit(members.X, members.y), members, others)

    (leaves,) = found.details["findings"]
    assert ("small leaf", Leakage.SHOWN) == (leaves["kind"], found.verdict)
    assert 0 < leaves["count"] <= leaves["of"]
    assert 0 < found.estimate.point < 1


@pytest.mark.parametrize("name", LARGE)
def test_large_leaves_are_not(name: str, patients: Any) -> None:
    """Leaves of ten and more, and no leaves at all, are no finding."""
    members, others = patients

    _, found = examine(LARGE[name].fit(members.X, members.y), members, others)

    assert (Leakage.NONE_SHOWN, 0.0, []) == (found.verdict, found.estimate.point, found.details["findings"])


def test_a_tree_s_leaves_are_counted_exactly() -> None:
    """Three and seven records in two leaves: one is smaller than five, three records stand in it."""
    X = np.array([[0.0, 1.0]] * 3 + [[1.0, 2.0]] * 7)
    y = np.array([0] * 3 + [1] * 7)

    _, found = examine(DecisionTreeClassifier().fit(X, y), k=5)

    (leaves,) = found.details["findings"]
    assert (1, 3, 2, 0.3) == (leaves["count"], leaves["members"], leaves["of"], found.estimate.point)


@pytest.mark.parametrize("vectorizer", [TfidfVectorizer, CountVectorizer])
def test_a_rare_name_in_a_vocabulary(vectorizer: Any) -> None:
    """A term of one document is found, and not named; with a least document frequency there is none."""
    random = np.random.default_rng(1)
    words = np.array([f"word{i}" for i in range(20)])
    texts = pd.Series([" ".join(random.choice(words, 15)) for _ in range(200)])
    texts[3] += " zachariaskowalski"
    members = SimpleNamespace(X=texts, y=np.arange(200) % 2)

    def run(**settings: Any) -> Any:
        model = make_pipeline(vectorizer(**settings), LogisticRegression()).fit(texts, members.y)
        return examine(model, members)[1]

    found = run()
    assert [("rare term", 1, 1, 21)] == [
        (one["kind"], one["count"], one["members"], one["of"]) for one in found.details["findings"]
    ]
    assert (Leakage.SHOWN, 1 / 200) == (found.verdict, found.estimate.point)
    assert "zacharias" not in repr(found)
    assert Leakage.NONE_SHOWN is run(min_df=10).verdict


def test_rare_categories_are_counted() -> None:
    """A category of two persons is found among those of an encoder."""
    X = pd.DataFrame({"job": ["clerk"] * 50 + ["nurse"] * 48 + ["mayor"] * 2})
    y = np.arange(100) % 2
    model = make_pipeline(OrdinalEncoder(), LogisticRegression()).fit(X, y)

    _, found = examine(model, SimpleNamespace(X=X, y=y))

    assert [("rare category", 1, 2, 3)] == [
        (one["kind"], one["count"], one["members"], one["of"]) for one in found.details["findings"]
    ]


def test_a_class_of_few_is_found(patients: Any) -> None:
    """A label that four members have tells of four persons."""
    members, others = patients
    y = np.where(np.arange(300) < 4, 2, members.y)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(members.X, y)

    _, found = examine(model, SimpleNamespace(X=members.X, y=y), others)

    assert [("small class", 1, 4, 3)] == [
        (one["kind"], one["count"], one["members"], one["of"]) for one in found.details["findings"]
    ]


def test_answers_are_grouped() -> None:
    """Groups by nine digits; certain are those in a small group whose answer leaves no doubt."""
    values = np.array([[1.0, 0.0]] * 2 + [[0.3, 0.7]] * 5 + [[0.3 + 1e-12, 0.7]] + [[0.5, 0.5]])

    assert {
        "records": 9,
        "groups": 3,
        "smallest": 1,
        "in_small_groups": 3,
        "certain": 2,
    } == answer_groups(Answers(values, np.array([0, 1]), "probabilities"), 3)


def test_answers_of_both_sides_stand_beside_each_other(patients: Any) -> None:
    """A smooth model gives everybody an answer of their own, members or not: no finding."""
    members, others = patients
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(members.X, members.y)

    _, found = examine(model, members, others)

    sides = found.details["answers"]
    assert {"members", "non_members"} == set(sides)
    assert [269, 269] == [sides[side]["in_small_groups"] for side in ("members", "non_members")]
    assert Leakage.NONE_SHOWN is found.verdict
