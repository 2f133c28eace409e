"""`governance dataset`: what data there is, how sensitive it is, and what it may still spend."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.cli.options import actor_option, format_option, open_house, printable, write_json

if TYPE_CHECKING:
    from governance.domain.budget import Account
    from governance.domain.dataset import Catalogued

file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def dataset() -> None:
    """Catalogue datasets with their labels and privacy budgets."""


@dataset.command()
@click.argument("name")
@click.argument("data", type=file)
@click.option(
    "--label", "label_file", type=file, required=True, help="YAML file with the label; see docs/labels.md."
)
@click.option("--epsilon", type=click.FloatRange(min=0, min_open=True), help="Grant a privacy budget of ε …")
@click.option("--delta", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="… at this δ …")
@click.option("--unit", default="record", show_default=True, help="… per this unit of privacy.")
@click.option("--unit-is-data-subject", is_flag=True, help="One unit is one person.")
@click.option("--subject-column", help="The column that tells people apart; it is counted, not stored.")
@click.option("--reason", default="catalogued", show_default=True, help="Why it bears this label.")
@format_option
@actor_option
def add(
    name: str,
    data: Path,
    label_file: Path,
    epsilon: float | None,
    delta: float | None,
    unit: str,
    unit_is_data_subject: bool,
    subject_column: str | None,
    reason: str,
    form: str,
    actor: str | None,
) -> None:
    """Catalogue the table in DATA (.csv or .parquet) as NAME.

    Its identity is a SHA-256 over its whole content; the content itself is not kept.
    """
    from governance.cataloguing import catalogue, read_table
    from governance.domain.dataset import Budget
    from governance.errors import UsageError
    from governance.policy.label_file import label_from_yaml
    from governance.spending import account

    if (epsilon is None) != (delta is None):
        raise UsageError("A budget has an ε and a δ.", "Give both --epsilon and --delta, or neither.")
    budget = None
    if epsilon is not None and delta is not None:
        budget = Budget(epsilon, delta, unit, unit_is_data_subject)
    label = label_from_yaml(label_file.read_text(encoding="utf-8"), str(label_file))
    frame = read_table(data)
    house = open_house(actor)
    asking = house.asking()
    digest = house.rim.input_digest(frame)
    with house.archive.writing() as books:
        made = catalogue(
            books,
            frame,
            name=name,
            label=label,
            source=str(data),
            budget=budget,
            subject_column=subject_column,
            mlflow_digest=digest,
            by=house.actor,
            now=asking.at,
            reason=reason,
        )
        entry = next(e for e in books.catalogue.named(name) if e.dataset == made)
        spent = account(books, name)
    if form == "json":
        write_json("dataset", _body(entry, spent))
    else:
        click.echo(f"Catalogued {name}: {made.n_records:,} records, sha256 {made.sha256}.")


@dataset.command("list")
@format_option
def list_(form: str) -> None:
    """List every catalogued dataset with its label and what is left of its budget."""
    from governance.domain.label import describe
    from governance.spending import account

    house = open_house()
    with house.archive.reading() as books:
        found = [(entry, account(books, entry.dataset.name)) for entry in books.catalogue.all()]
    if form == "json":
        write_json("datasets", {"datasets": [_body(entry, spent) for entry, spent in found]})
        return
    if not found:
        click.echo("No dataset is catalogued. Add one: governance dataset add NAME DATA --label LABEL.yaml")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("dataset", "sha256", "records", "confidentiality", "special categories", "ε spent of"):
        table.add_column(heading, justify="right" if heading in ("records", "ε spent of") else "left")
    for entry, spent in found:
        words = describe(entry.label)
        budget = f"{spent.spent_epsilon:.3g} of {spent.limit_epsilon:g}" if spent else "no budget"
        table.add_row(
            printable(entry.dataset.name),
            entry.dataset.sha256[:12],
            f"{entry.dataset.n_records:,}",
            words["confidentiality"],
            printable(words["special_categories"]),
            budget,
        )
    # What stands in brackets is part of a name.
    Console(markup=False).print(table)


@dataset.command()
@click.argument("name")
@format_option
def show(name: str, form: str) -> None:
    """Show one dataset: content, label and its history, budget and every charge to it."""
    from governance.domain.label import describe
    from governance.errors import NotFound
    from governance.spending import account

    house = open_house()
    with house.archive.reading() as books:
        entries = books.catalogue.named(name)
        spent = account(books, name)
        history = [books.catalogue.history(entry.dataset.identity) for entry in entries]
    if not entries:
        raise NotFound(f"No dataset is catalogued as {name!r}.", "See what there is: governance dataset list")
    if form == "json":
        write_json("datasets", {"datasets": [_body(entry, spent) for entry in entries]})
        return
    for entry, labellings in zip(entries, history, strict=True):
        made = entry.dataset
        click.echo(f"{printable(made.name)}  sha256 {made.sha256}")
        people = "not known" if made.n_subjects is None else f"{made.n_subjects:,}"
        click.echo(f"  {made.n_records:,} records, {len(made.columns)} columns, data subjects: {people}")
        click.echo(printable(f"  read from {made.source} by {made.catalogued_by}"))
        for dimension, value in describe(entry.label).items():
            click.echo(printable(f"  {dimension.replace('_', ' '):<20} {value}"))
        for labelling in labellings:
            when = f"  labelled {labelling.at:%Y-%m-%d %H:%M} by "
            click.echo(printable(f"{when}{labelling.by}: {labelling.reason}"))
    if spent:
        click.echo(
            f"  budget: ε {spent.limit_epsilon:g} at δ {spent.limit_delta:g} per {spent.unit}; "
            f"spent ε {spent.spent_epsilon:.4g}"
        )
        for spend in spent.spends:
            when = f"    {spend.at:%Y-%m-%d %H:%M} {spend.state.value} "
            click.echo(printable(f"{when}{spend.key} by {spend.by}"))


@dataset.command()
@click.argument("name")
@click.option("--label", "label_file", type=file, required=True, help="YAML file with the new label.")
@click.option("--reason", required=True, help="Why the label changes.")
@actor_option
def relabel(name: str, label_file: Path, reason: str, actor: str | None) -> None:
    """Give a dataset another label; every version trained on it is judged by the new one from now on."""
    from governance.cataloguing import relabel as give
    from governance.policy.label_file import label_from_yaml

    label = label_from_yaml(label_file.read_text(encoding="utf-8"), str(label_file))
    house = open_house(actor)
    with house.archive.writing() as books:
        give(books, name, label, by=house.actor, now=house.asking().at, reason=reason)
    click.echo(f"{name} is relabelled. Versions in service that it now closes: governance doctor")


def _body(entry: Catalogued, spent: Account | None) -> dict[str, Any]:
    from dataclasses import asdict

    from governance.domain.label import to_json

    made = entry.dataset
    return {
        "name": made.name,
        "sha256": made.sha256,
        "n_records": made.n_records,
        "n_subjects": made.n_subjects,
        "max_records_per_subject": made.max_records_per_subject,
        "columns": list(made.columns),
        "source": made.source,
        "label": to_json(entry.label),
        "budget": asdict(made.budget) if made.budget else None,
        # JSON has no infinity: more than can be computed is null, and overdrawn.
        "spent_epsilon": spent.spent_epsilon if spent and math.isfinite(spent.spent_epsilon) else None,
        "overdrawn": spent.overdrawn if spent else None,
    }
