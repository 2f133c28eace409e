"""Records with their labels, from whatever a user has them in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.errors import UsageError
from governance.tables import read_table

if TYPE_CHECKING:
    # `governance.measuring` takes `Data` from here, and must start without a numeric library.
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Records with their labels."""

    X: Any
    """(n, …) numpy array or pandas DataFrame, as the model takes it; (n,) texts for a text model."""
    y: Any
    """(n,) labels, or values that a regressor predicts."""


def as_data(given: Any, target: str | int | None = None, *, name: str = "the data") -> Data:
    """Records and labels from a table, arrays, a file or a dataset.

    | given | target |
    |---|---|
    | something with `X` and `y`, such as `Data` | in it |
    | a pair (X, y) | in it |
    | a pandas or polars DataFrame; a `.csv`, `.csv.gz` or `.parquet` path | a column's name |
    | a numpy array of two dimensions | a column's number |
    | an MLflow dataset | the dataset's own `targets`, else a column's name |
    | a PyTorch `TensorDataset` or any map-style `Dataset` of (x, y) | in it |

    Args:
        given: One of the above.
        target: Where the labels are, if not in `given` itself.
        name: What to call it in a message.

    Raises:
        NotFound: there is no such file.
        UsageError: it is none of these, or the labels are not where they should be. Messages hold
            shapes and names of columns, no values.
    """
    import numpy as np

    if isinstance(given, str | Path):
        return _of_frame(read_table(given), target, name)
    if hasattr(given, "X") and hasattr(given, "y"):
        return _checked(given.X, given.y, name)
    if isinstance(given, tuple | list) and len(given) == 2:
        return _checked(given[0], given[1], name)
    if isinstance(given, np.ndarray):
        return _of_array(given, target, name)
    if (frame := _frame(given)) is not None:
        return _of_frame(frame, target, name)
    if (found := _of_mlflow(given, target, name) or _of_torch(given, name)) is not None:
        return found
    raise UsageError(
        f"{name}: records cannot be taken from a {type(given).__name__}",
        "Pass a table or a file with the target's column, a pair (X, y), or an MLflow or PyTorch dataset.",
    )


def table_of(given: Any) -> pd.DataFrame | None:
    """The table in a DataFrame, in a file or in an MLflow dataset without targets; None in anything else."""
    if isinstance(given, str | Path):
        return read_table(given)
    if getattr(given, "targets", None) is not None or hasattr(given, "X"):
        return None
    return _frame(getattr(given, "df", getattr(given, "ds", given)))


def _checked(X: Any, y: Any, name: str) -> Data:
    if hasattr(X, "tocsr"):
        raise UsageError(f"{name}: sparse records are not read", "Pass X.toarray().")
    frame = _frame(X)
    records = frame if frame is not None else _array(X)
    labels = _array(y)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if records.ndim == 0 or labels.shape != (len(records),):
        raise UsageError(
            f"{name}: records of shape {records.shape} and labels of shape {labels.shape}",
            "Give one label for each record.",
        )
    return Data(records, labels)


def _of_frame(frame: pd.DataFrame, target: str | int | None, name: str) -> Data:
    if target is None or target not in frame.columns:
        asked = "no target was named" if target is None else f"there is no column {target!r}"
        raise UsageError(
            f"{name}: {asked}; the columns are {', '.join(map(str, frame.columns))}",
            "Name the column that the model predicts.",
        )
    return _checked(frame.drop(columns=[target]), frame[target].to_numpy(), name)


def _of_array(table: NDArray[Any], target: str | int | None, name: str) -> Data:
    import numpy as np

    if table.ndim != 2 or not isinstance(target, int) or not -table.shape[1] <= target < table.shape[1]:
        raise UsageError(
            f"{name}: an array of shape {table.shape} alone does not say which column the model predicts",
            "Pass a pair (X, y), or a table with the target's column number.",
        )
    return _checked(np.delete(table, target, axis=1), table[:, target], name)


def _of_mlflow(dataset: Any, target: str | int | None, name: str) -> Data | None:
    """Known by its attributes: nothing here imports MLflow."""
    if hasattr(dataset, "features_data") and hasattr(dataset, "labels_data"):
        if dataset.labels_data is None:
            raise UsageError(f"{name}: the dataset has no targets", "Name them when making the dataset.")
        return _checked(dataset.features_data, dataset.labels_data, name)
    if hasattr(dataset, "features") and hasattr(dataset, "targets") and not callable(dataset.features):
        return _checked(dataset.features, dataset.targets, name)
    inner = next((getattr(dataset, part) for part in ("df", "ds") if hasattr(dataset, part)), None)
    if inner is None or (frame := _frame(inner)) is None:
        return None
    return _of_frame(frame, target if target is not None else getattr(dataset, "targets", None), name)


def _of_torch(dataset: Any, name: str) -> Data | None:
    import numpy as np

    if isinstance(tensors := getattr(dataset, "tensors", None), tuple):
        if len(tensors) != 2:
            raise UsageError(f"{name}: {len(tensors)} tensors", "Give records and labels, and nothing else.")
        return _checked(tensors[0], tensors[1], name)
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")) or isinstance(
        dataset, dict | list
    ):
        return None
    items = [dataset[i] for i in range(len(dataset))]
    if not items or not all(isinstance(item, tuple | list) and len(item) == 2 for item in items):
        raise UsageError(f"{name}: the items of a dataset are pairs of a record and its label")
    return _checked(np.stack([_array(x) for x, _ in items]), np.stack([_array(y) for _, y in items]), name)


def _frame(given: Any) -> pd.DataFrame | None:
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        return given
    # Polars and Hugging Face say `to_pandas`, Spark `toPandas`.
    convert = getattr(given, "to_pandas", None) or getattr(given, "toPandas", None)
    found = convert() if convert is not None else None
    return found if isinstance(found, pd.DataFrame) else None


def _array(values: Any) -> NDArray[Any]:
    import numpy as np

    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values)
