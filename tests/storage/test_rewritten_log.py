"""A database's owner drops the triggers and rewrites the log: what verification and checkpoints see of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from governance import checkpointing
from governance.canonical import canonical, timestamp
from governance.domain.chain import Checkpoint, Entry, Flaw, seal, verify, verify_from
from governance.domain.events import ChangeRefused
from governance.domain.signature import ED25519
from governance.signing import new_key, public_line
from governance.storage.tables import audit

OFFICER = new_key(ED25519)
KEYS = {"officer": [public_line(OFFICER.public_key())]}

CONTENTS = "its contents do not match its hash"
GONE = "it stands in the checkpoint and is no longer in the log"
OTHER = "its hash is not the one in the checkpoint"


def write(archive: Any, make: Any, *words: str) -> None:
    """Record something, an entry a word."""
    with archive.writing() as books:
        for word in words:
            books.audit.append(make.noon, "ada", ChangeRefused(word, "test"))


def keep(archive: Any, make: Any) -> bytes:
    """A signed checkpoint of where the log ends, as a file has it."""
    with archive.reading() as books:
        end = Checkpoint(*books.audit.head())
    return json.dumps(checkpointing.signed(end, make.noon, OFFICER).to_json()).encode()


def read(archive: Any) -> list[Entry]:
    """The whole log."""
    with archive.reading() as books:
        return list(books.audit.entries())


def against(file: bytes, archive: Any) -> Flaw | None:
    """What walking from a checkpoint finds; the officer must have signed it."""
    kept = checkpointing.read(file)
    assert frozenset(KEYS) == kept.signers(KEYS)
    with archive.reading() as books:
        return verify_from(kept.checkpoint, books.audit.entries(kept.checkpoint.position - 1)).flaw


@pytest.fixture
def owned(database: Any, make: Any) -> Any:
    """A log of nine entries, without its triggers."""
    write(database, make, *"abcdefghi")
    with database.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            for when in ("no_update", "no_delete"):
                connection.exec_driver_sql(f"DROP TRIGGER governance_audit_{when}")
        else:
            connection.exec_driver_sql("DROP TRIGGER governance_audit_insert_only ON governance_audit")
    return database


def owner(archive: Any, statement: Any) -> None:
    """Run a statement past our code."""
    with archive.engine.begin() as connection:
        if isinstance(statement, str):
            connection.exec_driver_sql(statement)
        else:
            connection.execute(statement)


def reseal(archive: Any, change: Callable[[Entry], Entry]) -> None:
    """Change entries and compute every hash anew, as somebody who has read this code."""
    entries = read(archive)
    head = entries[0].parent
    for entry in map(change, entries):
        sealed = seal(entry.position, entry.at, entry.actor, entry.type, entry.body, head)
        row = {
            "at": timestamp(sealed.at),
            "actor": sealed.actor,
            "type": sealed.type,
            "body": canonical(dict(sealed.body)).decode(),
            "parent": head,
            "hash": sealed.hash,
        }
        owner(archive, audit.update().where(audit.c.position == entry.position).values(**row))
        head = sealed.hash


def blame_eve(position: int) -> Callable[[Entry], Entry]:
    """Makes the change of one entry's actor."""
    return lambda entry: replace(entry, actor="eve") if entry.position == position else entry


def test_an_untouched_log_holds_against_every_checkpoint(owned: Any, make: Any) -> None:
    """The one from the middle and the one from the end, after more was written."""
    middle = keep(owned, make)
    write(owned, make, "j", "k")
    end = keep(owned, make)
    write(owned, make, "l")

    assert (None, None) == (against(middle, owned), against(end, owned))


def test_a_log_cut_short(owned: Any, make: Any) -> None:
    """The chain itself cannot tell; the checkpoint can."""
    kept = keep(owned, make)
    owner(owned, "DELETE FROM governance_audit WHERE position > 5")

    assert verify(read(owned)).flaw is None
    assert Flaw(9, GONE) == against(kept, owned)


def test_a_log_that_is_gone(owned: Any, make: Any) -> None:
    """An empty log is a sound one, too."""
    kept = keep(owned, make)
    owner(owned, "DELETE FROM governance_audit")

    assert verify(read(owned)).flaw is None
    assert Flaw(9, GONE) == against(kept, owned)


