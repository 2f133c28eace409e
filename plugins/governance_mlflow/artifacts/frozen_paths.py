"""Which places lie in a frozen area, or around one, however they are spelled.

Importing this module must not import MLflow: that would load our repositories, which need this module.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

FROZEN = "frozen"
WORKSPACES = "workspaces"
"""Where MLflow puts the artifacts of a workspace: `workspaces/NAME/…`, with a frozen area of its own."""

ANY = "*"

Trail = tuple[str, ...]
"""The names that lead to a place, in order and in one spelling; in an area ANY stands for any name."""


def areas_below(destination: Trail) -> tuple[Trail, ...]:
    """The frozen areas of a destination: its own and that of each workspace."""
    return (*destination, FROZEN), (*destination, WORKSPACES, ANY, FROZEN)


def trail(path: str | None) -> Trail:
    """The names in a path below a destination; none for the destination itself."""
    return tuple(name for name in spelled_out(path).casefold().split("/") if name)


def spelled_out(path: str | None) -> str:
    """A path inside the destination as the file system will read it, empty for the destination itself."""
    path = path or ""
    # MLflow decodes a path before it deletes it, whoever decoded it before.
    while (decoded := unquote(path)) != path:
        path = decoded
    return posixpath.normpath("/" + path.replace("\\", "/")).lstrip("/")


def leads_into(place: Trail, areas: Iterable[Trail]) -> bool:
    """Whether a place is a frozen area or lies in one."""
    return any(len(place) >= len(area) and _same(place, area) for area in areas)


def lies_around(place: Trail, areas: Iterable[Trail], by_prefix: bool = False) -> bool:
    """Whether a frozen area lies, or may lie, below a place.

    Args:
        by_prefix: The last name stands for all that begin with it, as in a listing of an object store.
    """
    for area in areas:
        if not _same(place[:-1], area) or len(place) > len(area):
            continue
        if not place or _fits(place[-1], area[len(place) - 1], by_prefix):
            return True
    return False


def refusal(path: str | None, change: str) -> MlflowException:
    """PERMISSION_DENIED for a change of frozen bytes."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

    return MlflowException(
        f"{change} {spelled_out(path)!r} is refused: approved model bytes are frozen. To serve "
        "other bytes, register them as a new version and promote that.",
        error_code=PERMISSION_DENIED,
    )


def _same(place: Trail, area: Trail) -> bool:
    return all(_fits(name, expected, False) for name, expected in zip(place, area, strict=False))


def _fits(name: str, expected: str, by_prefix: bool) -> bool:
    return expected == ANY or name == expected or (by_prefix and expected.startswith(name))
