"""True labels and the columns of a classifier: which column is whose, and which answers were right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError


def column_of_each(labels: NDArray[Any], classes: ArrayLike) -> NDArray[np.intp]:
    """(n,) column of each label, −1 for one that the model never saw.

    Raises:
        UsageError: the model never saw any of them.
    """
    import pandas as pd

    # As Python values, 1, 1.0 and True are one label; as numpy types they need not be.
    place = {label: column for column, label in enumerate(np.asarray(classes).tolist())}
    codes, named = pd.factorize(labels)
    of_code = np.array([*(place.get(label, -1) for label in named.tolist()), -1], dtype=np.intp)
    columns: NDArray[np.intp] = of_code[codes]
    if not (columns >= 0).any():
        raise UsageError(
            "The model knows none of the true labels",
            "Give labels as the model names them: its `classes_`, or column numbers from 0 if it has none.",
        )
    return columns


def is_class_like(labels: NDArray[Any]) -> bool:
    """Whether true answers are names of classes: text, truth values or whole numbers."""
    if not np.issubdtype(labels.dtype, np.floating):
        return True
    return bool((labels == np.floor(labels)).all())


def is_binary(labels: NDArray[Any]) -> bool:
    """Whether all labels are 0 or 1."""
    known = labels.dtype == bool or np.issubdtype(labels.dtype, np.number)
    return bool(known and np.isin(labels, (0, 1)).all())


def same(answers: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) where two lists of labels agree; 1, 1.0 and True are one label."""
    import pandas as pd

    codes = pd.factorize(np.concatenate([answers.astype(object), labels.astype(object)]))[0]
    return np.asarray(codes[: len(labels)] == codes[len(labels) :])
