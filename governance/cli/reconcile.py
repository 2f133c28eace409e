"""`governance reconcile`: are the registry, the frozen bytes and the records one?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from governance.cli.options import actor_option, format_option, open_house, printable, talk

if TYPE_CHECKING:
    from governance.comparing import Found
    from governance.domain.discrepancy import Discrepancy
    from governance.domain.dossier import Asking
    from governance.inventory import Inventory, Place
    from governance.reconciling import Cursor, Page


@click.command()
@click.option("--repair", is_flag=True, help="Finish what a crash left; record what is new, gone or left.")
@click.option("--demote", is_flag=True, help="Take versions with harmful findings out of service.")
@click.option("--yes", is_flag=True, help="Take them out without asking first.")
@click.option("--bytes", "read_bytes", is_flag=True, help="Read and hash every frozen tree and origin.")
@click.option("--lineage", "read_lineage", is_flag=True, help="Read lineage from the tracking server anew.")
@click.option("--after", metavar="CURSOR", help="Go on where an earlier run ended.")
@click.option("--limit", type=click.IntRange(min=1), help="Look at no more than so many versions.")
@click.option(
    "--page",
    type=click.IntRange(1, 10_000),
    default=1_000,
    show_default=True,
    help="Versions in memory at a time.",
)
@format_option
@actor_option
def reconcile(
    repair: bool,
    demote: bool,
    yes: bool,
    read_bytes: bool,
    read_lineage: bool,
    after: str | None,
    limit: int | None,
    page: int,
    form: str,
    actor: str | None,
) -> None:
    """Hold the registry's tables, the frozen bytes and the records against each other.

    Reports what does not agree. The exit code is 1 when something harmful is found, with --repair or
    --demote when something harmful remains. Nothing is ever promoted.
    """
    from governance.inspecting import Inspection
    from governance.mending import mend
    from governance.reconciling import Cursor
    from governance.reconciling import reconcile as look

    house = open_house(actor)
    inventory, asking = house.rim.inventory(), house.asking()
    run = _Run(Cursor.parse(after) if after else Cursor(), form)
    inspection = Inspection(inventory, house.rim.artifacts, house.policy, asking.at, read_bytes, read_lineage)
    run.begin()
    try:
        for found in _followed(look(inspection, run.cursor, page, limit), inventory, run.cursor, limit):
            run.take(found, mend(inventory, found.found, asking) if repair else found.found)
    except (KeyboardInterrupt, click.Abort):
        talk(_go_on(run.cursor))
        raise
    if demote:
        _demote(inventory, run, asking, yes)
    run.end()
    raise SystemExit(1 if run.harmful else 0)


def write_discrepancy(found: Discrepancy) -> None:
    """Print one thing that is not as it should be."""
    mark, colour = ("HARMFUL", "red") if found.harmful else ("note", "yellow")
    if found.mended:
        mark, colour = "mended", "green"
    click.echo(f"{click.style(mark, fg=colour)} {found.kind.value}: {printable(found.subject)}")
    click.echo(f"  observed: {printable(found.observed)}")
    click.echo(f"  expected: {printable(found.expected)}")
    if not found.mended:
        click.echo(f"  → {printable(found.remedy)}")


@dataclass
class _Run:
    """What one run came to so far, written down as it goes: there may be more findings than memory."""

    cursor: Cursor
    form: str
    done: bool = False
    versions: int = 0
    written: int = 0
    harmful: int = 0
    unfit: list[Found] = field(default_factory=list)
    """Harmful findings about versions in service."""
    withdrawn: list[tuple[Place, str]] = field(default_factory=list)

    def begin(self) -> None:
        """Open the result."""
        if self.form == "json":
            click.echo('{"schema": "governance/reconcile/v1", "findings": [', nl=False)

    def take(self, page: Page, found: tuple[Found, ...]) -> None:
        """Write down a page."""
        for one in found:
            if self.form == "json":
                separator = ",\n" if self.written else "\n"
                click.echo(separator + json.dumps(one.discrepancy.to_json(), ensure_ascii=False), nl=False)
            else:
                write_discrepancy(one.discrepancy)
            self.written += 1
            self.harmful += one.discrepancy.harmful
        self.unfit += [one for one in found if one.discrepancy.harmful and one.places]
        self.versions += page.looked_at
        self.cursor, self.done = page.next or self.cursor, page.next is None

    def end(self) -> None:
        """Close the result."""
        if self.form == "json":
            rest = {
                "withdrawn": [{"subject": _placed(place), "reason": why} for place, why in self.withdrawn],
                "versions": self.versions,
                "harmful": self.harmful,
                "cursor": None if self.done else str(self.cursor),
            }
            click.echo("\n], " + json.dumps(rest, ensure_ascii=False)[1:])
            return
        if not self.written:
            click.echo("Nothing is amiss." if self.done else "Nothing is amiss so far.")
        talk(f"{self.versions} versions looked at, {self.harmful} harmful findings.")
        if not self.done:
            talk(_go_on(self.cursor))


def _placed(place: Place) -> str:
    from governance.comparing import placed

    return placed(place)


def _go_on(cursor: Cursor) -> str:
    return f"To go on: governance reconcile --after {shlex.quote(str(cursor))}"


def _followed(
    pages: Iterator[Page], inventory: Inventory, start: Cursor, limit: int | None
) -> Iterator[Page]:
    """The same pages behind a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    total = inventory.count(start.after) if start.gone_after is None else None
    if total is not None and limit is not None:
        total = min(total, limit)
    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        bar = progress.add_task("Looking at versions", total=total)
        for page in pages:
            yield page
            progress.advance(bar, page.looked_at)


def _demote(inventory: Inventory, run: _Run, asking: Asking, yes: bool) -> None:
    """Take the versions out that harmful findings are about, if somebody wants it."""
    from governance.mending import settled, to_vacate

    leaving = to_vacate(run.unfit)
    if not leaving:
        return
    for place, why in leaving.items():
        talk(printable(f"{_placed(place)}: {why}"))
    if not yes and not _confirmed(len(leaving)):
        talk("Nothing was taken out of service.")
        return
    for place, why in leaving.items():
        if inventory.vacate(place, asking, why):
            run.withdrawn.append((place, why))
            if run.form == "text":
                click.echo(printable(f"withdrawn {_placed(place)}: {why}"))
    left = [place for place, _ in run.withdrawn]
    run.harmful -= sum(settled(one, left) for one in run.unfit)


def _confirmed(count: int) -> bool:
    try:
        return click.confirm(f"Take them out of service ({count})?", err=True)
    except click.Abort:
        # Nobody is there to answer.
        talk("")
        return False
