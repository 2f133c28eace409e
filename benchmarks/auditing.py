"""`python -m benchmarks.auditing`: how long the audit log takes to prove itself."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import click

from governance.canonical import canonical, timestamp
from governance.domain.chain import GENESIS, Body, seal, verify
from governance.domain.events import (
    ApprovalGiven,
    Event,
    EvidenceRecorded,
    PromotionAllowed,
    PromotionDenied,
    VersionRegistered,
)
from governance.storage.archive import SqlArchive, open_archive
from governance.storage.tables import audit

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)

LABEL = {
    "confidentiality": "restricted",
    "consent": "valid",
    "identifiability": "personal",
    "legal_basis": "documented",
    "provenance": [f"visits@{'a' * 64}"],
    "purposes": ["care", "research"],
    "regions": ["eu"],
    "retention": "2035-12-31",
    "special_categories": ["health"],
    "subject_categories": ["patient"],
}


@click.command()
@click.option(
    "--entries", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="In the log."
)
@click.option("--database", metavar="URL", help="An empty database. Default: a new SQLite file.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(entries: int, database: str | None, as_json: bool) -> None:
    """Write a log of so many entries and verify it, on one core."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        archive = open_archive(database or f"sqlite:///{Path(folder) / 'log.db'}")
        archive.upgrade()
        click.echo(f"writing {entries} entries", err=True)
        fill(archive, entries)
        click.echo("verifying", err=True)
        found = measure(archive)
        archive.engine.dispose()
    if as_json:
        click.echo(json.dumps({"schema": "governance/audit-benchmark/v1"} | found))
    else:
        click.echo(
            f"{found['entries']} entries verified in {found['seconds']:.1f} s "
            f"({found['cpu_seconds']:.1f} s of one core): {found['entries_per_second']:.0f} a second"
        )


def fill(archive: SqlArchive, entries: int) -> None:
    """Write a sound log past the gate, many rows at once: one at a time takes a commit each."""
    rows = _rows(entries)
    with archive.engine.begin() as connection:
        while page := list(islice(rows, 10_000)):
            connection.execute(audit.insert(), page)


def measure(archive: SqlArchive) -> dict[str, Any]:
    """Walk the whole chain as `governance audit verify` does; the log must hold."""
    with archive.reading() as books:
        position, head = books.audit.head()
        began, worked = perf_counter(), process_time()
        found = verify(books.audit.entries())
        seconds, cpu = perf_counter() - began, process_time() - worked
    if (found.entries, found.head, found.flaw) != (position, head, None):
        raise AssertionError(f"the log of the benchmark does not hold: {found}")
    return {
        "entries": found.entries,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "entries_per_second": found.entries / seconds,
    }


def _rows(entries: int) -> Iterator[dict[str, Any]]:
    head = GENESIS
    for position in range(1, entries + 1):
        at, event = BEGIN + timedelta(seconds=position), _event(position)
        body = Body(canonical(event.body()).decode())
        entry = seal(position, at, "ada", event.name, body, head)
        head = entry.hash
        yield {
            "position": position,
            "at": timestamp(at),
            "actor": entry.actor,
            "type": entry.type,
            "body": body.text,
            "parent": entry.parent,
            "hash": entry.hash,
        }


def _event(number: int) -> Event:
    """The life of one version after another, five events each."""
    version, step = divmod(number, 5)
    uid, digest, change = f"{version:032x}", f"{version:064x}", "alias @champion of visits"
    return (
        VersionRegistered(uid, f"models:/visits/{version}", digest, LABEL, []),
        EvidenceRecorded(digest, "membership-inference", digest),
        ApprovalGiven(digest, uid, "production", "dpo", "approved", "The DPIA covers it."),
        PromotionDenied(uid, digest, "production", change),
        PromotionAllowed(uid, digest, "production", change, "nothing", f"/srv/frozen/{digest}"),
    )[step]


if __name__ == "__main__":
    main()
