"""Members and non-members in one pool: checked, each distinct record once, members first."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 100
"""Distinct records that either side must have at least."""


class Records(Protocol):
    """Records with their labels."""

    @property
    def X(self) -> Any:
        """(n, …) numpy array or pandas DataFrame."""

    @property
    def y(self) -> Any:
        """(n,) labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """n records, the first `n_members` of them members."""

    X: Any
    """(n, …), of the kind that the caller gave."""
    y: NDArray[Any]
    """(n,) labels."""
    n_members: int
    repeated: int
    """How many records were left out because the same side has an equal one."""
    positions: NDArray[np.intp]
    """(n,) where each record stood in the caller's members followed by the caller's non-members."""

    @property
    def rows(self) -> NDArray[np.intp]:
        """(n_members,) each member's row in the caller's members; of equal records the first."""
        return self.positions[: self.n_members]

    @property
    def n_non_members(self) -> int:
        """How many of the records are no members."""
        return len(self.y) - self.n_members

    def split(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Values (n,) of the members, and of the non-members."""
        return values[: self.n_members], values[self.n_members :]


def take(X: Any, rows: NDArray[Any] | slice) -> Any:
    """Some rows of an array or a DataFrame."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def make_pool(members: Records, non_members: Records) -> Pool:
    """Put both sides together.

    Raises:
        UsageError: labels are missing, the columns differ, a record stands on both sides, or a side
            has fewer than 100 distinct records. Messages hold counts and column names, no values.
    """
    labels = [_labels(side, name) for side, name in ((members, "members"), (non_members, "non_members"))]
    if len({np.issubdtype(side.dtype, np.number) or side.dtype == bool for side in labels}) > 1:
        raise UsageError("Labels are numbers on one side and text on the other")
    X, y = _stack(members.X, non_members.X), np.concatenate(labels)
    keys, n_members = _keys(X, y), len(labels[0])
    sides = keys[:n_members], keys[n_members:]
    shared = len(set(sides[0]) & set(sides[1]))
    if shared:
        raise UsageError(
            f"members and non_members share {shared} records; deduplicate before splitting",
            "Remove duplicates from the whole dataset, split it, and train on the members again.",
        )
    firsts = [_firsts(side) for side in sides]
    for name, first in zip(("members", "non_members"), firsts, strict=True):
        if len(first) < FEWEST:
            raise UsageError(
                f"{name} has {len(first)} distinct records; at least {FEWEST} are needed to say anything",
                "Hold out more records; a false-positive rate f needs 10 / f non-members.",
            )
    kept = np.concatenate([firsts[0], firsts[1] + n_members])
    return Pool(take(X, kept), y[kept], len(firsts[0]), len(y) - len(kept), kept)


def features(pool: Pool) -> NDArray[np.float32]:
    """(n, columns + 1) the pool as plain numbers for a tree: the label is the last column.

    What is not a number becomes the rank of its text; a rank by order of appearance would give the
    members away, because they come first.
    """
    if hasattr(pool.X, "iloc"):
        columns = [_numbers(pool.X.iloc[:, i].to_numpy()) for i in range(pool.X.shape[1])]
    else:
        flat = pool.X.reshape(len(pool.y), -1)
        columns = [_numbers(flat[:, i]) for i in range(flat.shape[1])]
    table = np.column_stack([*columns, _numbers(pool.y)])
    largest = float(np.finfo(np.float32).max)
    return np.asarray(np.nan_to_num(table, nan=np.nan, posinf=largest, neginf=-largest), dtype=np.float32)


def _numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    if np.issubdtype(column.dtype, np.number) or column.dtype == bool:
        return column.astype(np.float64)
    return np.asarray(np.unique(column.astype(str), return_inverse=True)[1], dtype=np.float64)


def _labels(side: Records, name: str) -> NDArray[Any]:
    import pandas as pd

    labels = np.asarray(side.y)
    labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or len(labels) != len(side.X):
        raise UsageError(f"{name} has {len(side.X)} records and labels of shape {labels.shape}")
    missing = int(np.sum(pd.isna(labels)))
    if missing:
        raise UsageError(f"{name} has {missing} records without a label", "Leave them out.")
    return labels


def _stack(members: Any, non_members: Any) -> Any:
    import pandas as pd

    frames = [isinstance(side, pd.DataFrame) for side in (members, non_members)]
    if all(frames):
        return _stack_frames(members, non_members)
    arrays = [isinstance(side, np.ndarray) and side.ndim >= 1 for side in (members, non_members)]
    if not all(arrays):
        raise UsageError(
            "members and non_members must both be pandas DataFrames or both numpy arrays of shape (n, …)"
        )
    if members.shape[1:] != non_members.shape[1:]:
        raise UsageError(
            f"members and non_members have different columns: {members.shape[1:]} and {non_members.shape[1:]}"
        )
    return np.concatenate([members, non_members])


def _stack_frames(members: pd.DataFrame, non_members: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    names = [list(side.columns) for side in (members, non_members)]
    if names[0] != names[1]:
        odd = sorted({str(name) for name in set(names[0]) ^ set(names[1])})
        found = f"only on one side: {', '.join(odd)}" if odd else "the same names in another order"
        raise UsageError(f"members and non_members have different columns; {found}")
    for i, name in enumerate(names[0]):
        kinds = members.dtypes.iloc[i], non_members.dtypes.iloc[i]
        if kinds[0] != kinds[1] and not all(pd.api.types.is_numeric_dtype(kind) for kind in kinds):
            raise UsageError(
                f"Column {name} is {kinds[0].name} in members and {kinds[1].name} in non_members",
                "Give it the same type, and the same categories, before splitting.",
            )
    return pd.concat([members, non_members], ignore_index=True)


def _keys(X: Any, y: NDArray[Any]) -> list[bytes]:
    """One 128-bit digest a record; equal records, and only they, have equal digests."""
    if hasattr(X, "iloc"):
        codes = np.column_stack([_codes(X.iloc[:, i]) for i in range(X.shape[1])])
    elif np.issubdtype(X.dtype, np.number) or X.dtype == bool:
        # Adding zero makes −0.0 and 0.0 the same bytes.
        codes = X.reshape(len(X), -1) + np.zeros((), dtype=X.dtype)
    else:
        flat = X.reshape(len(X), -1)
        codes = np.column_stack([_codes(flat[:, i]) for i in range(flat.shape[1])])
    labels = _codes(y)
    return [
        blake2b(row.tobytes() + label.tobytes(), digest_size=16).digest()
        for row, label in zip(codes, labels, strict=True)
    ]


def _firsts(keys: list[bytes]) -> NDArray[np.intp]:
    """Positions at which a key stands for the first time, ascending."""
    first: dict[bytes, int] = {}
    for position, key in enumerate(keys):
        first.setdefault(key, position)
    return np.fromiter(first.values(), dtype=np.intp)


def _codes(column: Any) -> NDArray[np.int32]:
    """(n,) equal numbers for equal values, missing ones among them."""
    import pandas as pd

    return np.asarray(pd.factorize(column)[0], dtype=np.int32)
