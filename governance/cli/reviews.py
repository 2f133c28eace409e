"""`governance request` and `governance revoke`: ask for an answer, and take one back."""

from __future__ import annotations

from pathlib import Path

import click

from governance.cli.answers import SHORT, reason_option, say, target_option, tell, version_of
from governance.cli.key import key_option
from governance.cli.options import actor_option, format_option, model_argument


@click.command()
@model_argument
@target_option
@reason_option
@key_option
@format_option
@actor_option
def request(
    model: str, target: str, reason: str, key_file: Path | None, form: str, actor: str | None
) -> None:
    """Ask that MODEL be reviewed for TARGET, as it is now.

    Whoever asks cannot approve on the same ground: these bytes, this evidence, label and policy.
    """
    from governance.intents import Intent

    said = say(Intent("review-request", reason, model, target), key_file, actor, form)
    if said is not None:
        tell(
            f"{said['by']} asks that {version_of(said)} be reviewed for {said['target']}"
            f" (bytes {said['subject']['digest'][:SHORT]}, request {said['request'][:SHORT]})",
            said,
        )


@click.command()
@click.argument("digest", metavar="DIGEST")
@reason_option
@key_option
@format_option
@actor_option
def revoke(digest: str, reason: str, key_file: Path | None, form: str, actor: str | None) -> None:
    """Take back the approval, rejection, waiver or broken glass that DIGEST names.

    DIGEST may be cut to its first eight or more characters. What it names no longer counts, for good.
    Whoever gave it can take it back, and so can any holder of the role it was given in; a rejection
    only whoever gave it.
    """
    from governance.intents import Intent

    said = say(Intent("revocation", reason, record=digest), key_file, actor, form)
    if said is not None:
        tell(f"{said['by']} revoked {said['revoked'][:SHORT]} about {version_of(said)}", said)
