"""`governance waive` and `governance break-glass`: let a version past what it does not meet."""

from __future__ import annotations

from pathlib import Path

import click

from governance.cli.answers import (
    SHORT,
    minute,
    reason_option,
    role_option,
    say,
    target_option,
    tell,
    version_of,
)
from governance.cli.key import key_option
from governance.cli.options import actor_option, format_option, model_argument


@click.command()
@model_argument
@target_option
@click.option("--check", required=True, metavar="CHECK", help="The one check to let pass.")
@role_option
@click.option("--days", type=click.IntRange(1, 365), required=True, help="How long, in days.")
@reason_option
@key_option
@format_option
@actor_option
def waive(
    model: str,
    target: str,
    check: str,
    role: str,
    days: int,
    reason: str,
    key_file: Path | None,
    form: str,
    actor: str | None,
) -> None:
    """Let MODEL pass CHECK on its way to TARGET for some days, as somebody who holds ROLE.

    The policy says which checks can be waived, by which roles together, and for how long. A waiver
    holds for exactly these bytes and this policy, and counts once enough people signed.
    """
    from governance.intents import Intent

    intent = Intent("waiver", reason, model, target, role, check, hours=24 * days)
    said = say(intent, key_file, actor, form)
    if said is not None:
        tell(
            f"{said['by']} waives {check} for {version_of(said)} to {said['target']} as {role} until"
            f" {minute(said['expires_at'])} (bytes {said['subject']['digest'][:SHORT]}, waiver"
            f" {said['waiver'][:SHORT]})",
            said,
        )


@click.command("break-glass")
@model_argument
@target_option
@role_option
@click.option("--hours", type=click.IntRange(1, 72), required=True, help="How long, in hours.")
@reason_option
@click.option("--yes", is_flag=True, help="Do not ask whether you mean it.")
@key_option
@format_option
@actor_option
def break_glass(
    model: str,
    target: str,
    role: str,
    hours: int,
    reason: str,
    yes: bool,
    key_file: Path | None,
    form: str,
    actor: str | None,
) -> None:
    """In an emergency, let MODEL into TARGET for some hours whatever it does not meet.

    Only whoever promotes it then must still be known. It stands in the log, in every decision that
    rests on it and in every report.
    """
    from governance.intents import Intent

    intent = Intent("break-glass", reason, model, target, role, hours=hours)
    said = say(intent, key_file, actor, form, confirm=None if yes else "Let it through against the policy?")
    if said is not None:
        tell(
            f"{said['by']} broke the glass for {version_of(said)} to {said['target']} as {role} until"
            f" {minute(said['expires_at'])} (bytes {said['subject']['digest'][:SHORT]}, break-glass"
            f" {said['break_glass'][:SHORT]})",
            said,
        )
