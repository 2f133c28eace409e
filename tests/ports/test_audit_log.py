"""The conformance suite of `ports.AuditLog`."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from governance.domain.chain import GENESIS, seal, verify
from governance.domain.events import ChangeRefused, VersionRegistered

REGISTERED = VersionRegistered("u1", "models:/größe/1", "b" * 64, {"retention": "9999-12-31"}, ["run r1"])


def test_an_empty_log_begins_at_genesis(archive: Any) -> None:
    """There is a head before there is an entry."""
    with archive.reading() as books:
        assert (0, GENESIS) == books.audit.head()
        assert [] == list(books.audit.entries())


def test_entries_are_sealed_one_onto_the_other(archive: Any, make: Any) -> None:
    """What `append` returns is what is read back: position, time, actor, event, parent, hash."""
    with archive.writing() as books:
        first = books.audit.append(make.noon, "zoë", REGISTERED)
    with archive.writing() as books:
        second = books.audit.append(make.later(1), "bob", ChangeRefused("alias", "it looks like another"))

    refused = {"change": "alias", "reason": "it looks like another"}
    assert seal(1, make.noon, "zoë", "version:registered", REGISTERED.body(), GENESIS) == first
    assert seal(2, make.later(1), "bob", "change:refused", refused, first.hash) == second
    with archive.reading() as books:
        assert [first, second] == list(books.audit.entries())
        assert [second] == list(books.audit.entries(after=1))
        assert (2, second.hash) == books.audit.head()


def test_a_log_longer_than_a_page_is_read_whole(archive: Any, make: Any) -> None:
    """No entry is lost or repeated at the seams, wherever the reading starts."""
    with archive.writing() as books:
        for number in range(2_001):
            books.audit.append(make.noon, "ada", ChangeRefused(str(number), ""))

    with archive.reading() as books:
        assert list(range(1, 2_002)) == [entry.position for entry in books.audit.entries()]
        assert list(range(1_001, 2_002)) == [entry.position for entry in books.audit.entries(1_000)]
        assert verify(books.audit.entries()).flaw is None


def test_what_was_recorded_cannot_be_changed_through_the_event(archive: Any, make: Any) -> None:
    """The caller's list does not reach into the log."""
    unknown = ["run r1"]
    with archive.writing() as books:
        books.audit.append(make.noon, "ada", VersionRegistered("u1", "v", "b", {}, unknown))
        unknown.append("later")

    with archive.reading() as books:
        assert ["run r1"] == next(books.audit.entries()).body["unknown"]


@pytest.mark.slow
def test_fifty_writers_at_once_make_one_chain(archive: Any, make: Any) -> None:
    """No fork, and none is lost, although all of them read the head and then extend it."""

    def write(number: int) -> None:
        with archive.writing() as books:
            books.audit.append(make.noon, f"writer {number}", ChangeRefused("one", ""))
            books.audit.append(make.noon, f"writer {number}", ChangeRefused("two", ""))

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(write, range(50)))

    with archive.reading() as books:
        entries = list(books.audit.entries())
    walk = verify(entries)
    assert (100, None) == (walk.entries, walk.flaw)
    assert {f"writer {number}" for number in range(50)} == {entry.actor for entry in entries}
    # What one transaction writes stands together.
    assert ["one", "two"] * 50 == [entry.body["change"] for entry in entries]


REPLICA = """
import sys
from datetime import datetime, timezone
from governance.domain.events import ChangeRefused
from governance.storage.archive import open_archive

url, name, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
archive = open_archive(url)
with archive.reading() as books:
    books.audit.head()
print("ready", flush=True)
sys.stdin.readline()
for number in range(times):
    try:
        with archive.writing() as books:
            books.audit.append(datetime.now(timezone.utc), name, ChangeRefused(str(number), "kept"))
            books.audit.append(datetime.now(timezone.utc), name, ChangeRefused(str(number), "kept with it"))
            if number % 5 == 4:
                raise InterruptedError("a transaction that fails")
    except InterruptedError:
        pass
"""
"""A server replica: it appends in transactions, of which every fifth fails at its end."""


@pytest.mark.slow
def test_replicas_in_processes_of_their_own_make_one_chain(database: Any) -> None:
    """No fork, no gap, and nothing lost but what failed, although nothing joins them but the database."""
    url, names, times = database.engine.url.render_as_string(hide_password=False), "abc", 20
    replicas = [
        subprocess.Popen(
            [sys.executable, "-c", REPLICA, url, name, str(times)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for replica in replicas:
        assert replica.stdout is not None
        assert "ready\n" == replica.stdout.readline()
    for replica in replicas:
        assert replica.stdin is not None
        replica.stdin.write("go\n")
        replica.stdin.flush()
    for replica in replicas:
        replica.communicate(timeout=60)
    assert [0] * len(names) == [replica.returncode for replica in replicas]

    with database.reading() as books:
        entries = list(books.audit.entries())
    kept = [number for number in range(times) if number % 5 != 4]
    assert (2 * len(names) * len(kept), None) == (verify(entries).entries, verify(entries).flaw)
    for name in names:
        expected = [(str(number), word) for number in kept for word in ("kept", "kept with it")]
        found = [(e.body["change"], e.body["reason"]) for e in entries if e.actor == name]
        assert expected == found
    # What one transaction writes stands together, whoever else writes.
    assert all(one.actor == two.actor for one, two in zip(entries[::2], entries[1::2], strict=True))
