"""Reads what MLflow's tracking server knows about how a version came to be.

The ids a caller gives are not believed: a run or logged model counts as the origin of a version only
if the version's bytes lie inside that run's or logged model's artifacts. Otherwise anybody could
register foreign bytes under the id of a well-behaved run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind
from governance.domain.subject import Subject, VersionName
from governance_mlflow.tags import INPUT_PART_OF, INPUT_SHA256

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

CONTEXT = "mlflow.data.context"
PARENT_RUN = "mlflow.parentRunId"
NESTED_RUNS = 10_000
"""Nested runs that are read; more is a gap, not a silence."""

LOG_THE_INPUT = (
    "Log what it was trained on with governance_mlflow.log_input(...), and register it from that run."
)


@dataclass(frozen=True, slots=True)
class Node:
    """A run or a logged model on the way to what went in."""

    kind: Literal["run", "logged model"]
    id: str


class TrackedLineage:
    """The lineage of a version as the tracking server shows it now."""

    def __init__(
        self,
        find: Callable[[VersionName], Subject | None],
        base_models: Callable[[str], tuple[Parent, ...]],
        client: Callable[[], MlflowClient],
    ) -> None:
        self._find = find
        self._base_models = base_models
        self._client = client

    def read(self, subject: Subject) -> Lineage:
        """Uses, parents and gaps; what cannot be read is a gap, never a silence."""
        copied = _registered_source(subject)
        if copied is not None:
            origin = self._find(copied)
            return Lineage(
                parents=(Parent(ParentKind.COPIED_FROM, str(copied), origin.uid if origin else None),)
            )
        found = Lineage(parents=self._base_models(subject.source)) | self._origin(subject)
        if not (found.uses or found.gaps):
            # A base model alone does not say what the model was tuned on.
            gap = Gap("its training data", "no dataset was logged as an input of its run", LOG_THE_INPUT)
            found |= Lineage(gaps=(gap,))
        return found

    def _origin(self, subject: Subject) -> Lineage:
        from mlflow.exceptions import MlflowException

        client = _Reader(self._client())
        try:
            start = _claimed(client, subject)
            if start is not None:
                return _reached(client, start)
        except MlflowException as error:
            return Lineage(gaps=(_unreadable("its origin", error),))
        if ".." in _segments(subject.source):
            reason = "its location leads out of where it begins"
        elif subject.run_id or subject.model_id:
            reason = "its bytes do not lie in the artifacts of the run or model it claims to come from"
        else:
            reason = "it was registered from a bare location, without a run"
        return Lineage(gaps=(Gap("its origin", reason, LOG_THE_INPUT),))


class _Reader:
    """The tracking server for one reading of a lineage: nothing is asked for twice."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._runs: dict[str, Any] = {}

    def get_run(self, run_id: str) -> Any:
        """A run, deleted or not."""
        if run_id not in self._runs:
            self._runs[run_id] = self._client.get_run(run_id)
        return self._runs[run_id]

    def get_logged_model(self, model_id: str) -> Any:
        """A logged model."""
        return self._client.get_logged_model(model_id)

    def nested(self, run_id: str) -> Any:
        """The runs nested in a run: in whatever experiment, and deleted or not."""
        from mlflow.entities import ViewType

        return self._client.search_runs(
            self._experiments, f"tags.`{PARENT_RUN}` = '{run_id}'", ViewType.ALL, max_results=NESTED_RUNS
        )

    @cached_property
    def _experiments(self) -> list[str]:
        from mlflow.entities import ViewType

        page = self._client.search_experiments(ViewType.ALL)
        found = list(page)
        while page.token:
            page = self._client.search_experiments(ViewType.ALL, page_token=page.token)
            found += page
        return [str(experiment.experiment_id) for experiment in found]


def _claimed(client: _Reader, subject: Subject) -> Node | None:
    """The run or logged model that a version comes from, if its bytes lie there."""
    if ".." in _segments(subject.source):
        return None
    scheme, rest = urlsplit(subject.source).scheme, subject.source.partition(":/")[2].lstrip("/")
    if scheme == "models":
        return Node("logged model", rest)
    if scheme == "runs":
        return Node("run", rest.split("/", 1)[0])
    if subject.model_id:
        model = client.get_logged_model(subject.model_id)
        if inside(subject.source, model.artifact_location):
            return Node("logged model", subject.model_id)
    if subject.run_id and inside(subject.source, client.get_run(subject.run_id).info.artifact_uri):
        return Node("run", subject.run_id)
    return None


