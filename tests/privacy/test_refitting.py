"""Training again with the same seed and records gives the same model: nothing of the kind was lost."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from governance.errors import UsageError
from governance.privacy.reading.reader import read
from governance.privacy.refitting import trainer_for

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 4)).astype(np.float32)
THREE = RANDOM.integers(0, 3, 300)
TWO = (X[:, 0] > 0.5).astype(int)
VALUE = 5 + X[:, 0]
XGB: dict[str, Any] = {"verbosity": 0, "nthread": 1}
LGB: dict[str, Any] = {"verbosity": -1, "num_threads": 1, "deterministic": True}


@pytest.mark.parametrize(
    ("parameters", "labels"),
    [
        pytest.param(
            {"objective": "binary:logistic", "max_depth": 3, "eta": 0.7, "lambda": 3}, TWO, id="binary"
        ),
        pytest.param({"objective": "multi:softprob", "num_class": 3, "gamma": 0.1}, THREE, id="classes"),
        pytest.param({"objective": "reg:squarederror", "subsample": 0.5, "seed": 4}, VALUE, id="by-chance"),
        pytest.param(
            {"objective": "reg:squarederror", "base_score": 1.0, "max_depth": 1}, VALUE, id="intercept"
        ),
        pytest.param({"objective": "binary:logistic", "scale_pos_weight": 3}, TWO, id="weights"),
        pytest.param({"objective": "reg:tweedie", "tweedie_variance_power": 1.2}, VALUE, id="tweedie"),
        pytest.param(
            {"booster": "dart", "rate_drop": 0.3, "objective": "reg:squarederror"}, VALUE, id="dart"
        ),
        pytest.param({"num_parallel_tree": 3, "colsample_bynode": 0.5}, VALUE, id="forest"),
        pytest.param({"tree_method": "exact", "max_depth": 2}, VALUE, id="exact"),
        pytest.param({"grow_policy": "lossguide", "max_leaves": 5, "max_bin": 8}, VALUE, id="leaves"),
        pytest.param({"monotone_constraints": "(-1,0,0,0)"}, VALUE, id="monotone"),
    ],
)
def test_an_xgboost_booster(parameters: dict[str, Any], labels: Any) -> None:
    """The same booster comes out, also when the trainer travelled; on half of the data another."""
    booster = xgboost.train({**XGB, **parameters}, xgboost.DMatrix(X, labels), 6)
    expected = booster.predict(xgboost.DMatrix(X))
    seed = parameters.get("seed", 0)

    for trainer in (trainer_for(booster), pickle.loads(pickle.dumps(trainer_for(booster)))):  # noqa: S301  just made
        again = trainer(X, labels, seed)
        np.testing.assert_allclose(expected, again.predict(xgboost.DMatrix(X)), rtol=1e-5)
        assert booster.num_boosted_rounds() == again.num_boosted_rounds()
    half = trainer_for(booster)(X[:150], labels[:150], seed)
    assert np.abs(expected - half.predict(xgboost.DMatrix(X))).max() > 0


def test_a_learned_intercept_is_learned_again() -> None:
    """The intercept that came from the members must not go into a shadow that never saw them."""
    booster = xgboost.train({**XGB, "max_depth": 1}, xgboost.DMatrix(X, VALUE), 1)

    shifted = trainer_for(booster)(X, VALUE + 1000, 0)

    assert 1000 == pytest.approx((shifted.predict(xgboost.DMatrix(X)) - VALUE).mean(), abs=1)


@pytest.mark.parametrize(
    ("parameters", "labels"),
    [
        pytest.param({"objective": "binary", "num_leaves": 5, "learning_rate": 0.5}, TWO, id="binary"),
        pytest.param({"objective": "multiclass", "num_class": 3, "lambda_l2": 2}, THREE, id="classes"),
        pytest.param(
            {"objective": "regression", "bagging_fraction": 0.5, "bagging_freq": 1}, VALUE, id="chance"
        ),
        pytest.param({"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, VALUE, id="forest"),
        pytest.param({"objective": "quantile", "alpha": 0.2, "n_estimators": 3}, VALUE, id="quantile"),
    ],
)
def test_a_lightgbm_booster(parameters: dict[str, Any], labels: Any) -> None:
    """The same booster comes out, from the one in memory and from its file, under any seed but its own."""
    booster = lightgbm.train({**LGB, **parameters, "seed": 9}, lightgbm.Dataset(X, labels), 6)
    loaded = lightgbm.Booster(model_str=booster.model_to_string())

    for one in (booster, loaded):
        again = trainer_for(one)(X, labels, 9)
        np.testing.assert_allclose(booster.predict(X), again.predict(X), rtol=1e-6)
        assert booster.current_iteration() == again.current_iteration()


def test_the_seed_decides() -> None:
    """Another seed is another booster, also where the parameters named a seed of one part."""
    parameters = {"subsample": 0.5, "max_depth": 3, **XGB}
    first = trainer_for(xgboost.train(parameters, xgboost.DMatrix(X, VALUE), 5))
    bagged = {"bagging_fraction": 0.5, "bagging_freq": 1, "bagging_seed": 1, **LGB}
    second = trainer_for(lightgbm.train(bagged, lightgbm.Dataset(X, VALUE), 5))

    one, other = (first(X, VALUE, seed).predict(xgboost.DMatrix(X)) for seed in (1, 2))
    assert (one != other).any()
    assert (second(X, VALUE, 1).predict(X) != second(X, VALUE, 2).predict(X)).any()


def from_file(model: Any, tmp_path: Path) -> Any:
    """The model as XGBoost saves and loads it, and MLflow with it."""
    model.save_model(tmp_path / "model.ubj")
    loaded = type(model)()
    loaded.load_model(tmp_path / "model.ubj")
    return loaded


def test_a_file_of_xgboost_keeps_no_parameters(tmp_path: Path) -> None:
    """Refitted with the defaults it would be another kind of model, and its shadows would prove nothing."""
    native = xgboost.train({**XGB, "max_depth": 2}, xgboost.DMatrix(X, TWO), 3)
    wrapped = xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(X, TWO)
    linear = xgboost.train({**XGB, "booster": "gblinear", "alpha": 0.1}, xgboost.DMatrix(X, TWO), 3)

    for model in (from_file(native, tmp_path), from_file(wrapped, tmp_path), linear):
        with pytest.raises(UsageError, match="no longer knows the parameters"):
            trainer_for(model)


def test_named_columns_come_along() -> None:
    """A booster trained on a table is trained again on a table, and on an array under its names."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    trainer = trainer_for(xgboost.train(XGB, xgboost.DMatrix(frame, TWO), 2))

    assert list("abcd") == trainer(frame, TWO, 0).feature_names == trainer(X, TWO, 0).feature_names


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_categories_come_along(library: str) -> None:
    """A booster trained on a table with categories is read and trained again with them."""
    frame = pd.DataFrame({"age": X[:, 0], "ward": pd.Categorical(np.array(list("abc"))[THREE])})
    if library == "xgboost":
        booster: Any = xgboost.train(XGB, xgboost.DMatrix(frame, VALUE, enable_categorical=True), 3)
    else:
        booster = lightgbm.train(LGB, lightgbm.Dataset(frame, VALUE), 3)

    again = trainer_for(booster)(frame, VALUE, 0)

    np.testing.assert_allclose(
        read(booster, frame, VALUE).likelihood(), read(again, frame, VALUE).likelihood(), rtol=1e-4
    )


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(make_pipeline(StandardScaler(), LogisticRegression()), id="pipeline"),
        pytest.param(xgboost.XGBClassifier(n_estimators=3), id="xgboost"),
        pytest.param(lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1), id="lightgbm"),
    ],
)
def test_estimators_are_cloned(model: Any) -> None:
    """Whatever scikit-learn can clone is cloned."""
    expected = model.fit(X, TWO).predict_proba(X)

    np.testing.assert_allclose(expected, trainer_for(model)(X, TWO, 0).predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param(nn.Linear(4, 2), "does not say how it was trained", id="module"),
        pytest.param(type("Only", (), {"predict": None})(), "holds no parameters", id="predict-only"),
    ],
)
def test_who_cannot_be_trained_again_says_why(model: Any, message: str) -> None:
    """The reason is told, and what to pass instead."""
    with pytest.raises(UsageError, match=message) as caught:
        trainer_for(model)

    assert caught.value.remedy is not None
    assert caught.value.remedy.startswith("Pass trainer=")
