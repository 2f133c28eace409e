from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.data
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.data.evaluation_dataset import EvaluationDataset
from torch.utils.data import Dataset, TensorDataset

from governance.errors import NotFound, UsageError
from governance.privacy.records import Data, as_data

FRAME = pd.DataFrame({"age": [30.0, 40.0, 50.0], "kind": ["a", "b", "a"], "ill": [0, 1, 1]})
ARRAY = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 1.0]])


class Pairs(Dataset[Any]):
    """A map-style dataset of images and labels."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return torch.full((2, 2), float(index)), index % 2


class Frames:
    """A table of another library that converts itself, as polars does."""

    def to_pandas(self) -> pd.DataFrame:
        return FRAME


def of_pandas(**more: Any) -> Any:
    """An MLflow dataset made from a table."""
    return mlflow.data.from_pandas(FRAME, **more)


def held(tmp_path: Path, name: str) -> Path:
    """The table in a file."""
    path = tmp_path / name
    FRAME.to_parquet(path) if name.endswith("parquet") else FRAME.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz", "table.parquet"])
@pytest.mark.parametrize("kind", [Path, str])
def test_files(tmp_path: Path, name: str, kind: type) -> None:
    """A file is read by its ending, and the target's column leaves it."""
    data = as_data(kind(held(tmp_path, name)), "ill")

    pd.testing.assert_frame_equal(FRAME[["age", "kind"]], data.X)
    assert [0, 1, 1] == data.y.tolist()


@pytest.mark.parametrize(
    ("given", "target"),
    [
        pytest.param(FRAME, "ill", id="table"),
        pytest.param(Frames(), "ill", id="other-table"),
        pytest.param((FRAME[["age", "kind"]], FRAME["ill"]), None, id="pair"),
        pytest.param([FRAME[["age", "kind"]], [0, 1, 1]], None, id="list"),
        pytest.param(Data(FRAME[["age", "kind"]], FRAME[["ill"]]), None, id="data"),
        pytest.param(of_pandas(targets="ill"), None, id="mlflow"),
        pytest.param(of_pandas(), "ill", id="mlflow-without-targets"),
        pytest.param(EvaluationDataset(FRAME, targets="ill"), None, id="mlflow-evaluation"),
    ],
)
def test_tables(given: Any, target: Any) -> None:
    """However a table comes, the same records and labels come out of it."""
    data = as_data(given, target)

    pd.testing.assert_frame_equal(FRAME[["age", "kind"]], data.X)
    assert [0, 1, 1] == np.asarray(data.y).tolist()


@pytest.mark.parametrize(
    ("given", "target"),
    [
        pytest.param(ARRAY, 2, id="column"),
        pytest.param(ARRAY, -1, id="last-column"),
        pytest.param((ARRAY[:, :2], ARRAY[:, 2]), None, id="pair"),
        pytest.param((ARRAY[:, :2].tolist(), ARRAY[:, [2]]), None, id="lists"),
        pytest.param(mlflow.data.from_numpy(ARRAY[:, :2], targets=ARRAY[:, 2]), None, id="mlflow"),
        pytest.param(
            TensorDataset(torch.tensor(ARRAY[:, :2]), torch.tensor(ARRAY[:, 2])), None, id="tensors"
        ),
    ],
)
def test_arrays(given: Any, target: Any) -> None:
    """However an array comes, the same records and labels come out of it."""
    data = as_data(given, target)

    np.testing.assert_array_equal(ARRAY[:, :2], data.X)
    np.testing.assert_array_equal(ARRAY[:, 2], data.y)


def test_a_dataset_of_pairs() -> None:
    """A PyTorch dataset is asked for each of its items."""
    data = as_data(Pairs())

    assert ((3, 2, 2), [0, 1, 0]) == (data.X.shape, data.y.tolist())
    assert [0.0, 1.0, 2.0] == data.X[:, 0, 0].tolist()


def test_texts_are_records() -> None:
    """A list of texts is one column without a name, as a text model takes it."""
    assert ["a b", "c"] == as_data((["a b", "c"], [0, 1])).X.tolist()


@pytest.mark.parametrize(
    ("given", "target", "message"),
    [
        pytest.param(FRAME, None, "no target was named; the columns are age, kind, ill", id="no-target"),
        pytest.param(FRAME, "sick", "there is no column 'sick'; the columns are age", id="no-such-column"),
        pytest.param(ARRAY, None, "does not say which column", id="array-alone"),
        pytest.param(ARRAY, 3, "does not say which column", id="no-such-number"),
        pytest.param(
            (ARRAY, [0]), None, r"records of shape \(2, 3\) and labels of shape \(1,\)", id="labels"
        ),
        pytest.param((ARRAY, ARRAY), None, r"labels of shape \(2, 3\)", id="label-table"),
        pytest.param(of_pandas(), None, "no target was named", id="mlflow"),
        pytest.param(EvaluationDataset(FRAME), None, "has no targets", id="mlflow-evaluation"),
        pytest.param(TensorDataset(torch.zeros(2)), None, "1 tensors", id="tensors"),
        pytest.param(["a", "b", "c"], None, "cannot be taken from a list", id="list"),
        pytest.param({"X": 1}, None, "cannot be taken from a dict", id="dictionary"),
        pytest.param(object(), "ill", "cannot be taken from a object", id="nothing"),
    ],
)
def test_what_is_no_data_is_refused(given: Any, target: Any, message: str) -> None:
    """The message names the side, the shapes and the columns, and no value."""
    with pytest.raises(UsageError, match=f"members: .*{message}"):
        as_data(given, target, name="members")


def test_sparse_records_are_refused() -> None:
    """Distinct records are counted by their bytes, which a sparse matrix has no row of."""
    from scipy.sparse import csr_matrix

    with pytest.raises(UsageError, match="sparse"):
        as_data((csr_matrix(ARRAY), [0, 1]))


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    """Not a table of no records."""
    with pytest.raises(NotFound, match="is not a file"):
        as_data(tmp_path / "gone.csv", "ill")
