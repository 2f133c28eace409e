"""How values are written for people, the same in every format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from governance.canonical import instant

ABSENT = "not recorded"

WORDS = {
    "add_or_remove_one": "add or remove one",
    "replace_one": "replace one",
    "poisson": "Poisson sampling",
    "shuffled": "shuffled batches",
    "final_model": "the final model only",
    "all_checkpoints": "all checkpoints",
}
"""Recorded words that read better otherwise."""

_LONG_HEX = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any) -> str:
    """A number to three significant digits, whole numbers whole; text as it is; None as `not recorded`."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    if not exponent:
        return mantissa
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return power if mantissa == "1" else f"{mantissa} × {power}"


def percent(value: Any) -> str:
    """A rate in percent, with as many digits as a small one needs."""
    if not isinstance(value, int | float):
        return number(value)
    scaled = value * 100
    return f"{scaled:.1f}%" if scaled >= 1 or scaled == 0 else f"{scaled:.2g}%"


def when(value: Any) -> str:
    """A recorded instant to the minute, in UTC."""
    return f"{instant(value):%Y-%m-%d %H:%M} UTC" if value else ABSENT


def size(value: Any) -> str:
    """A number of bytes."""
    if value is None:
        return ABSENT
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.1f} {unit}"
    return f"{value} B"


def word(value: Any) -> str:
    """A recorded word without its underscores; None as `not recorded`."""
    if value is None or value == "":
        return ABSENT
    return WORDS.get(str(value), str(value).replace("_", " "))


def short(value: Any) -> str:
    """Long hexadecimal digits cut to twelve, also inside `name@digest` or a sentence; other text as it is."""
    return ABSENT if value is None else _LONG_HEX.sub(r"\1…", str(value))


def signed(signatures: Iterable[Mapping[str, Any]]) -> str:
    """By whose key a record is signed, as far as the keys of the policy tell, or that it is not."""
    return "; ".join(_signed(signature) for signature in signatures) or "not signed"


def _signed(signature: Mapping[str, Any]) -> str:
    key = f"key {short(signature['keyid'])}" if signature["keyid"] else "a key without a name"
    if signature["by"]:
        return f"signed by {' and '.join(signature['by'])} ({key})"
    return f"a signature that no key of the policy confirms ({key})"


def scalars(facts: Mapping[str, Any]) -> str:
    """Facts on one line, each behind its name; empty if there are none."""
    return "; ".join(f"{path.replace('_', ' ')} {number(value)}".strip() for path, value in facts.items())
