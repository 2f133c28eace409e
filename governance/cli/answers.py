"""What the commands share by which people answer for a promotion: what they see, sign and are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.cli.key import sign_statement
from governance.cli.options import open_desk, printable, talk, write_json

if TYPE_CHECKING:
    from governance.intents import Intent

SHORT = 12
"""How many characters of a digest are shown."""

target_option = click.option(
    "--for", "target", required=True, metavar="TARGET", help="The policy target, or an alias it protects."
)

role_option = click.option("--role", required=True, help="The role in which you act, as the policy names it.")

reason_option = click.option("--reason", required=True, help="Why, in a sentence; it stands in every report.")


def say(
    intent: Intent, key_file: Path | None, actor: str | None, form: str, *, confirm: str | None = None
) -> dict[str, Any] | None:
    """Draft, show, sign and hand in what somebody means to say.

    Args:
        confirm: A question to be answered with yes before it is handed in.

    Returns:
        What was recorded, for a sentence about it; None where it was written as JSON already.
    """
    from governance.intents import insist_same

    desk = open_desk(actor)
    drafted = desk.draft(intent)
    for heading, words in drafted.shown.items():
        talk(printable(f"  {heading:<9} {words}"))
    if confirm is not None:
        click.confirm(confirm, abort=True, err=True)
    # Signed before anything is written: a passphrase may be asked for.
    signature = None
    if key_file is not None:
        insist_same(intent, drafted.statement, desk.actor)
        signature = sign_statement(drafted.statement, key_file)
    kind, document = desk.hand_in(intent, drafted.at, signature)
    if form == "json":
        write_json(kind, document)
        return None
    return document


def tell(sentence: str, document: dict[str, Any]) -> None:
    """Say what was recorded, and with which key it was signed."""
    signed = f", signed with key {document['keyid'][:SHORT]}" if document["keyid"] else ""
    click.echo(printable(f"{sentence}{signed}."))


def version_of(document: dict[str, Any]) -> str:
    """The version that a document is about, as commands take it."""
    return f"models:/{document['subject']['name']}/{document['subject']['version']}"


def minute(timestamp: str) -> str:
    """A time for people, in UTC."""
    return f"{timestamp[:16].replace('T', ' ')} UTC"
