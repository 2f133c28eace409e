from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from governance.domain.chain import GENESIS, Entry, Flaw, Verification, seal, verify

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
