"""`governance promote`: move an alias through the gate."""

from __future__ import annotations

import click

from governance.cli.decisions import leave, write_decision
from governance.cli.options import actor_option, format_option, model_argument, open_house


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
    from governance.errors import UsageError

    house = open_house(actor)
    subject = house.rim.registry.resolve(model)
    place, alias = house.policy.resolve(target, subject.named.name)
    if alias is None:
        raise UsageError(
            f"Target {place.name!r} protects no alias, so there is none to move.",
            "Copy the version into a protected name with MlflowClient().copy_model_version.",
        )
    decision = house.rim.registry.promote(subject, alias)
    write_decision(decision, form)
    leave(decision)
