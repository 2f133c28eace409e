"""`governance doctor`: is everything as the books say?"""

from __future__ import annotations

import click

from governance.cli.options import format_option, open_house, printable, write_json


@click.command()
@click.option("--repair", is_flag=True, help="Remove leftovers of interrupted work that nothing refers to.")
@format_option
def doctor(repair: bool, form: str) -> None:
    """Hold the registry, the frozen bytes, the policy and the audit log against each other.

    The exit code is 1 when something harmful is found: a protected alias that no decision allowed,
    bytes that are not the approved ones, a broken audit chain, a version in service that the policy
    would refuse today.
    """
    from dataclasses import asdict

    house = open_house()
    ailments = house.rim.registry.examine(repair)
    harmful = sum(ailment.harmful for ailment in ailments)
    if form == "json":
        write_json("doctor", {"harmful": harmful, "ailments": [asdict(ailment) for ailment in ailments]})
    elif not ailments:
        click.echo("Nothing is amiss.")
    else:
        for ailment in ailments:
            mark = click.style(
                "HARMFUL" if ailment.harmful else "note", fg="red" if ailment.harmful else "yellow"
            )
            click.echo(f"{mark} {ailment.kind}: {printable(ailment.subject)}")
            for what, words in (("observed:", ailment.observed), ("expected:", ailment.expected)):
                click.echo(f"  {what} {printable(words)}")
            click.echo(f"  → {printable(ailment.remedy)}")
    raise SystemExit(1 if harmful else 0)
