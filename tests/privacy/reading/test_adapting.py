from __future__ import annotations

import pickle
from typing import Any

import lightgbm
import numpy as np
import pytest
import torch
import xgboost
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC
from torch import nn

from governance.privacy.reading.adapting import as_estimator
from governance.privacy.reading.reader import read

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(150, 4)).astype(np.float32)
THREE = RANDOM.integers(0, 3, 150)
TWO = (THREE > 0).astype(int)
VALUE = RANDOM.normal(size=150)
XGB: dict[str, Any] = {"verbosity": 0}
LGB: dict[str, Any] = {"verbosity": -1}


def boosted(library: str, objective: str, labels: Any, **more: Any) -> Any:
    """A native booster of three rounds."""
    if library == "xgboost":
        return xgboost.train({**XGB, "objective": objective, **more}, xgboost.DMatrix(X, labels), 3)
    return lightgbm.train({**LGB, "objective": objective, **more}, lightgbm.Dataset(X, labels), 3)


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        pytest.param(nn.Linear(4, 3), THREE, id="module"),
        pytest.param(nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), THREE, id="module-with-softmax"),
        pytest.param(nn.Linear(4, 1), TWO, id="module-of-one-logit"),
        pytest.param(nn.Sequential(nn.Linear(4, 1), nn.Sigmoid()), TWO, id="module-with-sigmoid"),
        pytest.param(boosted("xgboost", "multi:softmax", THREE, num_class=3), THREE, id="xgboost"),
        pytest.param(boosted("xgboost", "binary:logistic", TWO), TWO, id="xgboost-binary"),
        pytest.param(boosted("lightgbm", "multiclassova", THREE, num_class=3), THREE, id="lightgbm"),
        pytest.param(boosted("lightgbm", "binary", TWO), TWO, id="lightgbm-binary"),
        pytest.param(SVC().fit(X, THREE), THREE, id="margins"),
        pytest.param(SVC().fit(X, np.array(["no", "yes"])[TWO]), np.array(["no", "yes"])[TWO], id="text"),
    ],
)
def test_a_classifier_gets_probabilities(model: Any, labels: Any) -> None:
    """The adapter's probabilities and labels are those that the reader reads from the model itself."""
    expected = read(model, X, labels)

    adapted = as_estimator(model, "classifier")

    actual = read(adapted, X, labels)
    np.testing.assert_allclose(expected.likelihood(), actual.likelihood(), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(expected.correct, adapted.predict(X) == labels)
    np.testing.assert_allclose(1.0, adapted.predict_proba(X).sum(axis=1), rtol=1e-6)
    assert adapted.model is model


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(nn.Linear(4, 1), id="module"),
        pytest.param(boosted("xgboost", "reg:squarederror", VALUE), id="xgboost"),
        pytest.param(boosted("lightgbm", "regression", VALUE), id="lightgbm"),
    ],
)
def test_a_regressor_gets_predict(model: Any) -> None:
    """`predict` returns one number a record, the one that the reader reads."""
    adapted = as_estimator(model, "regressor")

    assert (150,) == adapted.predict(X).shape
    assert not hasattr(adapted, "predict_proba")
    expected = read(model, X, VALUE, task="regressor").likelihood()
    np.testing.assert_allclose(expected, read(adapted, X, VALUE, task="regressor").likelihood(), rtol=1e-6)


def test_what_has_the_words_stays_as_it_is() -> None:
    """Estimators with probabilities, regressors, and models with nothing but `predict` are not wrapped."""
    only = type("Only", (), {"predict": None})()
    for model, task in (
        (LogisticRegression().fit(X, TWO), "classifier"),
        (LinearRegression().fit(X, VALUE), "regressor"),
        (only, "classifier"),
    ):
        assert model is as_estimator(model, task)


def test_an_adapter_travels() -> None:
    """It can be sent to another process, and a network in it stays in training mode there, too."""
    torch.manual_seed(0)
    adapted = as_estimator(nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)), "classifier")

    again = pickle.loads(pickle.dumps(adapted))  # noqa: S301  it was pickled in this line

    np.testing.assert_array_equal(adapted.predict_proba(X), again.predict_proba(X))
    assert again.model.training
