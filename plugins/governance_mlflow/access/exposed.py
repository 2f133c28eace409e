"""What access rules cannot be enforced on from here, and why: said at the start, and by the doctor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.utils.workspace_context import WorkspaceContext
from sqlalchemy import func, select

from governance.admitting import guarded
from governance.domain.subject import Subject
from governance.policy.access import Access
from governance.policy.document import Policy
from governance.ports import Ailment
from governance_mlflow.artifacts.destinations import DESTINATION_OF_A_SERVER, GOVERNED, SERVES_ARTIFACTS
from governance_mlflow.artifacts.direct_locations import GUARDED
from governance_mlflow.artifacts.locations import recorded
from governance_mlflow.callers.identity import in_server
from governance_mlflow.gate.registry_rows import PROMPT_SOURCES

if TYPE_CHECKING:
    from governance_mlflow.access.entries import AccessGuarded

PROXIED = "mlflow-artifacts:"


def exposure(policy: Policy) -> str | None:
    """Why this server cannot enforce the policy's access rules on files, if it cannot and there are any."""
    if not in_server() or not _on_bytes(policy):
        return None
    if os.environ.get(SERVES_ARTIFACTS) != "true":
        return "it serves no artifacts, so clients read the artifact store themselves"
    destination = os.environ.get(DESTINATION_OF_A_SERVER, "").removeprefix(GOVERNED)
    scheme = destination.partition(":")[0] if ":" in destination else ""
    if scheme in GUARDED or len(scheme) == 1:
        return None
    return f"there is no guard for artifacts in {scheme}:, only for folders and S3"


def gaps(store: AccessGuarded, repair: bool) -> Iterator[Ailment]:
    """Versions whose bytes the access rules do not reach; with `repair`, what can be reached is."""
    if _on_bytes(store.gate.policy):
        yield from _read_without_the_server(store)
        yield from _unlocated(store, repair)


def _on_bytes(policy: Policy) -> bool:
    return guarded(policy, Access.LOAD) or guarded(policy, Access.DOWNLOAD)


def _read_without_the_server(store: AccessGuarded) -> Iterator[Ailment]:
    location = func.coalesce(SqlModelVersion.storage_location, SqlModelVersion.source)
    there = select(SqlModelVersion.name, SqlModelVersion.version, location.label("location")).where(
        SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL,
        SqlModelVersion.source.notin_(PROMPT_SOURCES),
        location.notlike(f"{PROXIED}%"),
    )
    with store.ManagedSessionMaker() as session:
        count = session.execute(select(func.count()).select_from(there.subquery())).scalar_one()
        first = session.execute(
            there.order_by(SqlModelVersion.name, SqlModelVersion.version).limit(1)
        ).first()
    if first is not None:
        yield Ailment(
            "unserved-bytes",
            f"{count} versions, for example models:/{first.name}/{first.version}",
            f"clients read {first.location} without the server",
            f"bytes that a server serves ({PROXIED}/…), so that access rules hold for them",
            "Give clients no right of their own to read there: docs/how-to/access.md",
            harmful=False,
        )


def _unlocated(store: AccessGuarded, repair: bool) -> Iterator[Ailment]:
    with store.reading() as books:
        found = books.subjects.unlocated()
    for subject in found:
        mended = repair and _locate(store, subject)
        yield Ailment(
            "unlocated",
            str(subject.named),
            "where its bytes lie is recorded now" if mended else "nobody recorded where its bytes lie",
            "a record of it, so that access rules hold for its files",
            "Nothing to do." if mended else "Record it: governance doctor --repair",
            harmful=not mended,
        )


def _locate(store: AccessGuarded, subject: Subject) -> bool:
    with _within(subject.named.workspace):
        locations = recorded(store.location(subject))
    with store.writing() as books:
        for location in locations:
            books.subjects.locate(subject.uid, location)
    return bool(locations)


def _within(workspace: str) -> AbstractContextManager[object]:
    return WorkspaceContext(workspace) if MLFLOW_ENABLE_WORKSPACES.get() else nullcontext()
