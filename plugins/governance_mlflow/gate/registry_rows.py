"""Reads and writes MLflow's own rows of the registry, inside the transaction that is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersion,
    SqlModelVersionTag,
    SqlRegisteredModel,
    SqlRegisteredModelAlias,
    SqlRegisteredModelTag,
)
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from governance.domain.subject import Subject
from governance_mlflow.gate.transactions import JoinedTransactions

PROMPT_SOURCES = ("dummy-source", "prompt-template")
"""What MLflow writes as the source of a prompt; anything else in a prompt is a model in disguise."""


def key(subject: Subject) -> tuple[str, int]:
    """How MLflow names a version."""
    return subject.named.name, subject.named.version


@dataclass(frozen=True, slots=True)
class Entry:
    """What the registry says of a version, as far as it matters for judging it."""

    name: str
    version: int
    workspace: str
    source: str
    run_id: str | None
    location: str
    """Where it is served from."""


def number(version: Any) -> Any:
    """A version in its one spelling, an integer; what is none stays as it is, for MLflow to refuse.

    "01", " 1", "+1", "1_0" and digits of other scripts are integers to MLflow.
    """
    try:
        return int(version)
    except (TypeError, ValueError):
        return version


class RegistryRows(JoinedTransactions):
    """MLflow's store with the few questions that its interface does not answer."""

    def insist_on_model(self, name: str) -> None:
        """Raise what MLflow raises if there is no such registered model."""
        with self.ManagedSessionMaker() as session:
            self._get_registered_model(session, name)

    def location(self, subject: Subject) -> str:
        """Where the registry serves a version from."""
        return self.entry(*key(subject)).location

    def entry(self, name: str, version: Any) -> Entry:
        """A version, or MLflow's own error that there is none; who may read is no question here."""
        with self.ManagedSessionMaker() as session:
            row = self._get_sql_model_version(session, name, version)
            return Entry(
                row.name,
                int(row.version),
                row.workspace or DEFAULT_WORKSPACE_NAME,
                row.source,
                row.run_id,
                row.storage_location or row.source,
            )

    def aliases(self, name: str | None = None) -> list[tuple[str, str, int]]:
        """Every alias of the workspace, or of one registered model: registered model, alias, version."""
        with self.ManagedSessionMaker() as session:
            rows = self._get_query(session, SqlRegisteredModelAlias)
            if name is not None:
                rows = rows.filter(SqlRegisteredModelAlias.name == name)
            return sorted((row.name, row.alias, int(row.version)) for row in rows)

    def versions(self, name: str | None = None, version: int | None = None) -> list[tuple[str, int, str]]:
        """Every version of the workspace that is not deleted, or of one registered model, or that one.

        Returns:
            Registered model, version, stage, sorted.
        """
        wanted = [SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL]
        wanted += [SqlModelVersion.name == name] if name is not None else []
        wanted += [SqlModelVersion.version == version] if version is not None else []
        columns = SqlModelVersion.name, SqlModelVersion.version, SqlModelVersion.current_stage
        with self.ManagedSessionMaker() as session:
            rows = self._get_query(session, SqlModelVersion).filter(*wanted).with_entities(*columns)
            return sorted((found, int(at), stage) for found, at, stage in rows)

    def stage(self, name: str, version: Any) -> str | None:
        """The stage that a version is in, None if there is no such version."""
        found = self.versions(name, version) if isinstance(version, int) else []
        return found[0][2] if found else None

    def newest(self, name: str) -> list[int]:
        """The version that MLflow calls the latest, if there is any."""
        return [at for _, at, _ in self.versions(name)][-1:]

    def in_stage(self, name: str, stage: str) -> set[int]:
        """Versions of a registered model that are in a stage, however it is spelt."""
        return {n for _, n, at in self.versions(name) if at.casefold() == stage.casefold()}

    def serve_from(self, subject: Subject, frozen_uri: str) -> None:
        """Let the registry serve a version from its frozen bytes."""
        with self.transaction() as session:
            row = self._get_sql_model_version(session, *key(subject))
            row.storage_location = frozen_uri
            session.flush()

    def alias_version(self, name: str, alias: str) -> int | None:
        """The version an alias points to."""
        with self.ManagedSessionMaker() as session:
            row = self._get_registered_model_alias(session, name, alias)
            return None if row is None else int(row.version)

    def holder(self, name: str, alias: str) -> str:
        """What an alias holds now, in words."""
        version = self.alias_version(name, alias)
        return "nothing" if version is None else f"models:/{name}/{version}"

    def tag(self, name: str, version: Any, tag: str) -> str | None:
        """A tag of a version, or of a registered model where `version` is None; None if it is not set."""
        kind = SqlRegisteredModelTag if version is None else SqlModelVersionTag
        wanted = [kind.name == name, kind.key == tag]
        wanted += [] if version is None else [kind.version == version]
        with self.ManagedSessionMaker() as session:
            found = self._get_query(session, kind).filter(*wanted).with_entities(kind.value).scalar()
            return None if found is None else str(found)

    def description(self, name: str, version: Any) -> str | None:
        """The description of a version, or of a registered model where `version` is None."""
        kind = SqlRegisteredModel if version is None else SqlModelVersion
        wanted = [kind.name == name] + ([] if version is None else [kind.version == version])
        with self.ManagedSessionMaker() as session:
            found = self._get_query(session, kind).filter(*wanted).with_entities(kind.description).scalar()
            return None if found is None else str(found)

    def flagged_as_prompt(self, name: str) -> bool:
        """Whether a registered model bears MLflow's flag of a prompt."""
        return (self.tag(name, None, IS_PROMPT_TAG_KEY) or "").lower() == "true"

    def is_prompt(self, name: str, version: Any) -> bool:
        """Whether a version is a prompt's: by its name, and by having no bytes."""
        return self.flagged_as_prompt(name) and self.entry(name, version).source in PROMPT_SOURCES

    def holds_prompts_only(self, name: str) -> bool:
        """Whether a registered model is a prompt and none of its versions has bytes."""
        if not self.flagged_as_prompt(name):
            return False
        wanted = SqlModelVersion.name == name, SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL
        with self.ManagedSessionMaker() as session:
            rows = self._get_query(session, SqlModelVersion).filter(*wanted)
            return not rows.filter(SqlModelVersion.source.notin_(PROMPT_SOURCES)).limit(1).all()

    # Before 3.16 MLflow compares versions with the text that its clients send; psycopg 3 refuses to.

    def _get_sql_model_version(self, session: Any, name: str, version: Any, eager: bool = False) -> Any:
        return super()._get_sql_model_version(session, name, number(version), eager)

    def _get_model_version_tag(self, session: Any, name: str, version: Any, key: str) -> Any:
        return super()._get_model_version_tag(session, name, number(version), key)
