"""A run's inputs carry the identity of their whole content, and what MLflow kept is checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from governance.errors import Conflict, UsageError
from governance.fingerprint import fingerprint
from governance_mlflow import log_input

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A tracking store in a SQLite file."""
    folder = tmp_path_factory.mktemp("tracking")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("visits", (folder / "artifacts").as_uri()))
    yield
    mlflow.set_tracking_uri(None)


@pytest.fixture
def run() -> Iterator[Any]:
    """An active run."""
    with mlflow.start_run() as run:
        yield run


@pytest.fixture
def visits() -> pd.DataFrame:
    """Three visits."""
    return pd.DataFrame({"person": ["a", "b", "c"], "visits": [1, 2, 3]})


def inputs(run: Any) -> list[tuple[str, dict[str, str]]]:
    """Name and tags of every dataset of the run, as the server has them."""
    used = mlflow.MlflowClient().get_run(run.info.run_id).inputs.dataset_inputs
    return [(each.dataset.name, {tag.key: tag.value for tag in each.tags}) for each in used]


def test_the_tags_are_kept(run: Any, visits: pd.DataFrame) -> None:
    """Fingerprint, origin, context and the caller's own tags come back from the server."""
    sha256 = log_input(visits, name="members", part_of="visits", context="fit", tags={"split": "1"})

    expected = {
        "governance.sha256": sha256,
        "governance.part_of": "visits",
        "mlflow.data.context": "fit",
        "split": "1",
    }
    assert (fingerprint(visits), [("members", expected)]) == (sha256, inputs(run))


def test_without_an_origin(run: Any, visits: pd.DataFrame) -> None:
    """Who says nothing of an origin claims none."""
    sha256 = log_input(visits)

    assert [("dataset", {"governance.sha256": sha256, "mlflow.data.context": "training"})] == inputs(run)


def test_source_and_target_reach_the_tracking_server(run: Any, visits: pd.DataFrame, tmp_path: Path) -> None:
    """They are handed on as MLflow has them."""
    log_input(visits, name="from a file", source=str(tmp_path / "visits.csv"), targets="visits")

    (used,) = mlflow.MlflowClient().get_run(run.info.run_id).inputs.dataset_inputs
    assert "local" == used.dataset.source_type
    assert "visits.csv" in used.dataset.source


def test_tables_that_look_alike_to_the_tracking_server(run: Any) -> None:
    """Two tables that differ behind row 10,000 are two inputs of one name, each under its identity."""
    one = pd.DataFrame({"x": np.zeros(10_001)})
    other = one.copy()
    other.iat[10_000, 0] = 1.0

    logged = {log_input(table, name="long") for table in (one, other)}

    assert 2 == len(logged)
    assert logged == {tags["governance.sha256"] for _, tags in inputs(run)}


def test_arrays_and_datasets(run: Any, visits: pd.DataFrame) -> None:
    """An array, and MLflow's own datasets, have the fingerprint of what they were made from."""
    array = np.eye(3)

    logged = [
        log_input(array, name="array"),
        log_input(mlflow.data.from_pandas(visits, name="table")),
        log_input(mlflow.data.from_numpy(array, name="wrapped array")),
    ]

    assert [fingerprint(array), fingerprint(visits), fingerprint(array)] == logged
    kept = {name: tags["governance.sha256"] for name, tags in inputs(run)}
    assert dict(zip(["array", "table", "wrapped array"], logged, strict=True)) == kept


def test_logging_twice_is_logging_once(run: Any, visits: pd.DataFrame) -> None:
    """The same content said the same way is no conflict."""
    assert log_input(visits, name="members") == log_input(visits, name="members")
    assert 1 == len(inputs(run))


@pytest.mark.usefixtures("run")
def test_what_was_logged_first_is_not_passed_over(visits: pd.DataFrame) -> None:
    """MLflow keeps the first tags of a name and digest: a later origin would be lost, so it is refused."""
    log_input(visits, name="members")
    with pytest.raises(Conflict, match="an input 'members' already"):
        log_input(visits, name="members", part_of="visits")

    plain = mlflow.data.from_pandas(visits, name="autologged")
    mlflow.log_input(plain, context="training")
    with pytest.raises(Conflict, match="an input 'autologged' already"):
        log_input(plain)


@pytest.mark.parametrize(
    ("data", "said", "message"),
    [
        ([1, 2], {}, "list has no fingerprint"),
        (np.eye(2), {"targets": "visits"}, "no column to predict"),
        (mlflow.data.from_numpy(np.eye(2), targets=np.ones(2)), {}, "whole content as one table"),
        (mlflow.data.from_numpy(np.eye(2)), {"name": "other"}, "its own name"),
        (np.eye(2), {"tags": {"governance.sha256": "0"}}, "written by log_input itself"),
        (np.eye(2), {"part_of": "x" * 501}, "longer than 500 characters: governance.part_of"),
    ],
)
def test_what_is_refused(run: Any, data: Any, said: dict[str, Any], message: str) -> None:
    """The reason is given and nothing is logged."""
    with pytest.raises(UsageError, match=message):
        log_input(data, **said)
    assert [] == inputs(run)
