"""Whether a row found somewhere is a member's record: by hash, whatever matrix it stands in.

A row's hash is Σ_j q_j r_j mod 2⁶⁴, with q_j the entry in steps of a millionth of its column's largest
value and r_j a fixed random number. Zeros add nothing, so dense and sparse rows hash alike, and the
cost is that of reading the matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 1e-6
Keys = NDArray[np.uint64]

_CHANCE = np.random.default_rng(0).integers(1, 2**63, 1 << 16, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


@dataclass(eq=False)
class View:
    """The records as one part of a model receives them: members first; computed when asked for, once."""

    make: Callable[[], Any]
    n_members: int
    _keys: dict[str, Keys] = field(default_factory=dict)

    @cached_property
    def X(self) -> Any:
        """(n, …) the records, or None if an earlier step could not transform them."""
        try:
            return self.make()
        except Exception:  # noqa: BLE001  # a foreign step that fails leaves its successors unread
            return None

    @cached_property
    def table(self) -> Any:
        """(n, d) the records' numbers, or None."""
        return as_matrix(self.X)

    @cached_property
    def widths(self) -> NDArray[np.float64]:
        """(d,) see `widths_of`."""
        return widths_of(self.table)

    @cached_property
    def own_texts(self) -> list[dict[str, int]]:
        """For each column of text: the texts that one member has and nobody else, and whose they are."""
        owned = []
        for column in text_columns(self.X):
            texts, first, counts = np.unique(column, return_index=True, return_counts=True)
            mine = (counts == 1) & (first < self.n_members)
            owned.append(dict(zip(texts[mine].tolist(), first[mine].tolist(), strict=True)))
        return owned

    def then(self, change: Callable[[Any], Any]) -> View:
        """The records after one more step."""

        def changed() -> Any:
            return None if self.X is None else change(self.X)

        return View(changed, self.n_members)

    def found(self, rows: Any) -> NDArray[np.intp] | None:
        """Positions of the members whose record is among the rows; None if they cannot be compared.

        Only a record that nobody else has counts: one that a non-member or another member shares
        would be found by coincidence.
        """
        other = as_matrix(rows)
        if self.table is None or other is None or other.shape[0] == 0:
            return None
        columns = self.table.shape[1]
        if other.shape[1] == columns + 1:
            # The label may stand first or last.
            return max(self._among(other[:, 1:]), self._among(other[:, :-1]), key=len)
        if other.shape[1] != columns or columns < 2:
            return None
        return self._among(other)

    def found_texts(self, texts: Iterable[str]) -> NDArray[np.intp]:
        """Positions of the members of whom a text that is theirs alone is among these."""
        known = list(texts)
        found = {owned[text] for owned in self.own_texts for text in known if text in owned}
        return np.array(sorted(found), dtype=np.intp)

    def _among(self, other: Any) -> NDArray[np.intp]:
        # A copy in float32 is compared in float32.
        kind = other.dtype.char if other.dtype.kind == "f" else "d"
        if kind not in self._keys:
            self._keys[kind] = row_keys(self.table.astype(kind), self.widths)
        mine = self._keys[kind]
        known = np.isin(mine[: self.n_members], row_keys(other, self.widths))
        return np.flatnonzero(known & _single(mine)[: self.n_members])


def as_matrix(X: Any) -> Any:
    """(n, d) numbers, dense or sparse; None if they are none. Text and categories are left to `texts`."""
    from scipy import sparse

    if X is None:
        return None
    if hasattr(X, "select_dtypes"):
        X = X.select_dtypes(["number", "bool"]).to_numpy()
    if sparse.issparse(X):
        return X.tocsr()
    array = np.asarray(X)
    if array.dtype == object and array.ndim == 2:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            return None
    if array.ndim < 2 or array.dtype.kind not in "biuf" or not array.size:
        return None
    return array.reshape(len(array), -1)


def widths_of(table: Any) -> NDArray[np.float64]:
    """(d,) the width within which entries of a column are one value."""
    largest = abs(table).max(axis=0)
    dense = np.nan_to_num(
        np.asarray(largest.todense() if hasattr(largest, "todense") else largest, dtype=float)
    )
    return np.where(dense > 0, dense, 1.0).reshape(-1) * STEP


def row_keys(table: Any, widths: NDArray[np.float64]) -> Keys:
    """(n,) one hash a row."""
    random = _CHANCE[np.arange(table.shape[1]) % len(_CHANCE)] ^ np.arange(table.shape[1], dtype=np.uint64)
    if hasattr(table, "indptr"):
        table = table.tocsr()
        parts = _whole(table.data / widths[table.indices]) * random[table.indices]
        sums = np.concatenate([[np.uint64(0)], np.cumsum(parts, dtype=np.uint64)])
        return np.asarray(sums[table.indptr[1:]] - sums[table.indptr[:-1]], dtype=np.uint64)
    keys = np.zeros(table.shape[0], dtype=np.uint64)
    for column in range(table.shape[1]):
        keys += _whole(table[:, column] / widths[column]) * random[column]
    return keys


def text_columns(X: Any) -> list[NDArray[np.str_]]:
    """Each column of text, and of anything else that is not a number."""
    if X is None:
        return []
    if hasattr(X, "select_dtypes"):
        kept = X.select_dtypes(exclude=["number", "bool"])
        return [kept.iloc[:, i].astype(str).to_numpy() for i in range(kept.shape[1])]
    array = np.asarray(X)
    if array.dtype.kind not in "OUS" or array.ndim > 2:
        return []
    flat = array.reshape(len(array), -1)
    return [flat[:, i].astype(str) for i in range(flat.shape[1]) if isinstance(flat[0, i], (str, bytes))]


def _whole(values: Any) -> Keys:
    rounded = np.rint(
        np.nan_to_num(np.asarray(values, dtype=np.float64), nan=-(2.0**60), posinf=2.0**61, neginf=-(2.0**61))
    )
    return np.clip(rounded, -(2.0**62), 2.0**62).astype(np.int64).view(np.uint64)


def _single(keys: Keys) -> NDArray[np.bool_]:
    """(n,) whether nobody else has the same key."""
    _, where, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(counts[where] == 1)
