"""Reads what MLflow's tracking server knows about how a version came to be.

The ids a caller gives are not believed: a run or logged model counts as the origin of a version only
if the version's bytes lie inside that run's or logged model's artifacts. Otherwise anybody could
register foreign bytes under the id of a well-behaved run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind
from governance.domain.subject import Subject, VersionName
from governance_mlflow.gate.origins import NESTED_RUNS, Input, Origins
from governance_mlflow.tags import INPUT_PART_OF, INPUT_SHA256

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

CONTEXT = "mlflow.data.context"

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
        origins: Callable[[], AbstractContextManager[Origins]],
    ) -> None:
        self._find = find
        self._base_models = base_models
        self._origins = origins

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

        try:
            with self._origins() as origins:
                start = _claimed(origins, subject)
                if start is not None:
                    return _reached(origins, start)
        except MlflowException as error:
            return Lineage(gaps=(_unreadable("its origin", error),))
        if ".." in _segments(subject.source):
            reason = "its location leads out of where it begins"
        elif subject.run_id or subject.model_id:
            reason = "its bytes do not lie in the artifacts of the run or model it claims to come from"
        else:
            reason = "it was registered from a bare location, without a run"
        return Lineage(gaps=(Gap("its origin", reason, LOG_THE_INPUT),))


def _claimed(origins: Origins, subject: Subject) -> Node | None:
    """The run or logged model that a version comes from, if its bytes lie there."""
    if ".." in _segments(subject.source):
        return None
    scheme, rest = urlsplit(subject.source).scheme, subject.source.partition(":/")[2].lstrip("/")
    if scheme == "models":
        return Node("logged model", rest)
    if scheme == "runs":
        return Node("run", rest.split("/", 1)[0])
    if subject.model_id and inside(subject.source, origins.logged_model(subject.model_id).artifacts):
        return Node("logged model", subject.model_id)
    if subject.run_id and inside(subject.source, origins.run(subject.run_id).artifacts):
        return Node("run", subject.run_id)
    return None


def _reached(origins: Origins, start: Node) -> Lineage:
    """Everything that went into a node, each run and logged model on the way read once."""
    from mlflow.exceptions import MlflowException

    found: list[Lineage] = []
    waiting, seen = [start], {start}
    while waiting:
        node = waiting.pop()
        try:
            if node.kind == "logged model":
                part, further = _logged_model(origins, node.id)
            else:
                part, further = _run(origins, node.id)
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


def _logged_model(origins: Origins, model_id: str) -> tuple[Lineage, list[Node]]:
    run_id = origins.logged_model(model_id).run_id
    if run_id is not None:
        return Lineage(), [Node("run", run_id)]
    gap = Gap(f"logged model {model_id}", "no run is recorded as its source", LOG_THE_INPUT)
    return Lineage(gaps=(gap,)), []


def _run(origins: Origins, run_id: str) -> tuple[Lineage, list[Node]]:
    run = origins.run(run_id)
    # A model input may be a model merely evaluated; inheriting its label too errs to the safe side.
    further = [Node("logged model", model_id) for model_id in run.models]
    if run.parent:
        further.append(Node("run", run.parent))
    # A child may live in another experiment, and deleting a run must not hide what it read.
    children, more = origins.nested(run_id)
    further += [Node("run", child) for child in children]
    found = Lineage(uses=tuple(_use(run_id, read) for read in run.inputs))
    if more:
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


def _use(run_id: str, read: Input) -> DatasetUse:
    return DatasetUse(
        run_id=run_id,
        name=read.name,
        mlflow_digest=read.digest,
        source=_location(read.source),
        context=read.tags.get(CONTEXT, ""),
        sha256=read.tags.get(INPUT_SHA256),
        part_of=read.tags.get(INPUT_PART_OF),
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
