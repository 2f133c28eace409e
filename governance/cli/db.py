"""`governance db`: the schema of the governance tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from governance.cli.options import format_option, talk, write_json

if TYPE_CHECKING:
    from governance.storage.archive import SqlArchive

_url = click.option(
    "--url",
    metavar="URL",
    help="The database; by default that of GOVERNANCE_STORE_URI, or the registry's own.",
)


@click.group()
def db() -> None:
    """Ask about the schema of the governance tables, or upgrade it."""


@db.command()
@_url
@format_option
def upgrade(url: str | None, form: str) -> None:
    """Bring the governance tables to this release.

    MLflow's own tables are not touched. Take a backup first. A second upgrade does nothing.
    """
    database = _database(url)
    before = database.state()
    database.upgrade()
    after = database.state()
    if form == "json":
        write_json("database-upgrade", {"before": before, "after": after})
    else:
        click.echo(f"The governance schema was {before} and is {after}.")


@db.command()
@_url
@format_option
def state(url: str | None, form: str) -> None:
    """Say whether the schema is current, missing, outdated or newer; exit code 1 unless current."""
    found = _database(url).state()
    if form == "json":
        write_json("database-state", {"state": found})
    else:
        click.echo(f"The governance schema is {found}.")
        if found in ("missing", "outdated"):
            talk("Next: governance db upgrade")
    if found != "current":
        raise SystemExit(1)


def _database(url: str | None) -> SqlArchive:
    from governance import bootstrap

    return bootstrap.database(url or bootstrap.settings().database_uri)
