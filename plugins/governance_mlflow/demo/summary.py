"""What the demonstration shows at its end: what was decided, where the reports lie, what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from governance.domain.budget import Guarantee
from governance.domain.chain import Verification
from governance.domain.evidence import EvidenceType
from governance.domain.subject import Subject
from governance.ports import Books
from governance.promoting import assemble
from governance_mlflow.demo.story import ALIAS, DATASET, MODEL, TARGET, Place


def row(books: Books, kind: str, subject: Subject, now: datetime) -> list[str]:
    """One version: its name, kind, decision, the upper ends of what was measured, and ε."""
    latest = books.decisions.of(subject.uid)[-1]
    dossier = assemble(books, subject, latest.digest, books.lineages.of(subject.uid))
    body = dossier.of(EvidenceType.MEMBERSHIP_INFERENCE, now)[-1].body
    guarantees = [p.guarantee for p in dossier.protections if isinstance(p.guarantee, Guarantee)]
    return [
        f"{subject.named.name}/{subject.named.version}",
        kind,
        latest.outcome.value,
        f"{body['auc']['high']:.3f}",
        f"{body['tpr_at_fpr'][-1]['high']:.1%}",
        f"{guarantees[-1].epsilon:.3f}" if guarantees else "none",
    ]


def show(place: Place, rows: Sequence[Sequence[str]], reports: Sequence[Path], denied: Subject) -> None:
    """Print the summary on standard output: it is the result."""
    out = Console()
    table = Table(title="What was decided", title_justify="left", box=None, header_style="bold")
    for heading in ("version", "kind", "decision"):
        table.add_column(heading, no_wrap=True)
    for heading in ("AUC at most", "TPR at 1 % FPR at most", "ε"):
        table.add_column(heading, justify="right")
    for cells in rows:
        table.add_row(*cells)
    out.print()
    out.print(table)
    out.print("\nReports", style="bold")
    for path in reports:
        out.print(f"  {path}", soft_wrap=True)
    out.print("\nWhat next", style="bold")
    for name, value in place.environment.items():
        out.print(f"  export {name}={value}", soft_wrap=True, highlight=False)
    for command in (
        f"governance check models:/{MODEL}/{denied.named.version} --for {TARGET}",
        f"governance label models:/{MODEL}@{ALIAS}",
        "governance doctor",
        "governance audit log",
        f"governance dataset show {DATASET}",
        "mlflow ui --backend-store-uri $MLFLOW_TRACKING_URI",
    ):
        out.print(f"  {command}", soft_wrap=True, highlight=False)


def chain_in_words(found: Verification) -> str:
    """Whether the audit chain holds."""
    if found.flaw is not None:
        return f"audit chain: BROKEN at entry {found.flaw.position}: {found.flaw.reason}"
    return f"audit chain: {found.entries} entries, unbroken, head {found.head[:12]}"
