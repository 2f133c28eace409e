"""`mlflow.models.evaluate` itself, with real models and a real tracking store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models.evaluation.evaluator_registry import _model_evaluation_registry
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from governance.measuring import Asked, assess
from governance.privacy.records import Data
from governance.privacy.scoring import auc
from governance.privacy.target import ShadowBudget, Workers
from governance.reports.attack_plots import write_plots
from governance_mlflow.evaluator import PrivacyEvaluator

COLUMNS = ["age", "weight", "pulse", "sugar"]


def table(seed: int, n: int = 300) -> pd.DataFrame:
    """Patients whose illness and whose days in hospital are hard to predict."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(n, 4)), columns=COLUMNS)
    frame["ill"] = (frame["age"] + random.normal(size=n) > 0).astype(int)
    frame["days"] = 3 * frame["age"] + random.normal(0, 3, size=n)
    return frame


MEMBERS, OTHERS = table(1), table(2)
CLASSES = (MEMBERS.drop(columns="days"), OTHERS.drop(columns="days"))
VALUES = (MEMBERS.drop(columns="ill"), OTHERS.drop(columns="ill"))


@pytest.fixture(scope="module")
def forest() -> RandomForestClassifier:
    """A forest that knows its patients by heart."""
    return RandomForestClassifier(10, random_state=0).fit(CLASSES[0][COLUMNS], CLASSES[0]["ill"])


@pytest.fixture(scope="module")
def uri(forest: RandomForestClassifier, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The forest as MLflow saved it."""
    folder = str(tmp_path_factory.mktemp("forest") / "model")
    mlflow.sklearn.save_model(forest, folder, pip_requirements=[], serialization_format="cloudpickle")
    return folder


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs go to a store of this module; the evaluator is known however the package was installed."""
    folder = tmp_path_factory.mktemp("runs")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("here", (folder / "artifacts").as_uri()))
    _model_evaluation_registry.register("privacy", PrivacyEvaluator)
    yield
    mlflow.set_tracking_uri(before)


def evaluated(
    model: Any, data: Any, *, model_type: str = "classifier", targets: Any = "ill", **config: Any
) -> Any:
    """One evaluation, in a run of its own, in this process alone."""
    with mlflow.start_run():
        return mlflow.models.evaluate(
            model,
            data,
            targets=targets,
            model_type=model_type,
            evaluators=["privacy"],
            evaluator_config={"privacy": {"workers": Workers(1), **config}},
        )


@pytest.mark.slow
@pytest.mark.usefixtures("tracking")
def test_a_classifier(uri: str, forest: Any, tmp_path: Path) -> None:
    """Metrics, plots and the measurement are in the run and in the result; they are those of `assess`."""
    found = assess(
        forest,
        Data(CLASSES[0][COLUMNS], CLASSES[0]["ill"].to_numpy()),
        Data(CLASSES[1][COLUMNS], CLASSES[1]["ill"].to_numpy()),
        seed=3,
        task="classifier",
        workers=Workers(1),
        budget=ShadowBudget(refits=8),
        asked=Asked(attacks=["membership-inference", "reconstruction"], fprs=(0.01, 0.05)),
    )
    assert found.membership is not None
    expected = found.membership.body()

    result = evaluated(
        uri,
        CLASSES[0],
        non_members=CLASSES[1],
        seed=3,
        refits=8,
        attacks=["membership-inference", "reconstruction"],
        fprs=(0.01, 0.05),
    )

    area, rate = expected["auc"], expected["tpr_at_fpr"][0]
    assert {
        "privacy_auc": area["point"],
        "privacy_auc_lower": area["low"],
        "privacy_auc_upper": area["high"],
        "privacy_tpr_at_fpr_0.01": rate["tpr"],
        "privacy_tpr_at_fpr_0.01_lower": rate["low"],
        "privacy_tpr_at_fpr_0.01_upper": rate["high"],
        "privacy_leak_shown": 1.0,
        "privacy_reconstruction_leak_shown": 1.0,
    }.items() <= result.metrics.items()
    gap = result.metrics["privacy_accuracy_gap"]
    assert expected["accuracy"]["members"] - expected["accuracy"]["non_members"] == pytest.approx(gap)
    assert result.metrics == mlflow.get_run(_last_run()).data.metrics

    folder = Path(mlflow.artifacts.download_artifacts(f"runs:/{_last_run()}/privacy", dst_path=str(tmp_path)))
    body = json.loads((folder / "membership-inference.json").read_text("utf-8"))
    assert expected == body
    for one in found.outcomes:
        name = f"reconstruction-{one.attack}"
        assert one.body() == json.loads((folder / f"{name}.json").read_text("utf-8"))
        assert one.body() == result.artifacts[f"privacy_{name.replace('-', '_')}"].content
    again = tmp_path / "again"
    again.mkdir()
    assert {path.name: path.read_bytes() for path in write_plots(body, again)} == {
        path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"
    }
    assert expected == result.artifacts["privacy_membership_inference"].content
    assert 1152 == result.artifacts["privacy_roc"].content.width
    result.save(str(tmp_path / "saved"))
    loaded = mlflow.models.EvaluationResult.load(str(tmp_path / "saved"))
    assert expected == loaded.artifacts["privacy_membership_inference"].content


