"""Reads what MLflow's tracking server knows about how a version came to be.

The ids a caller gives are not believed: a run or logged model counts as the origin of a version only
if the version's bytes lie inside that run's or logged model's artifacts. Otherwise anybody could
register foreign bytes under the id of a well-behaved run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind
from governance.domain.subject import Subject, VersionName
from governance_mlflow.tags import INPUT_PART_OF, INPUT_SHA256

if TYPE_CHECKING:
    from mlflow import MlflowClient

CONTEXT = "mlflow.data.context"
PARENT_RUN = "mlflow.parentRunId"
NESTED_RUNS = 10_000
"""Nested runs that are read; more is a gap, not a silence."""

LOG_THE_INPUT = (
    "Log what it was trained on with governance_mlflow.log_input(...), and register it from that run."
)


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

        client = self._client()
        scheme, rest = urlsplit(subject.source).scheme, subject.source.partition(":/")[2].lstrip("/")
        try:
            if scheme == "models":
                return self._logged_model(client, rest, frozenset())
            if scheme == "runs":
                return self._run(client, rest.split("/", 1)[0], frozenset())
            if subject.model_id:
                model = client.get_logged_model(subject.model_id)
                if inside(subject.source, model.artifact_location):
                    return self._logged_model(client, subject.model_id, frozenset())
            if subject.run_id and inside(subject.source, client.get_run(subject.run_id).info.artifact_uri):
                return self._run(client, subject.run_id, frozenset())
        except MlflowException as error:
            return Lineage(
                gaps=(Gap("its origin", f"the tracking server says: {error.message}", LOG_THE_INPUT),)
            )
        if subject.run_id or subject.model_id:
            reason = "its bytes do not lie in the artifacts of the run or model it claims to come from"
        else:
            reason = "it was registered from a bare location, without a run"
        return Lineage(gaps=(Gap("its origin", reason, LOG_THE_INPUT),))

    def _logged_model(self, client: MlflowClient, model_id: str, visited: frozenset[str]) -> Lineage:
        if model_id in visited:
            return Lineage()
        model = client.get_logged_model(model_id)
        if not model.source_run_id:
            gap = Gap(f"logged model {model_id}", "no run is recorded as its source", LOG_THE_INPUT)
            return Lineage(gaps=(gap,))
        return self._run(client, model.source_run_id, visited | {model_id})

    def _run(self, client: MlflowClient, run_id: str, visited: frozenset[str]) -> Lineage:
        if run_id in visited:
            return Lineage()
        visited |= {run_id}
        run = client.get_run(run_id)
        found = Lineage(uses=tuple(_uses(run)))
        # A model input may be a model merely evaluated; inheriting its label too errs to the safe side.
        for model in run.inputs.model_inputs:
            if model.model_id not in {output.model_id for output in run.outputs.model_outputs}:
                found |= self._logged_model(client, model.model_id, visited)
        parent = run.data.tags.get(PARENT_RUN)
        if parent:
            found |= self._run(client, parent, visited)
        children = client.search_runs(
            [run.info.experiment_id], f"tags.`{PARENT_RUN}` = '{run_id}'", max_results=NESTED_RUNS
        )
        if children.token:
            gap = Gap(f"nested runs of {run_id}", f"more than {NESTED_RUNS}", "Split the parent run.")
            found |= Lineage(gaps=(gap,))
        for child in children:
            found |= self._run(client, child.info.run_id, visited)
        return found


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
    parts = urlsplit(uri)
    scheme = "" if parts.scheme == "file" else parts.scheme
    path = parts.path
    while (decoded := unquote(path)) != path:
        path = decoded
    return [scheme, parts.netloc, *(segment for segment in path.split("/") if segment)]


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
