"""Where a version comes from, as the tracking server keeps it: runs, what they read, logged models.

Asked through MLflow's client, or, where the tracking server's tables lie beside the registry's, in three
statements: the client needs a dozen to show one run, and the gate reads the lineage at every promotion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from mlflow.entities import LifecycleStage, ViewType
from mlflow.store.tracking.dbmodels.models import (
    SqlDataset,
    SqlInput,
    SqlInputTag,
    SqlLoggedModel,
    SqlRun,
    SqlTag,
)
from sqlalchemy import and_, or_, select

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy.orm import Session

PARENT_RUN = "mlflow.parentRunId"
NESTED_RUNS = 10_000
"""Nested runs that are read; more is a gap, not a silence."""


@dataclass(frozen=True, slots=True)
class Input:
    """A dataset that a run read."""

    name: str
    digest: str
    source: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """A run, deleted or not."""

    id: str
    artifacts: str
    """Where its artifacts lie."""
    parent: str | None
    inputs: tuple[Input, ...]
    models: tuple[str, ...]
    """The logged models that it read and did not make itself."""


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A logged model and the run that it came from, if one is recorded."""

    artifacts: str
    run_id: str | None


class Origins(Protocol):
    """The tracking server for one reading of a lineage; each method raises MLflow's exceptions."""

    def run(self, run_id: str) -> Run:
        """A run, deleted or not."""

    def logged_model(self, model_id: str) -> LoggedModel:
        """A logged model."""

    def nested(self, run_id: str) -> tuple[tuple[str, ...], bool]:
        """The runs nested in a run, in whatever experiment, deleted or not; and whether there are more."""


class TrackingServer:
    """Asks MLflow's client; nothing is asked for twice."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._runs: dict[str, Run] = {}

    def run(self, run_id: str) -> Run:
        """A run, deleted or not."""
        if run_id not in self._runs:
            self._runs[run_id] = _as_run(self._client.get_run(run_id))
        return self._runs[run_id]

    def logged_model(self, model_id: str) -> LoggedModel:
        """A logged model."""
        found = self._client.get_logged_model(model_id)
        return LoggedModel(found.artifact_location, found.source_run_id or None)

    def nested(self, run_id: str) -> tuple[tuple[str, ...], bool]:
        """The runs nested in a run."""
        wanted = f"tags.`{PARENT_RUN}` = '{run_id}'"
        found = self._client.search_runs(self._experiments, wanted, ViewType.ALL, max_results=NESTED_RUNS)
        return tuple(child.info.run_id for child in found), bool(found.token)

    @cached_property
    def _experiments(self) -> list[str]:
        page = self._client.search_experiments(ViewType.ALL)
        found = list(page)
        while page.token:
            page = self._client.search_experiments(ViewType.ALL, page_token=page.token)
            found += page
        return [str(experiment.experiment_id) for experiment in found]


class TrackingTables:
    """Reads MLflow's own tables; what is not in them, the client is asked for, whose words are known."""

    def __init__(self, session: Session, otherwise: Callable[[], Origins]) -> None:
        self._session = session
        self._otherwise = otherwise
        self._runs: dict[str, Run] = {}

    def run(self, run_id: str) -> Run:
        """A run, deleted or not."""
        if run_id not in self._runs:
            self._runs[run_id] = self._read(run_id) or self._otherwise().run(run_id)
        return self._runs[run_id]

    def logged_model(self, model_id: str) -> LoggedModel:
        """A logged model."""
        wanted = SqlLoggedModel.model_id == model_id, SqlLoggedModel.lifecycle_stage != LifecycleStage.DELETED
        columns = SqlLoggedModel.artifact_location, SqlLoggedModel.source_run_id
        found = self._session.execute(select(*columns).where(*wanted)).one_or_none()
        if found is None:
            return self._otherwise().logged_model(model_id)
        return LoggedModel(found.artifact_location, found.source_run_id or None)

    def nested(self, run_id: str) -> tuple[tuple[str, ...], bool]:
        """The runs nested in a run."""
        wanted = SqlTag.key == PARENT_RUN, SqlTag.value == run_id
        asked = select(SqlTag.run_uuid).where(*wanted).order_by(SqlTag.run_uuid).limit(NESTED_RUNS + 1)
        found = self._session.scalars(asked).all()
        return tuple(found[:NESTED_RUNS]), len(found) > NESTED_RUNS

    def _read(self, run_id: str) -> Run | None:
        parent = and_(SqlTag.run_uuid == SqlRun.run_uuid, SqlTag.key == PARENT_RUN)
        run = select(SqlRun.artifact_uri, SqlTag.value).outerjoin(SqlTag, parent)
        touched = (
            select(
                SqlInput.input_uuid,
                SqlInput.source_type,
                SqlInput.destination_id,
                SqlDataset.name,
                SqlDataset.digest,
                SqlDataset.dataset_source,
                SqlInputTag.name.label("tag"),
                SqlInputTag.value,
            )
            .outerjoin(
                SqlDataset,
                and_(SqlInput.destination_type == "RUN", SqlInput.source_id == SqlDataset.dataset_uuid),
            )
            .outerjoin(SqlInputTag, SqlInputTag.input_uuid == SqlInput.input_uuid)
            .where(
                or_(
                    and_(SqlInput.destination_type == "RUN", SqlInput.destination_id == run_id),
                    and_(SqlInput.source_type.in_(("RUN_INPUT", "RUN_OUTPUT")), SqlInput.source_id == run_id),
                )
            )
        )
        found = self._session.execute(run.where(SqlRun.run_uuid == run_id)).one_or_none()
        if found is None:
            return None
        rows = self._session.execute(touched).all()
        own = {row.destination_id for row in rows if row.source_type == "RUN_OUTPUT"}
        read = {row.destination_id: None for row in rows if row.source_type == "RUN_INPUT"}
        return Run(
            run_id,
            found.artifact_uri,
            found.value,
            tuple(_inputs(row for row in rows if row.name is not None)),
            tuple(model for model in read if model not in own),
        )


def _inputs(rows: Iterable[Any]) -> Iterator[Input]:
    """One input of as many rows as it has tags, and of one if it has none."""
    tags: dict[str, dict[str, str]] = {}
    first: dict[str, Any] = {}
    for row in rows:
        first.setdefault(row.input_uuid, row)
        if row.tag is not None:
            tags.setdefault(row.input_uuid, {})[row.tag] = row.value
    for uuid, row in first.items():
        yield Input(row.name, row.digest, row.dataset_source, tags.get(uuid, {}))


def _as_run(run: Any) -> Run:
    own = {output.model_id for output in run.outputs.model_outputs}
    return Run(
        run.info.run_id,
        run.info.artifact_uri,
        run.data.tags.get(PARENT_RUN),
        tuple(
            Input(
                used.dataset.name,
                used.dataset.digest,
                used.dataset.source,
                {tag.key: tag.value for tag in used.tags},
            )
            for used in run.inputs.dataset_inputs
        ),
        tuple(read.model_id for read in run.inputs.model_inputs if read.model_id not in own),
    )
