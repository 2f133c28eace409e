"""MLflow's tables of versions, aliases and stages, read set-based for reconciling, and put right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlflow.entities.model_registry.model_version_stages import (
    STAGE_ARCHIVED,
    STAGE_DELETED_INTERNAL,
    STAGE_NONE,
)
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersion,
    SqlRegisteredModelAlias,
    SqlRegisteredModelTag,
)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.workspace_context import WorkspaceContext
from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal, not_, select, tuple_
from sqlalchemy.orm import aliased

from governance import promoting, registering
from governance.comparing import place_key
from governance.domain.dossier import Asking
from governance.domain.events import PromotionAllowed
from governance.domain.lineage import Lineage
from governance.domain.manifest import Manifest
from governance.domain.subject import Subject, VersionName
from governance.errors import GovernanceError
from governance.inventory import Place, Row, Snapshot, Way
from governance.ports import Books
from governance.storage.archive import books
from governance.storage.tables import subjects
from governance_mlflow.gate.gate import location_of
from governance_mlflow.gate.registry_rows import PROMPT_SOURCES

if TYPE_CHECKING:
    from governance_mlflow.store.registry_store import GovernedStore

UNREGISTERED = "unregistered"
"""Stands for the uid of a version that could not be given one."""

_BUSY_MS = 20_000

_primary_key = tuple_(SqlModelVersion.workspace, SqlModelVersion.name, SqlModelVersion.version)
_LATER = aliased(SqlModelVersion)


def _there(version: Any) -> ColumnElement[bool]:
    return version.current_stage != STAGE_DELETED_INTERNAL  # type: ignore[no-any-return]  # MLflow ships no types


_PROMPT = and_(
    SqlModelVersion.source.in_(PROMPT_SOURCES),
    exists().where(
        SqlRegisteredModelTag.workspace == SqlModelVersion.workspace,
        SqlRegisteredModelTag.name == SqlModelVersion.name,
        SqlRegisteredModelTag.key == IS_PROMPT_TAG_KEY,
        func.lower(SqlRegisteredModelTag.value) == "true",
    ),
)
_IS_LATEST = not_(
    exists().where(
        _LATER.workspace == SqlModelVersion.workspace,
        _LATER.name == SqlModelVersion.name,
        _LATER.version > SqlModelVersion.version,
        _there(_LATER),
    )
)
_OURS = and_(
    subjects.c.workspace == SqlModelVersion.workspace,
    subjects.c.name == SqlModelVersion.name,
    subjects.c.version == SqlModelVersion.version,
    subjects.c.buried_at.is_(None),
)


def _key(named: VersionName) -> ColumnElement[Any]:
    return tuple_(literal(named.workspace), literal(named.name), literal(named.version))


def _behind(after: VersionName | None) -> list[ColumnElement[bool]]:
    return [] if after is None else [_primary_key > _key(after)]


@dataclass(frozen=True)
class MlflowSnapshot:
    """MLflow's tables and our books over one connection, at one moment."""

    connection: Connection

    @cached_property
    def books(self) -> Books:
        """Our books."""
        return books(self.connection)

    def rows(self, after: VersionName | None, limit: int) -> tuple[Row, ...]:
        """The next versions of all workspaces, prompts left out, in the order of the primary key."""
        wanted = _there(SqlModelVersion), not_(_PROMPT), *_behind(after)
        found = self.connection.execute(
            select(
                SqlModelVersion.workspace,
                SqlModelVersion.name,
                SqlModelVersion.version,
                SqlModelVersion.current_stage,
                func.coalesce(SqlModelVersion.storage_location, SqlModelVersion.source),
                subjects.c.uid,
                _IS_LATEST,
            )
            .outerjoin(subjects, _OURS)
            .where(*wanted)
            .order_by(SqlModelVersion.workspace, SqlModelVersion.name, SqlModelVersion.version)
            .limit(limit)
        ).all()
        names = [VersionName(name, int(version), workspace) for workspace, name, version, *_ in found]
        held = self._aliases(after, names[-1]) if names else {}
        return tuple(
            Row(named, uid, stage, tuple(sorted(held.get(named, ()))), location, bool(latest))
            for named, (*_, stage, location, uid, latest) in zip(names, found, strict=True)
        )

    def _aliases(self, after: VersionName | None, last: VersionName) -> dict[VersionName, list[str]]:
        alias = SqlRegisteredModelAlias
        rows = self.connection.execute(
            select(alias.workspace, alias.name, alias.version, alias.alias)
            .join(
                SqlModelVersion,
                and_(
                    alias.workspace == SqlModelVersion.workspace,
                    alias.name == SqlModelVersion.name,
                    alias.version == SqlModelVersion.version,
                ),
            )
            .where(_primary_key <= _key(last), *_behind(after))
        )
        found: dict[VersionName, list[str]] = {}
        for workspace, name, version, word in rows:
            found.setdefault(VersionName(name, int(version), workspace), []).append(word)
        return found

    def gone(self, after: str, limit: int) -> tuple[Subject, ...]:
        """The next living versions of our books that MLflow does not have, by uid."""
        uids = self.connection.scalars(
            select(subjects.c.uid)
            .outerjoin(SqlModelVersion, and_(_OURS, _there(SqlModelVersion)))
            .where(subjects.c.buried_at.is_(None), SqlModelVersion.name.is_(None), subjects.c.uid > after)
            .order_by(subjects.c.uid)
            .limit(limit)
        ).all()
        found = self.books.subjects.get_each(uids)
        return tuple(found[uid] for uid in uids)


