"""`governance audit`: the audit log read, its hash chain verified, its end remembered elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance.cli.audit_log import log, reading
from governance.cli.key import FILE, key_option, open_private, read_public
from governance.cli.options import format_option, talk, write_json

if TYPE_CHECKING:
    from governance.checkpointing import Kept
    from governance.desk import Desk
    from governance.domain.chain import Checkpoint, Verification
    from governance.ports import AuditLog


@click.group()
def audit() -> None:
    """Read and verify the audit log."""


audit.add_command(log)


@audit.command()
@click.option(
    "--from-checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Start at a checkpoint kept elsewhere; only this shows that the end was cut off.",
)
@click.option(
    "--public-key",
    "key_files",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="The checkpoint counts only if this key signed it; of several, one of them.",
)
@format_option
def verify(from_checkpoint: Path | None, key_files: tuple[Path, ...], form: str) -> None:
    """Walk the hash chain and name the first entry at which it does not hold (exit code 1)."""
    from governance.domain.chain import GENESIS, Flaw, Verification

    if key_files and from_checkpoint is None:
        raise click.UsageError("--public-key goes with --from-checkpoint FILE only.")
    kept = _read_checkpoint(from_checkpoint) if from_checkpoint else None
    signers = _signers(kept, key_files) if kept else []
    if key_files and not signers:
        found = Verification(0, GENESIS, Flaw(0, "none of the given keys signed its checkpoint"))
    else:
        with reading() as chain:
            found = _walk(chain, kept.checkpoint if kept else None)
    if form == "json":
        flaw = {"position": found.flaw.position, "reason": found.flaw.reason} if found.flaw else None
        body = {"entries": found.entries, "head": found.head, "flaw": flaw, "checkpoint_signed_by": signers}
        write_json("verification", body)
    elif not found.flaw:
        click.echo(f"The audit log holds: {found.entries} entries, head {found.head}.")
        if kept is None:
            talk("A log that was cut short holds too: compare it with --from-checkpoint FILE.")
    elif key_files and not signers:
        click.echo(f"None of the given keys signed the checkpoint {from_checkpoint}: it proves nothing.")
    else:
        click.echo(f"Entry {found.flaw.position} breaks the audit log: {found.flaw.reason}.")
    if found.flaw:
        raise SystemExit(1)


@audit.command()
@key_option
@click.option("--output", type=FILE, help="A new file; by default standard output.")
def checkpoint(key_file: Path | None, output: Path | None) -> None:
    """Write down where the log ends now; keep it where the database's owner cannot change it."""
    from governance import bootstrap, checkpointing
    from governance.domain.chain import Checkpoint
    from governance.errors import Conflict

    key = open_private(key_file) if key_file else None
    with reading() as chain:
        end, now = Checkpoint(*chain.head()), bootstrap.clock()
    text = json.dumps(
        checkpointing.signed(end, now, key).to_json() if key else checkpointing.unsigned(end, now)
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


def _walk(log: AuditLog | Desk, checkpoint: Checkpoint | None) -> Verification:
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


def _read_checkpoint(path: Path) -> Kept:
    from governance import checkpointing
    from governance.errors import UsageError

    try:
        return checkpointing.read(path.read_bytes())
    except ValueError as error:
        raise UsageError(
            f"{path} is no checkpoint of the audit log: {error}.",
            "Make one with: governance audit checkpoint --output FILE",
        ) from error


def _signers(kept: Kept, key_files: tuple[Path, ...]) -> list[str]:
    """Which of the key files signed a checkpoint; a signed one is not believed without looking."""
    from governance.errors import UsageError

    if kept.envelope is not None and not key_files:
        raise UsageError(
            "The checkpoint is signed, and no key was given to check that.",
            "Name the key of whoever makes the checkpoints: --public-key FILE",
        )
    return sorted(kept.signers({str(file): [read_public(file)] for file in key_files}))
