"""Evidence bodies come from many producers: read what is there, and let what is not be absent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def mapping(value: Any) -> Json:
    """The value if it is an object, else an empty one."""
    return dict(value) if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """The value if it is an array, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def real(value: Any) -> float | None:
    """The value if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def word(value: Any) -> str | None:
    """The value if it is text that says something, else None."""
    return value.strip() or None if isinstance(value, str) else None


def spoken(value: float) -> float | str:
    """A number as JSON allows it: an infinity or NaN becomes words."""
    if math.isnan(value):
        return "not a number"
    return value if math.isfinite(value) else "infinite"


def scalars(value: Any, path: str = "") -> Json:
    """Every single value in a body by its dotted path; arrays are left out, they are curves and lists."""
    if isinstance(value, Mapping):
        found: Json = {}
        for key, inner in sorted(value.items()):
            found |= scalars(inner, f"{path}.{key}" if path else str(key))
        return found
    if isinstance(value, float) and not math.isfinite(value):
        return {path: spoken(value)}
    return {path: value} if isinstance(value, str | int | float) else {}


def said(value: Any) -> str | None:
    """What somebody wrote, whether as a sentence, a list or an object; None if it says nothing."""
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or None
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {inner}" for key, inner in scalars(value).items()) or None
    return word(value) if isinstance(value, str) else word(str(value)) if value is not None else None
