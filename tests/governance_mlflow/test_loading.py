"""Every flavour comes back as what tells the most about itself, and whatever is a pyfunc can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
import xgboost
import yaml
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import nn

from governance.errors import UsageError
from governance.privacy.reading.reader import read
from governance.privacy.reading.readings import Told
from governance.privacy.refitting import trainer_for
from governance_mlflow.loading import load, native

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 4)).astype(np.float32)
Y = (X[:, 0] + RANDOM.normal(size=120) > 0).astype(int)
V = X[:, 0] * 2.5 + RANDOM.normal(size=120)
QUIET: dict[str, Any] = {"verbosity": -1}


class Probabilities(mlflow.pyfunc.PythonModel):
    """Somebody's own model that returns a table of probabilities."""

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        p = 1 / (1 + np.exp(-model_input.iloc[:, 0].to_numpy()))
        return pd.DataFrame({"0": 1 - p, "1": p})


class Labels(mlflow.pyfunc.PythonModel):
    """Somebody's own model that returns labels."""

    def predict(self, model_input: pd.DataFrame) -> Any:
        return np.where(model_input.iloc[:, 0] > 0, "ill", "well")


def module() -> nn.Module:
    """A linear network, always the same."""
    torch.manual_seed(0)
    return nn.Linear(4, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flavor", "model", "labels", "told", "refits"),
    [
        pytest.param("sklearn", make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), Y,
                     Told.PROBABILITIES, True, id="pipeline"),
        pytest.param("sklearn", LinearSVC().fit(X, Y), Y, Told.MARGINS, True, id="linear-svc"),
        pytest.param("sklearn", LinearRegression().fit(X, V), V, Told.PREDICTIONS, True, id="regressor"),
        pytest.param("sklearn", xgboost.XGBClassifier(n_estimators=2).fit(X, Y), Y, Told.PROBABILITIES, True,
                     id="xgboost-in-sklearn"),
        pytest.param("xgboost", xgboost.XGBClassifier(n_estimators=2).fit(X, Y), Y, Told.PROBABILITIES, False,
                     id="xgboost-wrapper"),
        pytest.param("xgboost", xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, Y), 2), Y,
                     Told.LOGITS, False, id="xgboost-booster"),
        pytest.param("lightgbm", lightgbm.LGBMClassifier(n_estimators=2, verbosity=-1).fit(X, Y), Y,
                     Told.PROBABILITIES, True, id="lightgbm-wrapper"),
        pytest.param("lightgbm", lightgbm.train({"objective": "binary", **QUIET}, lightgbm.Dataset(X, Y), 2),
                     Y, Told.PROBABILITIES, True, id="lightgbm-booster"),
        pytest.param("pytorch", module(), Y, Told.LOGITS, False, id="pytorch"),
    ],
)  # fmt: skip
def test_a_flavour(flavor: str, model: Any, labels: Any, told: Told, refits: bool, tmp_path: Path) -> None:
    """What was saved reads as it did, from its files and from behind a pyfunc; some can be refitted."""
    folder = str(tmp_path / "model")
    getattr(mlflow, flavor).save_model(model, folder, **_written(flavor))
    expected = read(model, X, labels)

    for loaded in (load(folder), native(mlflow.pyfunc.load_model(folder))):
        actual = read(loaded, X, labels)
        assert told is actual.told
        np.testing.assert_allclose(expected.likelihood(), actual.likelihood(), rtol=1e-5)
        if refits:
            again = read(trainer_for(loaded)(X, labels, 0), X, labels)
            np.testing.assert_allclose(expected.likelihood(), again.likelihood(), rtol=1e-3, atol=1e-3)
        else:
            with pytest.raises(UsageError):
                trainer_for(loaded)


def _written(flavor: str) -> dict[str, Any]:
    """How a flavour is asked to write a whole object, without MLflow's search for its requirements."""
    choice = {"sklearn": "cloudpickle", "pytorch": "pickle"}.get(flavor)
    return {"pip_requirements": []} | ({} if choice is None else {"serialization_format": choice})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "labels", "told"),
    [
        pytest.param(Probabilities(), Y, Told.PROBABILITIES, id="probabilities"),
        pytest.param(Labels(), np.array(["well", "ill"])[Y], Told.LABELS, id="labels"),
    ],
)
def test_any_pyfunc(model: Any, labels: Any, told: Told, tmp_path: Path) -> None:
    """A model of nobody's flavour is read through `predict`, whatever it answers."""
    mlflow.pyfunc.save_model(tmp_path / "model", python_model=model, pip_requirements=[])

    loaded = load(str(tmp_path / "model"))

    assert told is read(loaded, pd.DataFrame(X), labels).told
    assert loaded is native(loaded)


def test_a_model_of_another_language_is_refused(tmp_path: Path) -> None:
    """What Python cannot load is said to be so, by its flavour."""
    (tmp_path / "MLmodel").write_text(yaml.safe_dump({"flavors": {"crate": {}}, "model_uuid": "1"}))

    with pytest.raises(UsageError, match="flavour crate cannot be loaded in Python"):
        load(str(tmp_path))


@pytest.mark.slow
def test_a_missing_library_is_named(tmp_path: Path) -> None:
    """A model of a library that is not installed here says which one, and where its requirements are."""
    mlflow.sklearn.save_model(LogisticRegression().fit(X, Y), tmp_path / "model", pip_requirements=[])
    meta = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())
    meta["flavors"] = {"catboost": {"data": "model.pkl"}}
    (tmp_path / "model" / "MLmodel").write_text(yaml.safe_dump(meta))

    with pytest.raises(UsageError, match="needs the library catboost"):
        load(str(tmp_path / "model"))


def test_what_is_no_pyfunc_stays_as_it_is() -> None:
    """A model given in Python needs no unpacking."""
    model = LogisticRegression()

    assert model is native(model)
