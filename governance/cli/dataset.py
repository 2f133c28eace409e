"""`governance dataset`: what data there is, how sensitive it is, and what it may still spend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from governance.cli.options import actor_option, format_option, open_desk, printable, write_json

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
    from governance.bootstrap import clock
    from governance.cataloguing import describe, read_table
    from governance.domain.dataset import Budget
    from governance.errors import UsageError
    from governance.policy.label_file import label_from_yaml

    if (epsilon is None) != (delta is None):
        raise UsageError("A budget has an ε and a δ.", "Give both --epsilon and --delta, or neither.")
    budget = None
    if epsilon is not None and delta is not None:
        budget = Budget(epsilon, delta, unit, unit_is_data_subject)
    label = label_from_yaml(label_file.read_text(encoding="utf-8"), str(label_file))
    frame = read_table(data)
    desk = open_desk(actor)
    made = describe(
        frame,
        name=name,
        source=str(data),
        budget=budget,
        subject_column=subject_column,
        mlflow_digest=desk.input_digest(frame),
        by=desk.actor,
        now=clock(),
    )
    found = desk.catalogue(made, label, reason)
    if form == "json":
        write_json("dataset", found)
    else:
        click.echo(f"Catalogued {name}: {made.n_records:,} records, sha256 {made.sha256}.")


@dataset.command("list")
@format_option
@actor_option
def list_(form: str, actor: str | None) -> None:
    """List every catalogued dataset with its label and what is left of its budget."""
    found = open_desk(actor).datasets()
    if form == "json":
        _write_datasets(found)
        return
    if not found:
        click.echo("No dataset is catalogued. Add one: governance dataset add NAME DATA --label LABEL.yaml")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("dataset", "sha256", "records", "confidentiality", "special categories", "ε spent of"):
        table.add_column(heading, justify="right" if heading in ("records", "ε spent of") else "left")
    for entry in found:
        table.add_row(
            printable(entry["name"]),
            entry["sha256"][:12],
            f"{entry['n_records']:,}",
            entry["shown"]["words"]["confidentiality"],
            printable(entry["shown"]["words"]["special_categories"]),
            f"{_spent(entry)} of {entry['budget']['epsilon']:g}" if entry["budget"] else "no budget",
        )
    # What stands in brackets is part of a name.
    Console(markup=False).print(table)


@dataset.command()
@click.argument("name")
@format_option
@actor_option
def show(name: str, form: str, actor: str | None) -> None:
    """Show one dataset: content, label and its history, budget and every charge to it."""
    found = open_desk(actor).datasets(name)
    if form == "json":
        _write_datasets(found)
        return
    for entry in found:
        click.echo(f"{printable(entry['name'])}  sha256 {entry['sha256']}")
        people = "not known" if entry["n_subjects"] is None else f"{entry['n_subjects']:,}"
        click.echo(
            f"  {entry['n_records']:,} records, {len(entry['columns'])} columns, data subjects: {people}"
        )
        click.echo(printable(f"  read from {entry['source']} by {entry['shown']['catalogued_by']}"))
        for dimension, value in entry["shown"]["words"].items():
            click.echo(printable(f"  {dimension.replace('_', ' '):<20} {value}"))
        for labelling in entry["shown"]["history"]:
            when = f"  labelled {_minute(labelling['at'])} by "
            click.echo(printable(f"{when}{labelling['by']}: {labelling['reason']}"))
    # Contents that share a name share its budget.
    _show_budget(found[-1])


def _write_datasets(found: list[dict[str, Any]]) -> None:
    plain = [{key: value for key, value in entry.items() if key != "shown"} for entry in found]
    write_json("datasets", {"datasets": plain})


def _show_budget(entry: dict[str, Any]) -> None:
    budget = entry["budget"]
    if budget is None:
        return
    click.echo(
        f"  budget: ε {budget['epsilon']:g} at δ {budget['delta']:g} per {budget['unit']}; "
        f"spent ε {_spent(entry)}"
    )
    for spend in entry["shown"]["spends"]:
        when = f"    {_minute(spend['at'])} {spend['state']} "
        click.echo(printable(f"{when}{spend['key']} by {spend['by']}"))


def _spent(entry: dict[str, Any]) -> str:
    spent = entry["spent_epsilon"]
    return "inf" if spent is None else f"{spent:.3g}"


def _minute(timestamp: str) -> str:
    return timestamp[:16].replace("T", " ")


@dataset.command()
@click.argument("name")
@click.option("--label", "label_file", type=file, required=True, help="YAML file with the new label.")
@click.option("--reason", required=True, help="Why the label changes.")
@actor_option
def relabel(name: str, label_file: Path, reason: str, actor: str | None) -> None:
    """Give a dataset another label; every version trained on it is judged by the new one from now on."""
    from governance.policy.label_file import label_from_yaml

    label = label_from_yaml(label_file.read_text(encoding="utf-8"), str(label_file))
    open_desk(actor).relabel(name, label, reason)
    click.echo(f"{name} is relabelled. Versions in service that it now closes: governance doctor")
