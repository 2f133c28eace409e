"""`governance check`: would this version be allowed there?"""

from __future__ import annotations

import click

from governance.cli.decisions import leave, write_decision
from governance.cli.options import actor_option, model_argument, open_desk


@click.command()
@model_argument
@click.option(
    "--for", "target", required=True, metavar="TARGET", help="A policy target, or an alias it protects."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to write the decision.",
)
@actor_option
def check(model: str, target: str, form: str, actor: str | None) -> None:
    """Say whether MODEL would be allowed into TARGET, and what is missing.

    Nothing is changed and nothing is recorded. The exit code is 0 when it would be allowed, 1 when it
    would be denied, 3 when that cannot be decided.
    """
    decision = open_desk(actor).check(model, target)
    write_decision(decision, form)
    leave(decision)
