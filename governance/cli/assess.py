"""`governance assess`: how much does this model tell about who was in its training data?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.cli.key import key_option, sign_statement
from governance.cli.options import (
    actor_option,
    format_option,
    model_argument,
    open_desk,
    printable,
    write_json,
)

if TYPE_CHECKING:
    from governance.measuring import Data
    from governance.privacy.measurement import Measurement

table = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@model_argument
@click.option("--members", type=table, required=True, help="Records it was trained on: .csv or .parquet.")
@click.option("--non-members", type=table, required=True, help="Records like them that it never saw.")
@click.option("--target", required=True, metavar="COLUMN", help="The column that the model predicts.")
@click.option(
    "--trainer",
    metavar="MODULE:FUNCTION",
    help="Trains a model of the same kind: (X, y, seed) → fitted classifier. Not needed for scikit-learn.",
)
@click.option("--shadows", type=click.IntRange(2, 256), default=2, show_default=True, help="An even number.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Repeat with the same.")
@click.option("--jobs", type=int, default=-1, show_default=True, help="Processes; -1 is one a core.")
@key_option
@format_option
@actor_option
def assess(
    model: str,
    members: Path,
    non_members: Path,
    target: str,
    trainer: str | None,
    shadows: int,
    seed: int,
    jobs: int,
    key_file: Path | None,
    form: str,
    actor: str | None,
) -> None:
    """Attack MODEL's membership privacy and record the result as evidence about its bytes.

    The records stay here: evidence holds counts, curves and intervals, never a record.
    """
    from governance.bootstrap import clock
    from governance.cataloguing import read_table
    from governance.measuring import assess as measure
    from governance.measuring import to_evidence

    inside, outside = read_table(members), read_table(non_members)
    train = _trainer(trainer) if trainer else None
    desk = open_desk(actor)
    loaded, subject = desk.load(model)
    with shadow_progress() as progress:
        measurement = measure(
            loaded,
            _split(inside, target, members),
            _split(outside, target, non_members),
            trainer=train,
            shadows=shadows,
            seed=seed,
            n_jobs=jobs,
            progress=progress,
        )
    evidence = to_evidence(measurement, subject["digest"], desk.actor, clock(), desk.policy.max_age_days)
    signatures = () if key_file is None else (sign_statement(evidence.statement(), key_file),)
    desk.submit(model, evidence.statement(), signatures)
    if form == "json":
        write_json("assessment", {"subject": subject, "evidence": evidence.digest} | measurement.body())
    else:
        write_measurement(f"models:/{subject['name']}/{subject['version']}", measurement)


def _split(frame: Any, target: str, path: Path) -> Data:
    from governance.errors import UsageError
    from governance.measuring import Data

    if target not in frame.columns:
        raise UsageError(
            f"{path} has no column {target!r}; it has {', '.join(map(str, frame.columns))}.",
            "Name the column that the model predicts with --target.",
        )
    return Data(frame.drop(columns=[target]), frame[target].to_numpy())


def _trainer(words: str) -> Callable[..., Any]:
    import importlib
    import sys

    from governance.errors import UsageError

    module, colon, name = words.partition(":")
    # The command is installed elsewhere; a trainer lies where it is called.
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{words!r} names no function: {error}.", "Write --trainer package.module:function"
        ) from error
    if not colon or not callable(found):
        raise UsageError(f"{words!r} names no function.", "Write --trainer package.module:function")
    return found


@contextmanager
def shadow_progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar with the time left, on standard error; gives the callback that moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training shadow models", total=None)
        yield lambda finished, total: bar.update(task, completed=finished, total=total)


def write_measurement(model: str, measured: Measurement) -> None:
    """Print what the attack found, with the end of each interval that a policy gates on."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(
        title=f"Membership inference on {printable(model)}",
        title_justify="left",
        box=None,
        header_style="bold",
    )
    grid.add_column("measure")
    for heading in ("found", "at least", "at most"):
        grid.add_column(heading, justify="right")
    auc = measured.auc
    grid.add_row("AUC", f"{auc.point:.3f}", f"{auc.low:.3f}", f"{auc.high:.3f}")
    for rate in measured.tpr_at_fpr:
        tpr, note = rate.tpr, "" if rate.resolved else " (too few non-members)"
        name = f"TPR at {rate.fpr:.1%} FPR{note}"
        grid.add_row(name, f"{tpr.point:.2%}", f"{tpr.low:.2%}", f"{tpr.high:.2%}")
    console = Console(markup=False)
    console.print(grid)
    how = f"{measured.attack}, {measured.shadows} shadows, {measured.n_members:,} members and "
    console.print(
        f"{how}{measured.n_non_members:,} non-members, {measured.confidence:.0%} intervals", style="dim"
    )
    console.print(f"verdict: {measured.verdict.value}", style="bold")
    if not measured.blind_baseline.passed:
        console.print("Members and non-members differ even without the model: no result here means anything.")
