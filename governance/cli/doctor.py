"""`governance doctor`: is everything as the books say?"""

from __future__ import annotations

import click

from governance.cli.options import format_option, open_house, printable, write_json


@click.command()
@click.option(
    "--repair", is_flag=True, help="Record where bytes lie that nobody recorded; change nothing else."
)
@format_option
def doctor(repair: bool, form: str) -> None:
    """Look after what the gate relies on, and sum up what reconciling finds.

    Plugins, settings, policy, tables, audit log; then everything that `governance reconcile --bytes`
    looks at, the first of each kind. The exit code is 1 when something harmful is found. Without
    --repair nothing is changed.
    """
    from dataclasses import asdict

    house = open_house()
    ailments = house.rim.registry.examine(house.asking().at, repair)
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
