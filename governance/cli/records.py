"""Reads the records of an assessment from the files that its options name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from governance.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from governance.privacy.records import Data


class Sides(NamedTuple):
    """Members and non-members, and what the files tell of them besides."""

    members: Data
    non_members: Data
    subjects: tuple[NDArray[Any], NDArray[Any]] | None
    """Whose record each is."""
    group: tuple[str, NDArray[Any]] | None
    """The column that names the group asked about, and which non-members belong to it."""


def read_sides(
    members: Path, non_members: Path, target: str, subject: str | None, group: str | None
) -> Sides:
    """Both sides; the column that names subjects is no part of the records.

    Raises:
        UsageError: a file cannot be read, or lacks a column; messages hold names of columns, no values.
    """
    from governance.privacy.records import as_data
    from governance.tables import read_table

    frames, whose = (read_table(members), read_table(non_members)), None
    if subject is not None:
        named = (_column(frames[0], subject, members), _column(frames[1], subject, non_members))
        whose = named[0].to_numpy(), named[1].to_numpy()
        frames = frames[0].drop(columns=[subject]), frames[1].drop(columns=[subject])
    marked = None if group is None else _marked(frames[1], group, non_members)
    return Sides(
        as_data(frames[0], target, name=str(members)),
        as_data(frames[1], target, name=str(non_members)),
        whose,
        marked,
    )


def read_texts(path: Path, column: str | None) -> list[str]:
    """The texts in a column of a table, or the lines of a `.txt` file that are not empty.

    Raises:
        UsageError: no column was named, there is none of that name, or something in it is no text.
    """
    from governance.tables import read_table

    if path.suffix == ".txt":
        try:
            return [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not text in UTF-8.", "Convert the file.") from error
    frame = read_table(path)
    if column is None:
        raise UsageError(
            f"{path} is a table, and no column of it was named.",
            f"Give --column; it has {', '.join(map(str, frame.columns))}.",
        )
    found: list[Any] = _column(frame, column, path).tolist()
    wrong = sum(not isinstance(text, str) for text in found)
    if wrong:
        raise UsageError(
            f"{wrong:,} of {len(found):,} entries in column {column!r} of {path} are no text.",
            "Leave them out, or name another column.",
        )
    return found


def _column(frame: pd.DataFrame, name: str, path: Path) -> Any:
    if name not in frame.columns:
        raise UsageError(
            f"{path} has no column {name!r}; it has {', '.join(map(str, frame.columns))}.",
            "Name one of them.",
        )
    return frame[name]


def _marked(frame: pd.DataFrame, group: str, path: Path) -> tuple[str, NDArray[Any]]:
    name, equals, value = group.partition("=")
    if not equals:
        raise UsageError(f"{group!r} names no group.", "Write --group COLUMN=VALUE")
    marks: NDArray[Any] = (_column(frame, name, path).astype(str) == value).to_numpy()
    return name, marks
