"""`governance label`: what a version inherits, and because of what."""

from __future__ import annotations

import click

from governance.cli.options import (
    dossier_of,
    format_option,
    model_argument,
    open_house,
    printable,
    write_json,
)


@click.command()
@model_argument
@format_option
def label(model: str, form: str) -> None:
    """Show the sensitivity label MODEL inherits, each value with the datasets that caused it."""
    from governance.domain.label import to_json

    house = open_house()
    subject, dossier = dossier_of(house, model)
    inheritance = dossier.inheritance
    if form == "json":
        write_json(
            "label",
            {
                "subject": {
                    "name": subject.named.name,
                    "version": subject.named.version,
                    "digest": dossier.digest,
                },
                "label": to_json(inheritance.effective),
                "because": [
                    {"dimension": c.dimension, "value": c.value, "sources": list(c.sources)}
                    for c in inheritance.because()
                ],
                "unknown": [{"source": c.source, "reason": c.reason} for c in inheritance.unknown],
            },
        )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=printable(str(subject.named)), title_justify="left", box=None, header_style="bold")
    for heading in ("dimension", "value", "because of"):
        table.add_column(heading, overflow="fold")
    previous = ""
    for cause in inheritance.because():
        shown = "" if cause.dimension == previous else cause.dimension.replace("_", " ")
        sources = ", ".join(_short(source) for source in cause.sources) or "nothing restricts it"
        table.add_row(shown, printable(_short(cause.value)), printable(sources))
        previous = cause.dimension
    # What stands in brackets is part of a name.
    console = Console(markup=False)
    console.print(table)
    for gap in inheritance.unknown:
        console.print(printable(f"unknown: {gap.source}: {gap.reason}"), style="red")


def _short(identity: str) -> str:
    name, at, sha256 = identity.partition("@")
    return f"{name}@{sha256[:12]}" if at else name
