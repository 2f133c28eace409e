from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from governance.canonical import canonical, digest, instant, timestamp

KEYS = st.one_of(st.text(), st.text(st.characters(max_codepoint=127)))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**53) - 2, 2**53 + 2)
    | st.floats()
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)


def outcome(write: Any, value: Any) -> Any:
    """The bytes that it writes, or that it refuses."""
    try:
        return write(value)
    except ValueError:
        return "refused"


class Word(str, Enum):
    """A text that also writes itself otherwise."""

    YES = "yes"


class Number(IntEnum):
    """The same among the integers."""

    ONE = 1


@given(VALUES)
@example({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3})
@example({'\x00\x1f\x7f\x80\u2028"\\/\b\f\n\r\t': '\x00\x1f\x7f\x80\u2028"\\/\b\f\n\r\t'})
@example([2**53 - 1, 2**53, -(2**53) + 1, -(2**53)])
@example([1e21, 1e-7, 1.0, -0.0, 5e-324, 1e16, 123456789012345680.0])
@example([math.nan, math.inf])
@example({"a": "\ud800"})
@example({"\ud800": "a"})
@example({1: 2})
@example({None: 2})
@example({True: 2})
@example({"b": [], "a": {}, "": ()})
@example([Word.YES, Number.ONE, True])
@example({Word.YES: 1})
@example([b"bytes"])
@example({1, 2})
def test_what_is_written_is_what_rfc8785_writes(value: Any) -> None:
    """Byte for byte, whichever way it takes, and what that refuses is refused."""
    assert outcome(rfc8785.dumps, value) == outcome(canonical, value)


def test_an_endless_value_is_refused() -> None:
    """A list that holds itself ends neither way for ever."""
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(RecursionError):
        canonical(endless)


def test_a_deep_value_is_written_as_rfc8785_does() -> None:
    """Depth decides no byte."""
    deep: Any = "x"
    for _ in range(300):
        deep = [{"a": deep}]

    assert rfc8785.dumps(deep) == canonical(deep)


def test_a_known_digest() -> None:
    """Sorted keys, no space, UTF-8; the digest is that of `{}` as any tool has it."""
    assert b'{"a":"\xc3\xa4","b":[1,2.5,null]}' == canonical({"b": [1, 2.5, None], "a": "ä"})
    assert "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" == digest({})


ZONES = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)


@given(INSTANTS)
def test_an_instant_is_read_back(at: datetime) -> None:
    """In UTC, whatever zone it was given in, and to the microsecond."""
    read = instant(timestamp(at))

    assert (at, timezone.utc) == (read, read.tzinfo)


@given(INSTANTS, ZONES)
def test_an_instant_has_one_spelling(at: datetime, zone: timezone) -> None:
    """Two zones, one text, of one length, and texts sort as instants do."""
    assert timestamp(at) == timestamp(at.astimezone(zone))
    assert 27 == len(timestamp(at))
    assert timestamp(at) < timestamp(at + timedelta(microseconds=1))


def test_a_known_instant() -> None:
    """With all six digits, also where they are noughts."""
    at = datetime(2026, 3, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))

    assert "2026-03-01T12:00:00.000000Z" == timestamp(at)
    assert "0987-03-01T12:00:00.000001Z" == timestamp(datetime(987, 3, 1, 12, 0, 0, 1, timezone.utc))


def test_a_time_without_a_zone_is_no_instant() -> None:
    """It would be another instant in another place."""
    with pytest.raises(ValueError, match="has no time zone"):
        timestamp(datetime(2026, 3, 1))


@pytest.mark.parametrize(
    "text",
    [
        "never",
        "",
        "2026-03-01",
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.12Z",
        "2026-03-01T12:00:00.000000+00:00",
        "2026-03-01 12:00:00.000000Z",
        "2026-03-01t12:00:00.000000z",
        "2026-3-1T12:00:00.000000Z",
        "2026-02-30T12:00:00.000000Z",
        "2026-03-01T12:00:60.000000Z",
        "2026-03-01T12:00:00.000000Z\n",
        "٢٠٢٦-03-01T12:00:00.000000Z",
    ],
)
def test_another_spelling_is_not_read(text: str) -> None:
    """Otherwise two texts would stand for one instant, and a digest over either."""
    with pytest.raises(ValueError, match=r"is not written like|must be in|out of range"):
        instant(text)
