"""Shows how far an assessment is, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from governance.cli.options import printable

if TYPE_CHECKING:
    from rich.console import Console

    from governance.measuring import Assessment
    from governance.privacy.measurement import Measurement
    from governance.privacy.outcome import Outcome


@contextmanager
def stages() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Progress bars with the time left, on standard error; gives what makes the bar of each stage."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def begin(words: str) -> Callable[[int, int], None]:
            task = bars.add_task(words, total=None)
            return lambda finished, total: bars.update(task, completed=finished, total=total)

        yield begin


def write_assessment(model: str, found: Assessment) -> None:
    """Print what each attack found, with the end of each interval that a policy gates on."""
    from rich.console import Console

    console = Console(markup=False)
    if found.membership is not None:
        _membership(console, model, found.membership)
    if found.outcomes:
        title = "Other attacks" if found.membership is not None else f"Attacks on {printable(model)}"
        if found.membership is not None:
            console.print()
        _others(console, title, found.outcomes)
    if found.not_run:
        console.print()
        console.print("not run:", style="bold")
        for one in found.not_run:
            console.print(printable(f"  {one.what}: {one.reason}"), style="dim")


def _membership(console: Console, model: str, measured: Measurement) -> None:
    grid = _grid(f"Membership inference on {printable(model)}", "measure", "found", "at least", "at most")
    auc = measured.auc
    grid.add_row("AUC", f"{auc.point:.3f}", f"{auc.low:.3f}", f"{auc.high:.3f}")
    for rate in measured.tpr_at_fpr:
        tpr, note = rate.tpr, "" if rate.resolved else " (too few non-members)"
        name = f"TPR at {rate.fpr:.1%} FPR{note}"
        grid.add_row(name, f"{tpr.point:.2%}", f"{tpr.low:.2%}", f"{tpr.high:.2%}")
    console.print(grid)
    how = f"{measured.attack}, {measured.shadows or 'no'} shadows, {measured.n_members:,} members and "
    console.print(
        f"{how}{measured.n_non_members:,} non-members, {measured.confidence:.0%} intervals", style="dim"
    )
    console.print(f"verdict: {measured.verdict.value}", style="bold")
    controls = measured.controls
    if controls.shift_found:
        console.print("Members and non-members differ even without the model: no result here means anything.")
    elif measured.shadows and not controls.capable:
        console.print("The attack could not have found a leak here: see the controls in the evidence.")
    for one in measured.records.identifiable:
        console.print(
            f"{one.records:,} {measured.unit}s identifiable at a false-discovery rate of {one.q:.0%}",
            style="dim",
        )
    for slicing, values in _shown(measured).items():
        console.print(printable(f"leak shown in {slicing}: {', '.join(values)}"), style="dim")


def _shown(measured: Measurement) -> dict[str, list[str]]:
    """The values in which a leak was shown, by what was sliced."""
    found: dict[str, list[str]] = {}
    for part in measured.slices:
        if part.leakage.value == "leak shown":
            found.setdefault(part.slicing, []).append(part.value)
    return found


def _others(console: Console, title: str, outcomes: Sequence[Outcome]) -> None:
    grid = _grid(title, "attack", "found", "at least", "at most", "nothing", "verdict")
    for one in outcomes:
        subject = f" of {one.details['attribute']}" if "attribute" in one.details else ""
        estimate = one.estimate
        numbers = (f"{value:.3g}" for value in (estimate.point, estimate.low, estimate.high, one.null))
        grid.add_row(printable(f"{one.type.value}: {one.attack}{subject}"), *numbers, one.verdict.value)
    console.print(grid)
    for measure in dict.fromkeys(f"{one.attack}: {one.measure}" for one in outcomes):
        console.print(printable(f"  {measure}"), style="dim")


def _grid(title: str, first: str, *others: str) -> Any:
    from rich.table import Table

    grid = Table(title=title, title_justify="left", box=None, header_style="bold")
    grid.add_column(first)
    for heading in others:
        grid.add_column(heading, justify="left" if heading == "verdict" else "right")
    return grid
