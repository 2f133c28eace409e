"""`governance report`: everything known of a version, for the person who answers for it."""

from __future__ import annotations

from pathlib import Path

import click

from governance.cli.options import actor_option, model_argument, open_desk, talk


@click.command()
@model_argument
@click.option("--for", "target", required=True, metavar="TARGET", help="The policy target it is judged for.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "json"]),
    default="html",
    show_default=True,
    help="HTML is one printable file; JSON is the same content as `governance/report/v1`.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Not to stdout.")
@actor_option
def report(model: str, target: str, form: str, output: Path | None, actor: str | None) -> None:
    """Render the report of MODEL: its label, lineage, evidence, decision, and what is missing.

    What was not tested and what only a person can say stand in it as gaps. The digest of the report is
    recorded in the audit log.
    """
    from governance.errors import UsageError

    text = open_desk(actor).report(model, target, form)
    if output is None:
        click.echo(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error}.", "Name another file.") from error
    talk(f"Wrote {output}.")
