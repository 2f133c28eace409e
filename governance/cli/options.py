"""The options that several commands share, and how a result is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from governance.bootstrap import House
    from governance.desk import Desk

model_argument = click.argument("model", metavar="MODEL")

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to write the result.",
)

actor_option = click.option(
    "--as",
    "actor",
    metavar="NAME",
    help="Who is acting. Default: GOVERNANCE_ACTOR, else the operating system's user.",
)


def write_json(kind: str, body: dict[str, Any]) -> None:
    """Print a result under its documented schema name, `governance/<kind>/v1`."""
    click.echo(json.dumps({"schema": f"governance/{kind}/v1"} | body, indent=2, ensure_ascii=False))


def printable(text: str) -> str:
    """Text without control characters: a caller chose it, and it must not forge a line or a colour."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def talk(text: str) -> None:
    """Say something that is not the result."""
    click.echo(text, err=True)


def open_house(actor: str | None = None) -> House:
    """Everything a command needs, wired from the environment."""
    from governance.bootstrap import house

    return house(actor)


def open_desk(actor: str | None = None) -> Desk:
    """Where a command asks: the registry's own database, or the server before it."""
    from governance.bootstrap import desk

    return desk(actor)
