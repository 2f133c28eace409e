"""The catalogue in a database."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, select

from governance.canonical import canonical, digest, instant, timestamp
from governance.domain.dataset import Budget, Catalogued, Dataset, Labelling
from governance.domain.label import from_json, to_json
from governance.errors import Conflict, NotFound, UsageError
from governance.storage.intact import intact
from governance.storage.tables import datasets, labellings


class Catalogue:
    """Datasets and their labellings; see `ports.Catalogue`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._entries: tuple[Catalogued, ...] | None = None

    def add(self, dataset: Dataset, labelling: Labelling) -> None:
        """Record a dataset with its first label; `Conflict` if its identity is catalogued already."""
        if labelling.dataset != dataset.identity:
            raise UsageError(f"The labelling is of {labelling.dataset}, the dataset is {dataset.identity}.")
        row = self._connection.execute(
            select(datasets).where(datasets.c.identity == dataset.identity)
        ).one_or_none()
        if row is None:
            self._connection.execute(datasets.insert().values(_dataset_row(dataset)))
            self.relabel(labelling)
        elif (_dataset(row), self.history(dataset.identity)[0]) != (dataset, labelling):
            raise Conflict(
                f"{dataset.identity} is catalogued already.",
                f"To label it anew: governance dataset relabel {dataset.name}",
            )

    def relabel(self, labelling: Labelling) -> None:
        """Add a labelling; `NotFound` if its dataset is not catalogued."""
        known = select(datasets.c.identity).where(datasets.c.identity == labelling.dataset)
        if self._connection.scalar(known) is None:
            raise NotFound(
                f"No dataset {labelling.dataset} is catalogued.",
                "To see those that are: governance dataset list",
            )
        row = _labelling_row(labelling)
        newest = (
            select(labellings.c.digest)
            .where(labellings.c.dataset == labelling.dataset)
            .order_by(labellings.c.position.desc())
            .limit(1)
        )
        self._entries = None
        if self._connection.scalar(newest) != row["digest"]:
            self._connection.execute(labellings.insert().values(row))

    def named(self, name: str) -> tuple[Catalogued, ...]:
        """All datasets of that name (several contents may share one), newest last."""
        if self._entries is not None:
            return tuple(entry for entry in self._entries if entry.dataset.name == name)
        rows = self._connection.execute(
            select(datasets).where(datasets.c.name == name).order_by(datasets.c.position)
        ).all()
        return tuple(Catalogued(_dataset(row), self.history(row.identity)[-1]) for row in rows)

    def all(self) -> tuple[Catalogued, ...]:
        """Every dataset with its newest label, by name, then age."""
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def _read(self) -> tuple[Catalogued, ...]:
        newest = {
            row.dataset: _labelling(row)
            for row in self._connection.execute(select(labellings).order_by(labellings.c.position))
        }
        found = [
            Catalogued(_dataset(row), newest[row.identity])
            for row in self._connection.execute(select(datasets).order_by(datasets.c.position))
        ]
        # Not ORDER BY name: every database collates text in its own way.
        return tuple(sorted(found, key=lambda entry: entry.dataset.name))

    def history(self, identity: str) -> tuple[Labelling, ...]:
        """Every labelling of one dataset, oldest first."""
        rows = self._connection.execute(
            select(labellings).where(labellings.c.dataset == identity).order_by(labellings.c.position)
        )
        return tuple(_labelling(row) for row in rows)


def _dataset_row(dataset: Dataset) -> dict[str, Any]:
    return {
        "identity": dataset.identity,
        "name": dataset.name,
        "sha256": dataset.sha256,
        "n_records": dataset.n_records,
        "columns": canonical(list(dataset.columns)).decode(),
        "source": dataset.source,
        "mlflow_digest": dataset.mlflow_digest,
        "n_subjects": dataset.n_subjects,
        "max_records_per_subject": dataset.max_records_per_subject,
        "budget": canonical(asdict(dataset.budget)).decode() if dataset.budget else None,
        "catalogued_at": timestamp(dataset.catalogued_at),
        "catalogued_by": dataset.catalogued_by,
    }


def _dataset(row: Row[Any]) -> Dataset:
    values = row._mapping
    return Dataset(
        name=values["name"],
        sha256=values["sha256"],
        n_records=values["n_records"],
        columns=tuple(json.loads(values["columns"])),
        source=values["source"],
        mlflow_digest=values["mlflow_digest"],
        n_subjects=values["n_subjects"],
        max_records_per_subject=values["max_records_per_subject"],
        budget=Budget(**json.loads(values["budget"])) if values["budget"] else None,
        catalogued_at=instant(values["catalogued_at"]),
        catalogued_by=values["catalogued_by"],
    )


def _labelling_row(labelling: Labelling) -> dict[str, Any]:
    label = to_json(labelling.label)
    at = timestamp(labelling.at)
    return {
        "digest": digest([labelling.dataset, label, at, labelling.by, labelling.reason]),
        "dataset": labelling.dataset,
        "label": canonical(label).decode(),
        "at": at,
        "actor": labelling.by,
        "reason": labelling.reason,
    }


def _labelling(row: Row[Any]) -> Labelling:
    labelling = Labelling(
        dataset=row.dataset,
        label=from_json(json.loads(row.label)),
        at=instant(row.at),
        by=row.actor,
        reason=row.reason,
    )
    intact("labelling", row.digest, _labelling_row(labelling)["digest"])
    return labelling
