"""The values that an attacker tries for a sensitive attribute, and records in which it is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError

MOST = 32
"""Values tried for one attribute; the commonest, if there are more."""

PER_BIN = 4
"""Values tried in each bin of a numeric attribute."""


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """What an attacker distinguishes: values of a category, or bins of a number."""

    tried: NDArray[Any]
    """(v,) values to put into a record; each one occurs in the attacker's own data."""
    group_of: NDArray[np.intp]
    """(v,) the category or bin of each value tried."""
    n_groups: int
    edges: NDArray[np.float64] | None
    """(bins − 1,) inner edges of a number's bins; None for categories."""

    def groups(self, column: NDArray[Any]) -> NDArray[np.intp]:
        """(n,) the category or bin of each record; −1 for a category that is not tried."""
        if self.edges is not None:
            return np.asarray(np.searchsorted(self.edges, column.astype(np.float64), side="right"))
        known = dict(zip(self.tried.tolist(), self.group_of.tolist(), strict=True))
        return np.array([known.get(value, -1) for value in column.tolist()], dtype=np.intp)


def column_of(X: Any, attribute: Any) -> NDArray[Any]:
    """(n,) one column of a DataFrame by its name, or of an array by its number.

    Raises:
        UsageError: there is no such column, or some of its values are missing.
    """
    import pandas as pd

    if hasattr(X, "iloc"):
        if attribute not in X.columns:
            raise UsageError(
                f"There is no column {attribute}", f"There are: {', '.join(map(str, X.columns))}."
            )
        column = X[attribute].to_numpy()
    else:
        if not isinstance(attribute, int) or X.ndim != 2 or not 0 <= attribute < X.shape[1]:
            raise UsageError(f"{attribute} is no column number of an array of shape {X.shape}")
        column = X[:, attribute]
    if pd.isna(column).any():
        raise UsageError(
            f"Column {attribute} has missing values", "Leave these records out, or make missing a category."
        )
    return np.asarray(column)


def replace_column(X: Any, attribute: Any, value: Any) -> Any:
    """The records with one value of the attribute in all of them, types kept."""
    changed = X.copy()
    if hasattr(X, "iloc"):
        import pandas as pd

        changed[attribute] = pd.Series([value] * len(X), index=X.index, dtype=X[attribute].dtype)
    else:
        changed[:, attribute] = value
    return changed


def choose_values(column: NDArray[Any], bins: int, tolerance: float | None) -> Values:
    """What to try, from the attacker's own records alone.

    A number with more than `bins` distinct values falls into that many bins of equal counts, or into
    bins 2 × `tolerance` wide, so that the middle of the right one is within the tolerance.
    """
    numeric = np.issubdtype(column.dtype, np.number)
    distinct, counts = np.unique(column if numeric else column.astype(str), return_counts=True)
    if numeric and (tolerance is not None or len(distinct) > bins):
        return _bins(np.sort(column.astype(np.float64)), column, bins, tolerance)
    if not numeric:
        firsts = {str(value): value for value in reversed(column.tolist())}
        common = distinct[np.argsort(-counts, kind="stable")[:MOST]]
        tried = np.array([firsts[name] for name in common.tolist()], dtype=object)
    else:
        tried = distinct[np.argsort(-counts, kind="stable")[:MOST]]
    return Values(tried, np.arange(len(tried)), len(tried), None)


def _bins(ordered: NDArray[np.float64], column: NDArray[Any], bins: int, tolerance: float | None) -> Values:
    if tolerance is None:
        edges = np.unique(np.quantile(ordered, np.arange(1, bins) / bins, method="higher"))
    else:
        width = max(2 * tolerance, (ordered[-1] - ordered[0]) / MOST)
        edges = np.arange(ordered[0] + width, ordered[-1], width)
    bin_of = np.searchsorted(edges, ordered, side="right")
    tried: list[float] = []
    groups: list[int] = []
    for one in range(len(edges) + 1):
        inside = ordered[bin_of == one]
        if len(inside):
            picked = np.unique(inside[np.linspace(0, len(inside) - 1, PER_BIN + 2).astype(int)[1:-1]])
            tried += picked.tolist()
            groups += [one] * len(picked)
    values = np.array(tried).astype(column.dtype)
    return Values(values, np.array(groups, dtype=np.intp), len(edges) + 1, edges)