def _reached(client: _Reader, start: Node) -> Lineage:
    """Everything that went into a node, each run and logged model on the way read once."""
    from mlflow.exceptions import MlflowException

    found: list[Lineage] = []
    waiting, seen = [start], {start}
    while waiting:
        node = waiting.pop()
        try:
            if node.kind == "logged model":
                part, further = _logged_model(client, node.id)
            else:
                part, further = _run(client, node.id)
        except MlflowException as error:
            what = "its origin" if node == start else f"{node.kind} {node.id}"
            part, further = Lineage(gaps=(_unreadable(what, error),)), []
        found.append(part)
        waiting += [other for other in dict.fromkeys(further) if other not in seen]
        seen.update(further)
    return Lineage(
        uses=tuple(use for part in found for use in part.uses),
        gaps=tuple(gap for part in found for gap in part.gaps),
    )


def _logged_model(client: _Reader, model_id: str) -> tuple[Lineage, list[Node]]:
    model = client.get_logged_model(model_id)
    if model.source_run_id:
        return Lineage(), [Node("run", model.source_run_id)]
    gap = Gap(f"logged model {model_id}", "no run is recorded as its source", LOG_THE_INPUT)
    return Lineage(gaps=(gap,)), []


def _run(client: _Reader, run_id: str) -> tuple[Lineage, list[Node]]:
    run = client.get_run(run_id)
    own = {output.model_id for output in run.outputs.model_outputs}
    # A model input may be a model merely evaluated; inheriting its label too errs to the safe side.
    further = [Node("logged model", m.model_id) for m in run.inputs.model_inputs if m.model_id not in own]
    if parent := run.data.tags.get(PARENT_RUN):
        further.append(Node("run", parent))
    # A child may live in another experiment, and deleting a run must not hide what it read.
    children = client.nested(run_id)
    further += [Node("run", child.info.run_id) for child in children]
    found = Lineage(uses=tuple(_uses(run)))
    if children.token:
        gap = Gap(f"nested runs of {run_id}", f"more than {NESTED_RUNS}", "Split the parent run.")
        found |= Lineage(gaps=(gap,))
    return found, further


def _unreadable(what: str, error: MlflowException) -> Gap:
    return Gap(what, f"the tracking server says: {error.message}", LOG_THE_INPUT)


def _registered_source(subject: Subject) -> VersionName | None:
    if urlsplit(subject.source).scheme != "models":
        return None
    name, _, version = subject.source.removeprefix("models:/").rpartition("/")
    if not name or not version.isdecimal():
        return None
    return VersionName(name, int(version), subject.named.workspace)


def inside(uri: str, root: str) -> bool:
    """Whether a location lies in or below another, by scheme, host and decoded path segments."""
    a, b = _segments(uri), _segments(root)
    return len(b) > 2 and a[: len(b)] == b and ".." not in a


def _segments(uri: str) -> list[str]:
    # In a path `#` and `?` are letters, and what stands behind them is part of it.
    parts = urlsplit(uri.replace("#", "%23").replace("?", "%3F"))
    scheme = "" if parts.scheme == "file" else parts.scheme
    path = parts.path
    while (decoded := unquote(path)) != path:
        path = decoded
    return [scheme, parts.netloc, *(segment for segment in path.replace("\\", "/").split("/") if segment)]


def _uses(run: Any) -> Iterator[DatasetUse]:
    for used in run.inputs.dataset_inputs:
        tags = {tag.key: tag.value for tag in used.tags}
        yield DatasetUse(
            run_id=run.info.run_id,
            name=used.dataset.name,
            mlflow_digest=used.dataset.digest,
            source=_location(used.dataset.source),
            context=tags.get(CONTEXT, ""),
            sha256=tags.get(INPUT_SHA256),
            part_of=tags.get(INPUT_PART_OF),
        )


def _location(source: str) -> str:
    try:
        described = json.loads(source)
    except ValueError:
        return source
    if not isinstance(described, dict):
        return source
    for key in ("uri", "path", "url"):
        if isinstance(described.get(key), str):
            return str(described[key])
    # A dataset made in memory names the notebook or script it was made in: that is no location.
    return ""