def _last_run() -> str:
    return str(mlflow.search_runs(order_by=["attributes.start_time DESC"]).run_id[0])


@pytest.mark.slow
@pytest.mark.usefixtures("tracking")
def test_a_regressor_and_a_file(tmp_path: Path) -> None:
    """A regressor is measured too, a prefix goes before every metric, and a file has the non-members."""
    model = RandomForestRegressor(10, random_state=0).fit(VALUES[0][COLUMNS], VALUES[0]["days"])
    mlflow.sklearn.save_model(
        model, tmp_path / "model", pip_requirements=[], serialization_format="cloudpickle"
    )
    VALUES[1][["days", *reversed(COLUMNS)]].to_parquet(tmp_path / "others.parquet")

    metrics = evaluated(
        str(tmp_path / "model"),
        VALUES[0],
        model_type="regressor",
        targets="days",
        non_members=str(tmp_path / "others.parquet"),
        metric_prefix="members_",
        shadows=2,
    ).metrics

    assert metrics["members_privacy_auc_lower"] > 0.6
    assert all(name.startswith("members_privacy_") for name in metrics)


@pytest.mark.slow
@pytest.mark.usefixtures("tracking")
@pytest.mark.parametrize("kind", ["table", "pair", "dataset", "arrays"])
def test_non_members_come_in_many_forms(kind: str, forest: Any) -> None:
    """A table with more columns and a target, a pair, an MLflow dataset, and arrays are the same records."""
    records, labels = CLASSES[1][COLUMNS], CLASSES[1]["ill"].to_numpy()
    data, targets = CLASSES[0], "ill"
    if kind == "arrays":
        data, targets = CLASSES[0][COLUMNS].to_numpy(), CLASSES[0]["ill"].to_numpy()

    def ask(X: Any) -> Any:
        return forest.predict_proba(pd.DataFrame(np.asarray(X), columns=COLUMNS))

    given: dict[str, Any] = {
        "table": {"non_members": CLASSES[1], "target": "ill"},
        "pair": {"non_members": (records, labels)},
        "dataset": {"non_members": mlflow.data.from_pandas(CLASSES[1], targets="ill")},
        "arrays": {"non_members": (records.to_numpy(), labels)},
    }[kind]

    metrics = evaluated(ask, data, targets=targets, **given).metrics

    sure = [forest.predict_proba(side[COLUMNS])[np.arange(300), side["ill"]] for side in CLASSES]
    assert auc(*sure).point == pytest.approx(metrics["privacy_auc"], abs=1e-6)


def test_it_keeps_out_of_other_evaluations() -> None:
    """Without non-members, or for a text model, it says that it cannot, and MLflow leaves it out."""
    assert not PrivacyEvaluator.can_evaluate(model_type="classifier", evaluator_config={})
    assert not PrivacyEvaluator.can_evaluate(model_type="classifier", evaluator_config=None)
    assert not PrivacyEvaluator.can_evaluate(model_type="text", evaluator_config={"non_members": OTHERS})
    assert PrivacyEvaluator.can_evaluate(model_type="regressor", evaluator_config={"non_members": OTHERS})


@pytest.mark.slow
@pytest.mark.usefixtures("tracking")
@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param({"non_members": CLASSES[1], "shadow": 4}, "no option shadow", id="option"),
        pytest.param({"non_members": OTHERS}, "non_members: no target was named", id="two-new-columns"),
        pytest.param({"non_members": CLASSES[1], "target": "sick"}, "no column 'sick'", id="target"),
        pytest.param({"non_members": "gone.csv"}, "gone.csv is not a file", id="file"),
        pytest.param({"non_members": CLASSES[0]}, "share 300 records", id="same-records"),
    ],
)
def test_mistakes_are_told_as_mlflow_does(uri: str, config: dict[str, Any], message: str) -> None:
    """A wrong option or table is an MlflowException with our words."""
    with pytest.raises(MlflowException, match=message):
        evaluated(uri, CLASSES[0], **config)


@pytest.mark.slow
@pytest.mark.usefixtures("tracking")
def test_predictions_alone_are_not_enough() -> None:
    """Without a model there is nothing to ask about non-members."""
    predicted = CLASSES[0].assign(predicted=CLASSES[0]["ill"])

    with mlflow.start_run(), pytest.raises(MlflowException, match="Predictions alone"):
        mlflow.models.evaluate(
            data=predicted,
            targets="ill",
            predictions="predicted",
            model_type="classifier",
            evaluators=["privacy"],
            evaluator_config={"privacy": {"non_members": CLASSES[1]}},
        )
