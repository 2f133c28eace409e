"""Tell a run which data it reads, by the identity of the whole content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from governance.errors import Conflict, UsageError
from governance.fingerprint import fingerprint
from governance_mlflow.tags import INPUT_PART_OF, INPUT_SHA256

if TYPE_CHECKING:
    from mlflow.data.dataset import Dataset

DIGEST_LENGTH = 36
"""MLflow's limit on a dataset's digest."""
TAG_LENGTH = 500
"""MLflow's limit on the value of an input's tag."""


def log_input(
    data: Any,
    *,
    name: str | None = None,
    part_of: str | None = None,
    context: str = "training",
    source: Any = None,
    targets: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Log a dataset as an input of the active run, together with its SHA-256.

    Args:
        data: A pandas DataFrame, a numpy array, or an MLflow dataset made from one.
        name: As MLflow lists it; not for an MLflow dataset, which has a name already.
        part_of: The catalogued dataset that these records were taken from, such as a split of it.
        context: What the run does with it; for lineage every context counts as training.
        source: Where it was read from, as `mlflow.data.from_pandas` takes it.
        targets: The column to be predicted, for a DataFrame.

    Returns:
        The fingerprint, 64 hexadecimal digits.

    Raises:
        Conflict: this run has an input of that name and MLflow digest already, and MLflow keeps its
            first tags: it would stand there under another identity.
        UsageError: the content cannot be read from `data`, or a tag is reserved or too long.
    """
    import mlflow

    sha256 = fingerprint(_content(data))
    dataset = _dataset(data, sha256, name, source, targets)
    ours = {INPUT_SHA256: sha256} | ({INPUT_PART_OF: part_of} if part_of else {})
    _check(tags or {}, ours)
    mlflow.log_input(dataset, context=context, tags={**(tags or {}), **ours})
    if (run := mlflow.active_run()) is not None:
        _confirm(run.info.run_id, dataset, ours)
    return sha256


def _content(data: Any) -> Any:
    """The table or array behind an MLflow dataset, or the data itself."""
    from mlflow.data.dataset import Dataset
    from mlflow.data.numpy_dataset import NumpyDataset
    from mlflow.data.pandas_dataset import PandasDataset

    if isinstance(data, PandasDataset):
        return data.df
    if isinstance(data, NumpyDataset) and data.targets is None and not isinstance(data.features, dict):
        return data.features
    if isinstance(data, Dataset):
        raise UsageError(
            f"{type(data).__name__} {data.name!r} does not show its whole content as one table",
            "Pass a DataFrame, with the target as one of its columns.",
        )
    return data


def _dataset(data: Any, sha256: str, name: str | None, source: Any, targets: str | None) -> Dataset:
    import pandas as pd
    from mlflow.data.dataset import Dataset
    from mlflow.data.numpy_dataset import from_numpy
    from mlflow.data.pandas_dataset import from_pandas

    if isinstance(data, Dataset):
        if (name, source, targets) != (None, None, None):
            raise UsageError("an MLflow dataset has its own name, source and targets", "Leave them away.")
        return data
    # MLflow's own digest stops at 10,000 rows: two tables could pass as one.
    digest = sha256[:DIGEST_LENGTH]
    if isinstance(data, pd.DataFrame):
        return from_pandas(data, source=source, targets=targets, name=name, digest=digest)
    if targets is not None:
        raise UsageError("an array has no column to predict", "Pass a DataFrame, or leave targets away.")
    return from_numpy(data, source=source, name=name, digest=digest)


def _check(tags: Mapping[str, str], ours: Mapping[str, str]) -> None:
    if taken := sorted(tags.keys() & {INPUT_SHA256, INPUT_PART_OF}):
        raise UsageError(f"{', '.join(taken)} are written by log_input itself", "Leave them out of tags.")
    if long := sorted(key for key, value in {**tags, **ours}.items() if len(value) > TAG_LENGTH):
        raise UsageError(f"longer than {TAG_LENGTH} characters: {', '.join(long)}", "Shorten them.")


def _confirm(run_id: str, dataset: Dataset, ours: Mapping[str, str]) -> None:
    """Read back what MLflow kept: the tags of the first dataset with that name and digest."""
    import mlflow

    inputs = mlflow.MlflowClient().get_run(run_id).inputs
    for used in inputs.dataset_inputs if inputs else ():
        if (used.dataset.name, used.dataset.digest) != (dataset.name, dataset.digest):
            continue
        kept = {tag.key: tag.value for tag in used.tags}
        if any(kept.get(key) != value for key, value in ours.items()):
            raise Conflict(
                f"this run has an input {dataset.name!r} already, and MLflow kept what was said of it first",
                "Log it under another name, and before anything else logs it (autologging does).",
            )
