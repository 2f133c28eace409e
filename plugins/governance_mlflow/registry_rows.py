"""Reads and writes MLflow's own rows of the registry, inside the transaction that is open."""

from __future__ import annotations

from typing import Any

from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModelAlias

from governance.domain.subject import Subject
from governance_mlflow.transactions import JoinedTransactions


def key(subject: Subject) -> tuple[str, int]:
    """How MLflow names a version."""
    return subject.named.name, subject.named.version


class RegistryRows(JoinedTransactions):
    """MLflow's store with the few questions that its interface does not answer."""

    def location(self, subject: Subject) -> str:
        """Where the registry serves a version from."""
        return str(self.get_model_version_download_uri(*key(subject)))

    def aliases(self) -> list[tuple[str, str, int]]:
        """Every alias of the workspace: registered model, alias, version."""
        with self.ManagedSessionMaker() as session:
            rows = self._get_query(session, SqlRegisteredModelAlias).all()
            return sorted((row.name, row.alias, int(row.version)) for row in rows)

    def versions(self) -> list[tuple[str, int, str]]:
        """Every version of the workspace that is not deleted: registered model, version, stage."""
        with self.ManagedSessionMaker() as session:
            rows = self._get_query(session, SqlModelVersion).filter(
                SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL
            )
            return sorted((row.name, int(row.version), row.current_stage) for row in rows)

    def in_stage(self, name: str, stage: str) -> set[int]:
        """Versions of a registered model that are in a stage, however it is spelt."""
        return {n for model, n, at in self.versions() if model == name and at.casefold() == stage.casefold()}

    # Before 3.16 MLflow compares versions with the text that its clients send; psycopg 3 refuses to.

    def _get_sql_model_version(self, session: Any, name: str, version: Any, eager: bool = False) -> Any:
        return super()._get_sql_model_version(session, name, _number(version), eager)

    def _get_model_version_tag(self, session: Any, name: str, version: Any, key: str) -> Any:
        return super()._get_model_version_tag(session, name, _number(version), key)

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


def _number(version: Any) -> Any:
    """A version as a number; what is none stays as it is, for MLflow to refuse in its own words."""
    return int(version) if str(version).isdecimal() else version
