"""Training rows that a model keeps: by design, by accident, or as a table left inside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.privacy.structure.finding import Finding, Kind
from governance.privacy.structure.objects import Part, class_names
from governance.privacy.structure.rows import View, as_matrix, text_columns

BY_DESIGN = {
    "_fit_X": ("KNeighborsMixin", "RadiusNeighborsMixin", "NeighborsBase", "KNNImputer"),
    "support_vectors_": ("BaseLibSVM", "SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM"),
    "X_train_": (
        "GaussianProcessRegressor",
        "GaussianProcessClassifier",
        "_BinaryGaussianProcessClassifierLaplace",
    ),
    "X_fit_": ("KernelRidge", "KernelPCA"),
    "X_": ("BaseLabelPropagation", "LabelPropagation", "LabelSpreading"),
    "training_data_": ("Isomap",),
    "components_": ("DBSCAN", "Nystroem"),
    "cluster_centers_": ("AffinityPropagation",),
    "tree_": ("KernelDensity",),
    "centers_": ("RBFNetwork",),
}
"""Attributes that are rows of the training data in scikit-learn, and the classes for which they are."""

OF_VALUES = {
    "quantiles_": ("QuantileTransformer",),
    "X_thresholds_": ("IsotonicRegression",),
}
"""Attributes that are single values of the training data."""

PICKLED = frozenset(
    {"KNeighborsClassifier", "KNeighborsRegressor", "NearestNeighbors", "LocalOutlierFactor"}
    | {
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
        "KNeighborsTransformer",
        "RadiusNeighborsTransformer",
    }
)
"""Classes that inherit `_fit_X`, which a pickle does not tell."""


def stored(
    part: Part, raw: View | None, n_training: int | None
) -> Iterator[tuple[Finding, NDArray[np.intp]]]:
    """What one part of a model stores, each with the members recognised in it.

    Args:
        part: From a `Walk`.
        raw: The records as the whole model receives them.
        n_training: How many records the model was trained on, if it is known.
    """
    holder = class_names(part.holder)[0] if part.holder is not None else "model"
    value = part.value
    nobody = np.empty(0, dtype=np.intp)
    if _is_table(value):
        found = _recognised_table(value, raw)
        yield Finding(Kind.TABLE, type(value).__name__, part.where, len(value), _count(found)), _some(found)
        return
    rows = _rows(part)
    if rows is not None:
        designed = _by_design(part)
        found = _recognised(rows, part.view, raw)
        if designed or (found is not None and len(found)):
            count = _count(found)
            yield (
                Finding(Kind.STORED_RECORDS, holder, part.where, rows.shape[0], count, by_design=designed),
                _some(found),
            )
            return
    if part.attribute in OF_VALUES and _is_one(part.holder, OF_VALUES[part.attribute]):
        yield Finding(Kind.STORED_VALUES, holder, part.where, int(np.size(value))), nobody
        return
    texts = _texts(value)
    if texts is not None and raw is not None:
        found = raw.found_texts(texts)
        if len(found):
            yield Finding(Kind.STORED_VALUES, holder, part.where, len(texts), len(found)), found
            return
    # What is called `state` is a neighbour tree's own order of rows that were found beside it.
    if n_training is not None and _is_one_each(value, n_training) and part.attribute != "state":
        yield Finding(Kind.PER_RECORD, holder, part.where, len(value)), nobody


def _is_one_each(value: Any, n: int) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0 and len(value) == n and not value.dtype.names


def _is_table(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "iloc") and len(value) > 0


def _rows(part: Part) -> Any:
    """The part as a matrix whose rows may be records, or None."""
    value = part.value
    if part.attribute == "tree_" and hasattr(value, "data") and "KernelDensity" in class_names(part.holder):
        return np.asarray(value.data)
    if isinstance(value, (list, tuple)) and len(value) > 1 and isinstance(value[0], (list, tuple)):
        try:
            return as_matrix(np.asarray(value))
        except ValueError:
            return None
    if isinstance(value, np.ndarray) and (value.dtype.names or value.ndim != 2):
        return None
    if isinstance(value, np.ndarray) or hasattr(value, "tocsr"):
        return as_matrix(value)
    return None


def _by_design(part: Part) -> bool:
    if part.holder is None or part.attribute not in BY_DESIGN:
        return False
    if part.attribute == "_fit_X" and PICKLED & set(class_names(part.holder)):
        return True
    return _is_one(part.holder, BY_DESIGN[part.attribute])


def _is_one(holder: Any, names: tuple[str, ...]) -> bool:
    return bool(set(class_names(holder)) & set(names))


def _recognised(rows: Any, view: View | None, raw: View | None) -> NDArray[np.intp] | None:
    """Members found among the rows, as their holder or as the whole model receives them."""
    answers = [one.found(rows) for one in {id(v): v for v in (view, raw) if v is not None}.values()]
    known = [answer for answer in answers if answer is not None]
    return max(known, key=len) if known else None


def _recognised_table(table: Any, raw: View | None) -> NDArray[np.intp] | None:
    """Members found among a table's rows, by the columns that both have; by any text that is theirs alone."""
    if raw is None:
        return None
    view, rows = raw, table
    if hasattr(raw.X, "columns") and hasattr(table, "columns"):
        # A file's column names are text, whatever they were.
        names = {str(name): name for name in table.columns}
        shared = [name for name in raw.X.columns if str(name) in names]
        rows = table[[names[str(name)] for name in shared]]
        view = raw.then(lambda X: X[shared])
    texts = [raw.found_texts(set(column.tolist())) for column in text_columns(rows)]
    texts = [found for found in texts if len(found)]
    numbers = view.found(rows)
    known = texts if numbers is None else [*texts, numbers]
    return max(known, key=len) if known else None


def _texts(value: Any) -> set[str] | None:
    """Many different texts in one container, or None."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        entries: Any = value.reshape(-1).tolist()
    elif isinstance(value, (list, tuple, set, frozenset, dict)):
        entries = value
    else:
        return None
    texts = {one for one in entries if isinstance(one, str)}
    return texts if len(texts) > 1 else None


def _count(found: NDArray[np.intp] | None) -> int | None:
    return None if found is None else len(found)


def _some(found: NDArray[np.intp] | None) -> NDArray[np.intp]:
    return np.empty(0, dtype=np.intp) if found is None else found
