from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from governance.canonical import canonical, digest
from governance.domain.chain import GENESIS, Body, Entry, Flaw, Verification, seal, verify

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def chain(length: int) -> list[Entry]:
    """A sound log of so many entries."""
    entries: list[Entry] = []
    for position in range(1, length + 1):
        parent = entries[-1].hash if entries else GENESIS
        at = START + timedelta(seconds=position)
        entries.append(seal(position, at, "alice", "change:refused", {"n": position}, parent))
    return entries


def test_an_untouched_chain_holds() -> None:
    """A chain that nobody touched is verified to its end."""
    entries = chain(5)

    assert Verification(5, entries[-1].hash, None) == verify(entries)


def test_an_empty_chain_holds() -> None:
    """No entry is no flaw."""
    assert Verification(0, GENESIS, None) == verify([])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", "mallory"),
        ("type", "promotion:allowed"),
        ("body", {"n": 99}),
        ("at", START),
        ("hash", "f" * 64),
    ],
)
def test_a_changed_entry_is_the_first_flaw(field: str, value: object) -> None:
    """Each part of an entry is under its hash: changing any one is found, at that entry."""
    entries = chain(5)
    entries[2] = replace(entries[2], **{field: value})

    assert Flaw(3, "its contents do not match its hash") == verify(entries).flaw


def test_a_resealed_entry_breaks_the_next() -> None:
    """Whoever changes an entry and its hash is found at the entry behind it."""
    entries = chain(5)
    entries[2] = seal(3, entries[2].at, "mallory", entries[2].type, entries[2].body, entries[2].parent)

    assert Flaw(4, "its parent is not the entry before it") == verify(entries).flaw


def test_a_removed_entry_is_found() -> None:
    """An entry taken out leaves a gap in the positions."""
    entries = chain(5)
    del entries[2]

    assert Flaw(4, "expected position 3") == verify(entries).flaw


def test_two_swapped_entries_are_found() -> None:
    """Entries in another order are not the chain."""
    entries = chain(5)
    entries[2], entries[3] = entries[3], entries[2]

    assert Flaw(4, "expected position 3") == verify(entries).flaw


def test_a_hash_is_the_digest_of_the_canonical_list() -> None:
    """So anybody can recompute it: position, time, actor, type, body and parent, in RFC 8785."""
    entry = seal(7, START, 'zoë "z"', "change:refused", {"n": 1, "a": "ä"}, "p" * 64)

    parts = [7, "2026-01-01T00:00:00.000000Z", 'zoë "z"', "change:refused", {"n": 1, "a": "ä"}, "p" * 64]
    assert digest(parts) == entry.hash


BODIES = st.dictionaries(
    st.text(st.characters(codec="utf-8")),
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
)


@given(BODIES)
def test_a_body_as_text_is_the_body(fields: dict[str, Any]) -> None:
    """Sealed from its text or from its values an entry is the same, and reads the same."""
    body = Body(canonical(fields).decode())

    assert fields == body == dict(body)
    assert seal(1, START, "ada", "t", fields, GENESIS) == seal(1, START, "ada", "t", body, GENESIS)


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "7", '{"b":1,"a":2}', '{"a": 1}', '{"a":1,"a":1}', '{"a":1.0}']
)
def test_a_body_that_is_not_canonical_is_unreadable(text: str) -> None:
    """It is shown as it stands, and never as what somebody may have meant."""
    assert {"unreadable": text} == Body(text)


@pytest.mark.parametrize("text", ['{"n":3} ', '{"n":3},0', '{"n":3,"n":3}', "", "{}"])
def test_another_text_for_a_body_is_found(text: str) -> None:
    """Also one that a lenient reader would take for the same body."""
    entries = chain(5)
    for place, body in ((2, Body('{"n":3}')), (2, Body(text))):
        entries[place] = replace(entries[place], body=body)
        found = verify(entries).flaw
        assert (Flaw(3, "its contents do not match its hash") if body.text == text else None) == found


PART = st.text('a",{}[]\\\\')


@given(PART, PART, PART, PART, PART, PART)
@example('a","b', "c", "{}", "a", 'b","c', "{}")
@example("a", 'b",{}', "{}", "a", "b", '{},"{}')
def test_no_part_can_be_moved_into_another(a: str, b: str, c: str, d: str, e: str, f: str) -> None:
    """Two entries with one hash have the same actor, type and body, however those are written."""

    def sealed(actor: str, type: str, text: str) -> str | None:
        try:
            return seal(1, START, actor, type, Body(text), GENESIS).hash
        except ValueError:
            return None

    one, other = sealed(a, b, c), sealed(d, e, f)
    assert one is None or (one == other) == ((a, b, c) == (d, e, f))


@pytest.mark.parametrize("actor", [b"ada", "\ud800", 1.5, None])
def test_what_no_entry_can_hold_breaks_the_chain(actor: Any) -> None:
    """Verification names the entry; it does not fail at it."""
    entries = chain(5)
    entries[2] = replace(entries[2], actor=actor)

    assert Flaw(3, "its contents do not match its hash") == verify(entries).flaw
