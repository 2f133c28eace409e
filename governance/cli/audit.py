"""`governance audit`: the audit log read, its hash chain verified, its end remembered elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.cli.options import format_option, printable, talk, write_json

if TYPE_CHECKING:
    from governance.domain.chain import Checkpoint, Entry, Verification
    from governance.ports import Archive, AuditLog


@click.group()
def audit() -> None:
    """Read and verify the audit log."""


@audit.command()
@click.option(
    "--type", "types", multiple=True, metavar="TYPE", help="Only these, for example promotion:denied."
)
@click.option(
    "--subject", metavar="WORD", help="Only entries that name this uid, version, dataset or digest."
)
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only entries behind this position.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many entries.")
@format_option
def log(types: tuple[str, ...], subject: str | None, after: int, limit: int | None, form: str) -> None:
    """Print the audit log, oldest first."""
    from governance.domain.events import EVENTS

    known = sorted(event.name for event in EVENTS)
    for type in types:
        if type not in known:
            raise click.BadParameter(f"{type!r} is none of {', '.join(known)}", param_hint="--type")
    with _archive().reading() as books:
        wanted = (
            entry
            for entry in books.audit.entries(after)
            if (not types or entry.type in types) and (subject is None or subject in entry.body.values())
        )
        write = _write_json if form == "json" else _write_text
        write(islice(wanted, limit))


@audit.command()
@click.option(
    "--from-checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Start at a checkpoint kept elsewhere; only this shows that the end was cut off.",
)
@format_option
def verify(from_checkpoint: Path | None, form: str) -> None:
    """Walk the hash chain and name the first entry at which it does not hold (exit code 1)."""
    checkpoint = _read_checkpoint(from_checkpoint) if from_checkpoint else None
    with _archive().reading() as books:
        found = _walk(books.audit, checkpoint)
    if form == "json":
        flaw = {"position": found.flaw.position, "reason": found.flaw.reason} if found.flaw else None
        write_json("verification", {"entries": found.entries, "head": found.head, "flaw": flaw})
    elif found.flaw:
        click.echo(f"Entry {found.flaw.position} breaks the audit log: {found.flaw.reason}.")
    else:
        click.echo(f"The audit log holds: {found.entries} entries, head {found.head}.")
        if checkpoint is None:
            talk("A log that was cut short holds too: compare it with --from-checkpoint FILE.")
    if found.flaw:
        raise SystemExit(1)


@audit.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file; by default standard output.",
)
def checkpoint(output: Path | None) -> None:
    """Write down where the log ends now; keep it where the database's owner cannot change it."""
    from governance import bootstrap
    from governance.canonical import timestamp
    from governance.errors import Conflict

    with _archive().reading() as books:
        position, head = books.audit.head()
    text = json.dumps(
        {
            "schema": "governance/checkpoint/v1",
            "position": position,
            "hash": head,
            "time": timestamp(bootstrap.clock()),
        }
    )
    if output is None:
        click.echo(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError as error:
        raise Conflict(
            f"{output} exists, and an older checkpoint is worth keeping.", "Name a new file."
        ) from error


def _archive() -> Archive:
    from governance import bootstrap

    return bootstrap.archive(bootstrap.settings())


def _walk(log: AuditLog, checkpoint: Checkpoint | None) -> Verification:
    """Verify behind a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    from governance.domain import chain

    after = max(checkpoint.position - 1, 0) if checkpoint else 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        entries = progress.track(
            log.entries(after), total=max(log.head()[0] - after, 0), description="Verifying the audit log"
        )
        return chain.verify_from(checkpoint, entries) if checkpoint else chain.verify(entries)


def _read_checkpoint(path: Path) -> Checkpoint:
    from governance.domain.chain import Checkpoint
    from governance.errors import UsageError

    try:
        data = json.loads(path.read_text("utf-8"))
        if data["schema"] == "governance/checkpoint/v1" and data["position"] >= 0:
            return Checkpoint(int(data["position"]), str(data["hash"]))
    except (ValueError, KeyError, TypeError):
        pass
    raise UsageError(
        f"{path} is no checkpoint of the audit log.",
        "Make one with: governance audit checkpoint --output FILE",
    )


def _write_text(entries: Iterable[Entry]) -> None:
    from governance.canonical import timestamp

    for entry in entries:
        body = json.dumps(dict(entry.body), ensure_ascii=False)
        words = (str(entry.position), timestamp(entry.at), entry.actor, entry.type, body)
        click.echo("  ".join(map(printable, words)))


def _write_json(entries: Iterable[Entry]) -> None:
    # One entry at a time: a log is longer than memory should have to be.
    click.echo('{"schema": "governance/audit-log/v1", "entries": [', nl=False)
    separator = "\n"
    for entry in entries:
        click.echo(separator + json.dumps(_to_json(entry)), nl=False)
        separator = ",\n"
    click.echo("\n]}")


def _to_json(entry: Entry) -> dict[str, Any]:
    from governance.canonical import timestamp

    return {
        "position": entry.position,
        "at": timestamp(entry.at),
        "actor": entry.actor,
        "type": entry.type,
        "body": dict(entry.body),
        "parent": entry.parent,
        "hash": entry.hash,
    }