class MlflowInventory:
    """The tables of one governed registry; see `inventory.Inventory`."""

    def __init__(self, store: GovernedStore) -> None:
        self._store = store

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """MLflow's tables and our books, of the primary, as they are at the first question."""
        with self._store.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {_BUSY_MS}")
                # The driver begins a transaction before a change only: each question had its own moment.
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield MlflowSnapshot(connection)

    def count(self, after: VersionName | None) -> int:
        """How many rows there are behind one."""
        wanted = _there(SqlModelVersion), not_(_PROMPT), *_behind(after)
        with self._store.engine.connect() as connection:
            counted = select(func.count()).select_from(SqlModelVersion).where(*wanted)
            return int(connection.scalar(counted) or 0)

    def origin(self, subject: Subject) -> Manifest | None:
        """The bytes where a version came from; None if they are gone, or are those of another version."""
        if "/" in subject.source.removeprefix("models:/") and subject.source.startswith("models:/"):
            return None
        try:
            with self._in(subject.named.workspace):
                return self._store.gate.artifacts.manifest(location_of(subject.source))
        except (GovernanceError, MlflowException):
            # Origins may be cleaned away; the frozen copy is what counts.
            return None

    def lineage(self, subject: Subject) -> Lineage:
        """What the tracking server says now of how a version came to be."""
        with self._in(subject.named.workspace):
            return self._store.gate.lineage.read(subject)

    def leftovers(self, repair: bool) -> tuple[str, ...]:
        """Copies that no decision refers to; with `repair` they are removed."""
        artifacts = self._store.gate.artifacts
        if repair:
            # Under the lock: a promotion that is about to refer to its tree looks for it under the same one.
            with self._store.writing() as open_books:
                return artifacts.sweep(open_books.decisions.frozen_uris())
        found = artifacts.leftovers(self._kept())
        # What was frozen and decided on meanwhile is no leftover.
        still = frozenset(artifacts.leftovers(self._kept())) if found else frozenset()
        return tuple(path for path in found if path in still)

    def _kept(self) -> frozenset[str]:
        with self.snapshot() as snapshot:
            return snapshot.books.decisions.frozen_uris()

    def adopt(self, named: VersionName) -> bool:
        """Give a version that governance never saw its uid, lineage and label; False if that failed."""
        try:
            with self._in(named.workspace):
                self._store.subject(named.name, named.version)
            return True
        except MlflowException:
            return False

    def bury(self, subject: Subject, asking: Asking) -> bool:
        """Record that a version is gone, if it still is; whether that was so."""
        named = subject.named
        with self._in(named.workspace), self._store.writing() as open_books:
            living = open_books.subjects.find(named)
            if self._store.stage(named.name, named.version) is not None or living != subject:
                return False
            registering.bury(open_books, subject, asking.at, asking.actor or promoting.NOBODY)
            return True

    def vacate(self, place: Place, asking: Asking, reason: str) -> bool:
        """Take a version out of an alias or stage and put that into the log; False if it was not there."""
        if place.uid is None:
            # If that fails, it has to go all the same.
            self.adopt(place.named)
        with self._in(place.named.workspace), self._store.writing() as open_books:
            subject = open_books.subjects.find(place.named)
            uid = UNREGISTERED if subject is None else subject.uid
            if place.uid not in (None, uid):
                return False
            said = {
                place_key(entry.body["change"]): entry.type
                for entry in open_books.promotions.standing([uid])
                if entry.body["target"] == place.target
            }
            left = self._leave(place)
            if not left and said.get(place_key(place.words)) != PromotionAllowed.name:
                return False
            target = self._store.gate.policy.targets[place.target]
            promoting.withdraw(open_books, uid, target, place.words, asking, reason)
            return True

    def _leave(self, place: Place) -> bool:
        """Take a version out of an alias or stage, inside the open transaction; whether it was there."""
        store, name, version = self._store, place.named.name, place.named.version
        if place.way is Way.ALIAS and store.alias_version(name, place.at) == version:
            SqlAlchemyStore.delete_registered_model_alias(store, name, place.at)
            return True
        if place.way is Way.STAGE and store.stage(name, version) == place.at:
            protected = store.gate.policy.target_for_stage(name, STAGE_ARCHIVED)
            to = STAGE_ARCHIVED if protected is None else STAGE_NONE
            SqlAlchemyStore.transition_model_version_stage(store, name, version, to, False)
            return True
        return False

    def _in(self, workspace: str) -> AbstractContextManager[object]:
        inside: AbstractContextManager[object] = nullcontext()
        if self._store.supports_workspaces:
            inside = WorkspaceContext(workspace)
        return inside
