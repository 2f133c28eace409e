"""A dataset enters the catalogue: it is read, identified by its whole content, counted and labelled."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from governance.domain.dataset import Budget, Catalogued, Dataset, Labelling
from governance.domain.events import DatasetCatalogued, DatasetRelabelled
from governance.domain.label import Label, to_json
from governance.errors import Conflict, NotFound, UsageError
from governance.fingerprint import cell
from governance.fingerprint import fingerprint as fingerprint
from governance.ports import Books
from governance.tables import read_table as read_table

if TYPE_CHECKING:
    import pandas as pd


def duplicates(frame: pd.DataFrame) -> int:
    """How many records repeat an earlier one exactly."""
    plain = frame.copy(deep=False)
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if column.dtype.kind == "O":
            # Lists and dictionaries cannot be compared by hash as they stand.
            plain.isetitem(position, [cell(value, repr(name)) for value in column])
    return int(plain.duplicated().sum())


def catalogue(
    books: Books,
    frame: pd.DataFrame,
    *,
    name: str,
    label: Label,
    source: str,
    budget: Budget | None,
    subject_column: str | None,
    mlflow_digest: str | None,
    by: str,
    now: datetime,
    reason: str,
) -> Dataset:
    """Record a dataset under its identity, with its first label: `describe`, then `enter`."""
    dataset = describe(
        frame,
        name=name,
        source=source,
        budget=budget,
        subject_column=subject_column,
        mlflow_digest=mlflow_digest,
        by=by,
        now=now,
    )
    enter(books, dataset, label, reason)
    return dataset


def describe(
    frame: pd.DataFrame,
    *,
    name: str,
    source: str,
    budget: Budget | None,
    subject_column: str | None,
    mlflow_digest: str | None,
    by: str,
    now: datetime,
) -> Dataset:
    """A table as a dataset: identified by its whole content and counted, none of its records kept.

    Args:
        subject_column: The column that tells data subjects apart; its values are counted, never kept.

    Raises:
        UsageError: the name, the budget, the subject column or the table cannot be used.
    """
    if frame.empty:
        raise UsageError("the table has no records", "Catalogue the data that a model is trained on.")
    n_subjects, most = _subjects(frame, subject_column)
    dataset = Dataset(
        name=name,
        sha256=fingerprint(frame),
        n_records=len(frame),
        columns=tuple(map(str, frame.columns)),
        source=source,
        mlflow_digest=mlflow_digest,
        n_subjects=n_subjects,
        max_records_per_subject=most,
        budget=budget,
        catalogued_at=now,
        catalogued_by=by,
    )
    _check(dataset)
    return dataset


def enter(books: Books, dataset: Dataset, label: Label, reason: str) -> Labelling:
    """Record a dataset that `describe` described, with its first label.

    Args:
        label: Its provenance is set to the dataset itself, whatever it was.

    Raises:
        Conflict: this content is catalogued already, under this name or another.
        UsageError: the name, the budget or the counts cannot be used.
    """
    _check(dataset)
    for entry in books.catalogue.all():
        # A second name would give the same people a second label and a second budget.
        if entry.dataset.sha256 == dataset.sha256:
            raise Conflict(
                f"this content is catalogued already, as {entry.dataset.identity}",
                f"Give it another label with: governance dataset relabel {entry.dataset.name} --label FILE",
            )
    by, now = dataset.catalogued_by, dataset.catalogued_at
    labelling = _labelling(dataset, label, by, now, reason)
    books.catalogue.add(dataset, labelling)
    books.audit.append(now, by, DatasetCatalogued(dataset.identity, to_json(labelling.label)))
    return labelling


def relabel(
    books: Books, identity_or_name: str, label: Label, *, by: str, now: datetime, reason: str
) -> Labelling:
    """Give a dataset another label; every version trained on it is judged by the new one.

    Raises:
        NotFound: nothing is catalogued under that identity or name.
        UsageError: several contents share the name, or no reason is given.
    """
    found = _find(books, identity_or_name)
    labelling = _labelling(found.dataset, label, by, now, reason)
    books.catalogue.relabel(labelling)
    before, after = to_json(found.label), to_json(labelling.label)
    books.audit.append(now, by, DatasetRelabelled(found.dataset.identity, before, after, reason))
    return labelling


def _find(books: Books, identity_or_name: str) -> Catalogued:
    name = identity_or_name.partition("@")[0]
    named = books.catalogue.named(name)
    found = [c for c in named if identity_or_name in (name, c.dataset.identity)]
    if not found:
        raise NotFound(f"no dataset {identity_or_name!r} is catalogued", "List them: governance dataset list")
    if len(found) > 1:
        identities = "\n".join(f"  {c.dataset.identity}" for c in found)
        raise UsageError(f"{name!r} names {len(found)} contents:\n{identities}", "Name one of them in full.")
    return found[0]


def _labelling(dataset: Dataset, label: Label, by: str, now: datetime, reason: str) -> Labelling:
    if not reason.strip():
        raise UsageError("a label needs a reason", "Say in a sentence why the data is labelled so.")
    own = replace(label, provenance=frozenset({dataset.identity}))
    return Labelling(dataset.identity, own, now, by, reason)


def _check(dataset: Dataset) -> None:
    name, people, most = dataset.name, dataset.n_subjects, dataset.max_records_per_subject
    if not name.strip() or "@" in name or name != name.strip():
        raise UsageError(f"{name!r} cannot name a dataset", "Choose a name without '@' and outer spaces.")
    if (people is None) != (most is None) or (
        people is not None and most is not None and not 1 <= most <= dataset.n_records <= people * most
    ):
        counts = f"{dataset.n_records} records of {people} data subjects, at most {most} each"
        raise UsageError(f"{counts}: these numbers contradict each other", "Count the table again.")
    if dataset.budget is not None:
        _check_budget(dataset.budget)


def _check_budget(budget: Budget) -> None:
    # Written so that NaN fails each comparison.
    if not 0 < budget.epsilon < math.inf:
        raise UsageError(f"a budget of epsilon {budget.epsilon}", "Choose a positive, finite epsilon.")
    if not 0 < budget.delta < 1:
        raise UsageError(f"a budget of delta {budget.delta}", "Choose a delta between 0 and 1.")
    if not budget.unit.strip():
        raise UsageError("the budget has no unit of privacy", "Say what one unit is: person, record, …")


def _subjects(frame: pd.DataFrame, column: str | None) -> tuple[int | None, int | None]:
    """Distinct data subjects and the most records that one of them has."""
    if column is None:
        return None, None
    if list(frame.columns).count(column) != 1:
        raise UsageError(
            f"no one column is named {column!r}", f"Columns: {', '.join(map(str, frame.columns))}"
        )
    if nameless := int(frame[column].isna().sum()):
        raise UsageError(
            f"{nameless} records have no value in {column!r}, so nobody can count their subjects",
            "Fill the column, or catalogue without a subject column.",
        )
    counts = frame[column].value_counts()
    return len(counts), int(counts.max())
