"""How a decision is written in a terminal, and which exit code it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

import click

from governance.cli.options import printable

if TYPE_CHECKING:
    from governance.domain.decision import Decision


def write_decision(decision: Decision, form: str) -> None:
    """Print a decision: every requirement with its state, and what to do about those not met."""
    if form == "json":
        click.echo(json.dumps(decision.to_json(), indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    colours = {"passed": "green", "warned": "yellow", "noted": "dim", "failed": "red", "missing": "red"}
    colours |= {"waived": "yellow", "overridden": "yellow"}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("check", "state", "observed", "required"):
        table.add_column(heading, overflow="fold")
    for finding in decision.findings:
        state = Text(finding.status.value, style=colours.get(finding.status.value, "magenta"))
        observed, required = Text(printable(finding.observed)), Text(printable(finding.required))
        table.add_row(Text(finding.check), state, observed, required)
    what = printable(f"{decision.named} as {decision.change}")
    console.print(
        Text(f"{what}: {decision.outcome.value.upper()}", style="bold"),
        Text(
            f"policy {decision.policy_name} {decision.policy_digest[:12]}, bytes {decision.digest[:12]}",
            style="dim",
        ),
        table,
        sep="\n",
    )
    for finding in decision.exceptional:
        console.print(
            Text(f"Only by exception: {finding.check} {finding.status.value}", style="bold yellow"),
            Text(f"  {printable(finding.reason)}"),
            sep="\n",
        )
    for finding in decision.findings:
        if finding.remedy and finding.status.value in ("failed", "missing", "undecided", "warned"):
            console.print(
                Text(f"{finding.check}: {printable(finding.reason)}"),
                Text(f"  → {printable(finding.remedy)}", style="bold"),
                sep="\n",
            )


def leave(decision: Decision) -> NoReturn:
    """Leave with 0 when allowed, 1 when denied, 3 when undecided."""
    raise SystemExit({"allowed": 0, "denied": 1, "undecided": 3}[decision.outcome.value])
