"""`governance promote`: move an alias through the gate."""

from __future__ import annotations

import click

from governance.cli.decisions import leave, write_decision
from governance.cli.options import actor_option, format_option, model_argument, open_desk


@click.command()
@model_argument
@click.option(
    "--to", "target", required=True, metavar="TARGET", help="A policy target, or an alias it protects."
)
@format_option
@actor_option
def promote(model: str, target: str, form: str, actor: str | None) -> None:
    """Move TARGET's alias to MODEL, if the policy allows it.

    When allowed, the bytes are frozen under their digest and served from there from now on. Allowed or
    denied, the attempt is recorded. Setting the alias with MLflow's own client goes through the same
    gate.
    """
    decision = open_desk(actor).promote(model, target)
    write_decision(decision, form)
    leave(decision)