def test_a_forked_log(owned: Any, make: Any) -> None:
    """Cut and continued otherwise, through our own code, past where the checkpoint stood."""
    kept = keep(owned, make)
    owner(owned, "DELETE FROM governance_audit WHERE position > 5")
    write(owned, make, *"FGHIJK")

    assert verify(read(owned)).flaw is None
    assert Flaw(9, OTHER) == against(kept, owned)


@pytest.mark.parametrize("position", [1, 5, 9])
def test_a_log_with_hashes_computed_anew(owned: Any, make: Any, position: int) -> None:
    """From the first entry to the one in the checkpoint, whichever was changed."""
    kept = keep(owned, make)
    reseal(owned, blame_eve(position))

    assert "eve" == read(owned)[position - 1].actor
    assert verify(read(owned)).flaw is None
    assert Flaw(9, OTHER) == against(kept, owned)


def test_what_follows_a_checkpoint_needs_the_next_one(owned: Any, make: Any) -> None:
    """A checkpoint says nothing about later entries: hence a new one each day."""
    first = keep(owned, make)
    write(owned, make, *"jkl")
    second = keep(owned, make)
    reseal(owned, blame_eve(11))

    assert (None, Flaw(12, OTHER)) == (against(first, owned), against(second, owned))


def test_a_changed_entry_with_its_old_hash(owned: Any, make: Any) -> None:
    """Also where it is the very one in the checkpoint, or stands behind it."""
    kept = keep(owned, make)
    write(owned, make, "j")
    owner(owned, "UPDATE governance_audit SET actor = 'eve' WHERE position = 10")
    assert Flaw(10, CONTENTS) == against(kept, owned)

    owner(owned, "UPDATE governance_audit SET actor = 'eve' WHERE position = 9")
    assert Flaw(9, CONTENTS) == against(kept, owned)


@pytest.mark.parametrize("key", [None, new_key(ED25519)], ids=["unsigned", "with another key"])
def test_a_checkpoint_made_to_fit_is_nobodys(owned: Any, make: Any, key: Any) -> None:
    """Who can rewrite the log can write a checkpoint of it, but not sign it as the officer."""
    reseal(owned, blame_eve(3))
    with owned.reading() as books:
        end = Checkpoint(*books.audit.head())
    forged = (
        checkpointing.signed(end, make.noon, key).to_json() if key else checkpointing.unsigned(end, make.noon)
    )
    kept = checkpointing.read(json.dumps(forged).encode())

    assert (end, frozenset()) == (kept.checkpoint, kept.signers(KEYS))


@pytest.mark.parametrize(
    "change",
    [
        "at = '2026-03-01T12:00:00.12Z'",
        "at = '2026-03-01t12:00:00.123456z'",
        'body = \'{"reason":"test","change":"d"}\'',
        'body = \'{"change":"d","reason":"test"} \'',
        'body = \'{"change":"d","reason":"test","reason":"test"}\'',
    ],
)
def test_the_same_in_other_letters_is_found(owned: Any, change: str) -> None:
    """A lenient reader would take them for the same; the hash covers the letters."""
    owner(owned, f"UPDATE governance_audit SET {change} WHERE position = 4")  # noqa: S608 - the list above

    assert Flaw(4, CONTENTS) == verify(read(owned)).flaw


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("actor = CAST(x'ff' AS TEXT)", "its parent is not the entry before it"),
        ("body = CAST(x'7bff7d' AS TEXT)", "its parent is not the entry before it"),
        ("actor = x'616461'", CONTENTS),
        ("body = x'7b7d'", CONTENTS),
        ("at = x'00'", CONTENTS),
        ("type = x'00'", CONTENTS),
        ("parent = x'00'", "its parent is not the entry before it"),
        ("hash = x'00'", CONTENTS),
    ],
)
def test_bytes_in_the_place_of_text_are_found_at_their_position(
    new_archive: Callable[[str], Any], make: Any, change: str, reason: str
) -> None:
    """SQLite keeps whatever its owner writes; the log is read to that entry, and behind it."""
    archive = new_archive("sqlite")
    write(archive, make, *"abcdefghi")
    owner(archive, "DROP TRIGGER governance_audit_no_update")
    owner(archive, f"UPDATE governance_audit SET {change} WHERE position = 4")  # noqa: S608 - the list above

    entries = read(archive)
    assert Flaw(4, reason) == verify(entries).flaw
    assert [1, 2, 3, 4, 5, 6, 7, 8, 9] == [entry.position for entry in entries]
    assert all(isinstance(text, str) for entry in entries for text in (entry.actor, entry.type, entry.hash))
