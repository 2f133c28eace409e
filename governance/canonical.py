"""One way to write a value down, so that equal values have equal bytes and equal digests."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timezone
from typing import Any

import rfc8785


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Raises:
        ValueError: the value holds NaN, an infinity, or an integer beyond 2**53.
    """
    try:
        return _write(value).encode() if _plain(value) else rfc8785.dumps(value)
    except RecursionError:
        return rfc8785.dumps(value)


_write = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode
"""Several times as fast as rfc8785 and, of what is `_plain`, the same text."""


def _plain(value: Any) -> bool:
    """Whether nothing is in it that Python's JSON writes otherwise than RFC 8785.

    Those are numbers with a fraction or an exponent, integers that a double cannot hold, and keys
    outside ASCII, which RFC 8785 sorts as UTF-16. Only the very types of JSON are known, for a subclass
    can write itself as it likes.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-(2**53) < value < 2**53)
    if kind is dict:
        for key, part in value.items():
            if type(key) is not str or not key.isascii() or not _plain(part):
                return False
        return True
    return (kind is list or kind is tuple) and all(map(_plain, value))


def digest(value: Any) -> str:
    """The SHA-256 of `canonical(value)`, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def timestamp(at: datetime) -> str:
    """An instant as UTC text with microseconds; two spellings of one instant are equal.

    Raises:
        ValueError: the datetime has no time zone, so it names no instant.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone")
    if at.tzinfo is not timezone.utc:
        at = at.astimezone(timezone.utc)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


def instant(text: str) -> datetime:
    """The inverse of `timestamp`; what that would not have written is not read.

    Raises:
        ValueError: the text is no instant, or one in another spelling.
    """
    if not _TIMESTAMP.fullmatch(text):
        raise ValueError(f"{text!r} is not written like 2026-03-01T12:00:00.000000Z")
    return datetime.fromisoformat(f"{text[:-1]}+00:00")
