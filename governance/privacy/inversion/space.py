"""Records as points: where an inversion searches, and how far two records are from each other.

Everything here is learned from public records alone. Were members or their control used, the one would
be treated otherwise than the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """How records of one kind become rows of k numbers, and points, and records again."""

    like: Any
    """An empty slice of the public records: names and types of columns, or shape and type of an array."""
    levels: Mapping[int, NDArray[Any]]
    """The values of each column that takes one of a few; in a table, a level is its position."""
    centre: Floats
    """(k,) means of numbers; 0 for levels."""
    scale: Floats
    """(k,) standard deviation of numbers; for levels, what puts two public records 2 apart on average."""
    low: Floats
    """(k,) least public value."""
    high: Floats
    """(k,) greatest public value."""
    whole: NDArray[np.bool_]
    """(k,) whether only whole numbers occur."""

    @property
    def numeric(self) -> NDArray[np.bool_]:
        """(k,) which columns are numbers."""
        numeric = np.ones(len(self.centre), dtype=np.bool_)
        numeric[list(self.levels)] = False
        return numeric

    def table(self, X: Any) -> Floats:
        """(n, k) records as numbers; a missing number is the public mean, an unknown level is −1."""
        if _names(X) != _names(self.like):
            raise UsageError("The records of an inversion differ in their columns")
        if _plain(X):
            table = X.reshape(len(X), -1).astype(np.float64)
        else:
            codes = [_coded(part, self.levels.get(i)) for i, part in enumerate(_parts(X))]
            table = np.column_stack(codes) if codes else np.empty((len(X), 0))
        return np.where(np.isfinite(table), table, self.centre)

    def records(self, table: Floats) -> Any:
        """The inverse of `table`, in the caller's own types."""
        rounded = np.where(self.whole, np.rint(table), table)
        if _plain(self.like):
            return rounded.astype(self.like.dtype).reshape(len(table), *self.like.shape[1:])
        parts = [_decoded(part, self.levels.get(i)) for i, part in enumerate(rounded.T)]
        if not hasattr(self.like, "iloc"):
            return np.column_stack(parts).astype(self.like.dtype).reshape(len(table), *self.like.shape[1:])
        import pandas as pd

        columns = [pd.Series(part).astype(kind) for part, kind in zip(parts, self.like.dtypes, strict=True)]
        frame = pd.concat(columns, axis=1)
        frame.columns = self.like.columns
        return frame

    def points(self, table: Floats) -> Floats:
        """(n, d) coordinates in which each column puts two public records 2 apart, squared, on average."""
        numeric = self.numeric
        parts = [((table - self.centre) / self.scale)[:, numeric]]
        for i, levels in self.levels.items():
            is_level = table[:, i, None] == np.arange(len(levels))
            parts.append(is_level * np.sqrt(self.scale[i] / 2))
        return np.concatenate(parts, axis=1)


def learn_space(public: Any) -> Space:
    """The space of these records, (n, …) of a numpy array or a DataFrame, n ≥ 2."""
    if len(public) < 2 or (not hasattr(public, "iloc") and getattr(public, "ndim", 0) < 2):
        raise UsageError(
            "An inversion needs two or more public records, in a DataFrame or an array of shape (n, …)"
        )
    if _plain(public):
        levels: dict[int, NDArray[Any]] = {}
        table = public.reshape(len(public), -1).astype(np.float64)
        whole = np.full(table.shape[1], not np.issubdtype(public.dtype, np.floating))
        weights: dict[int, float] = {}
    else:
        parts = _parts(public)
        found = {i: _levels(part) for i, part in enumerate(parts) if not _is_number(part)}
        levels = {i: each for i, (each, _) in found.items()}
        weights = {i: weight for i, (_, weight) in found.items()}
        table = np.column_stack([_coded(part, levels.get(i)) for i, part in enumerate(parts)])
        whole = np.array([i in levels or _is_whole(part) for i, part in enumerate(parts)], dtype=np.bool_)
    known = np.where(np.isfinite(table), table, np.nan)
    known[:, np.isnan(known).all(axis=0)] = 0.0
    centre, scale = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    scale[scale == 0] = 1.0
    centre[list(levels)], scale[list(levels)] = 0.0, list(weights.values())
    low, high = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
    return Space(public[:0], levels, centre, scale, low, high, whole)


def _plain(X: Any) -> bool:
    """Whether all is numbers of one type, so that no column needs looking at by itself."""
    return not hasattr(X, "iloc") and (np.issubdtype(X.dtype, np.number) or X.dtype == bool)


def _names(X: Any) -> list[str]:
    return [str(name) for name in X.columns] if hasattr(X, "iloc") else [str(X.shape[1:])]


def _parts(X: Any) -> list[Any]:
    import pandas as pd

    if hasattr(X, "iloc"):
        return [X.iloc[:, i] for i in range(X.shape[1])]
    flat = X.reshape(len(X), -1)
    return [pd.Series(flat[:, i]).infer_objects() for i in range(flat.shape[1])]


def _is_number(part: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(part) and not pd.api.types.is_bool_dtype(part))


def _is_whole(part: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_integer_dtype(part))


def _levels(part: Any) -> tuple[NDArray[Any], float]:
    """The values of a column, and 2 / P(two public records differ in it)."""
    import pandas as pd

    known = part.dropna()
    shares = known.value_counts(normalize=True).to_numpy(dtype=np.float64)
    differ = 1 - float((shares**2).sum())
    return np.asarray(pd.unique(known)), 2 / differ if differ > 0 else 2.0


def _coded(part: Any, levels: NDArray[Any] | None) -> Floats:
    import pandas as pd

    if levels is None:
        return np.asarray(part.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(pd.Index(levels).get_indexer(np.asarray(part)), dtype=np.float64)


def _decoded(part: Floats, levels: NDArray[Any] | None) -> NDArray[Any]:
    if levels is None:
        return part
    return np.asarray(levels[np.clip(part, 0, len(levels) - 1).astype(np.intp)])
