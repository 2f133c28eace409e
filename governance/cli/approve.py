"""`governance approve` and `governance reject`: answer for a promotion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance.cli.answers import (
    SHORT,
    reason_option,
    role_option,
    say,
    target_option,
    tell,
    version_of,
)
from governance.cli.key import key_option
from governance.cli.options import actor_option, format_option, model_argument

if TYPE_CHECKING:
    from governance.intents import Intent

digest_option = click.option(
    "--digest", metavar="HEX", help="The bytes that you reviewed: refuse if the version has others."
)


@click.command()
@model_argument
@target_option
@role_option
@reason_option
@digest_option
@click.option("--days", type=click.IntRange(1, 3650), help="Let the approval lapse after so many days.")
@key_option
@format_option
@actor_option
def approve(
    model: str,
    target: str,
    role: str,
    reason: str,
    digest: str | None,
    days: int | None,
    key_file: Path | None,
    form: str,
    actor: str | None,
) -> None:
    """Approve MODEL for TARGET, as somebody who holds ROLE and had no part in it.

    The approval holds for exactly these bytes, this evidence, this label and this policy: when one of
    them changes it no longer counts.
    """
    from governance.intents import Intent

    hours = None if days is None else 24 * days
    intent = Intent("approval", reason, model, target, role, digest=digest or "", hours=hours)
    _answer(intent, key_file, actor, form)


@click.command()
@model_argument
@target_option
@role_option
@reason_option
@digest_option
@key_option
@format_option
@actor_option
def reject(
    model: str,
    target: str,
    role: str,
    reason: str,
    digest: str | None,
    key_file: Path | None,
    form: str,
    actor: str | None,
) -> None:
    """Reject MODEL for TARGET, as somebody who holds ROLE and had no part in it.

    The target stays closed to these bytes on this evidence, label and policy, whoever else approves,
    until you revoke the rejection.
    """
    from governance.intents import Intent

    intent = Intent("rejection", reason, model, target, role, digest=digest or "")
    _answer(intent, key_file, actor, form)


def _answer(intent: Intent, key_file: Path | None, actor: str | None, form: str) -> None:
    said = say(intent, key_file, actor, form)
    if said is not None:
        tell(
            f"{said['by']} {said['verdict']} {version_of(said)} for {said['target']} as {said['role']}"
            f" (bytes {said['subject']['digest'][:SHORT]}, approval {said['approval'][:SHORT]})",
            said,
        )
