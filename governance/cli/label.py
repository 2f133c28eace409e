"""`governance label`: what a version inherits, and because of what."""

from __future__ import annotations

import click

from governance.cli.options import (
    actor_option,
    format_option,
    model_argument,
    open_desk,
    printable,
    write_json,
)


@click.command()
@model_argument
@format_option
@actor_option
def label(model: str, form: str, actor: str | None) -> None:
    """Show the sensitivity label MODEL inherits, each value with the datasets that caused it."""
    found = open_desk(actor).label(model)
    if form == "json":
        write_json("label", found)
        return
    from rich.console import Console
    from rich.table import Table

    named = f"models:/{found['subject']['name']}/{found['subject']['version']}"
    table = Table(title=printable(named), title_justify="left", box=None, header_style="bold")
    for heading in ("dimension", "value", "because of"):
        table.add_column(heading, overflow="fold")
    previous = ""
    for cause in found["because"]:
        shown = "" if cause["dimension"] == previous else cause["dimension"].replace("_", " ")
        sources = ", ".join(map(_short, cause["sources"])) or "nothing restricts it"
        table.add_row(shown, printable(_short(cause["value"])), printable(sources))
        previous = cause["dimension"]
    # What stands in brackets is part of a name.
    console = Console(markup=False)
    console.print(table)
    for gap in found["unknown"]:
        console.print(printable(f"unknown: {gap['source']}: {gap['reason']}"), style="red")


def _short(identity: str) -> str:
    name, at, sha256 = identity.partition("@")
    return f"{name}@{sha256[:12]}" if at else name
