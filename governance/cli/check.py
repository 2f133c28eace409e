"""`governance check`: would this version be allowed there?"""

from __future__ import annotations

import click

from governance.cli.decisions import leave, write_decision
from governance.cli.options import actor_option, model_argument, open_house


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
    from governance.promoting import Change
    from governance.promoting import check as judge

    house = open_house(actor)
    subject = house.rim.registry.resolve(model)
    place, alias = house.policy.resolve(target, subject.named.name)
    uri = house.rim.registry.location(subject)
    words = f"alias @{alias} of {subject.named.name}" if alias else f"a version in {place.name}"
    change = Change(subject, uri, place, words, "not asked")
    digest, lineage = house.rim.artifacts.manifest(uri).digest, house.rim.lineage.read(subject)
    with house.archive.reading() as books:
        decision = judge(books, house.policy, change, digest, lineage, house.asking())
    write_decision(decision, form)
    leave(decision)
