"""A catalogued dataset: identified by its whole content, labelled by people, with a privacy budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from governance.domain.label import Label


@dataclass(frozen=True, slots=True)
class Budget:
    """The most (ε, δ) that all trainings on a dataset may spend together, per unit of privacy."""

    epsilon: float
    delta: float
    unit: str
    """The unit of privacy in words: `person`, `person-year`, `household`."""
    unit_is_data_subject: bool
    """Whether one unit is one person; if not, ε per person is larger than ε per unit."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What was catalogued; it never changes. Its label is a series of labellings beside it."""

    name: str
    sha256: str
    """Over the whole content: columns, types, values."""
    n_records: int
    columns: tuple[str, ...]
    source: str
    """Where it was read from, for people; it proves nothing."""
    mlflow_digest: str | None
    """MLflow's digest of the same content: a way to recognise a plain `log_input`, not an identity."""
    n_subjects: int | None
    """Distinct data subjects, None when the data does not tell."""
    max_records_per_subject: int | None
    budget: Budget | None
    catalogued_at: datetime
    catalogued_by: str

    @property
    def identity(self) -> str:
        """`name@sha256`, as it stands in a label's provenance."""
        return f"{self.name}@{self.sha256}"


@dataclass(frozen=True, slots=True)
class Labelling:
    """Somebody labelled a dataset; the newest labelling is the dataset's label."""

    dataset: str
    """The dataset's identity, `name@sha256`."""
    label: Label
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Catalogued:
    """A dataset together with the label it bears now."""

    dataset: Dataset
    labelling: Labelling

    @property
    def label(self) -> Label:
        """The newest label."""
        return self.labelling.label
