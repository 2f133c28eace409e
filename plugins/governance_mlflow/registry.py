"""The governed registry as the command line sees it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.domain.decision import Decision
from governance.domain.subject import Subject
from governance.errors import Forbidden, NotFound, UsageError
from governance.ports import Ailment
from governance_mlflow.callers.identity import acting_as

if TYPE_CHECKING:
    from governance_mlflow.store.registry_store import GovernedStore


def governed_store(uri: str | None) -> GovernedStore:
    """The governed store behind a registry URI.

    Raises:
        UsageError: there is none, or the registry there is not governed.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.tracking._model_registry.utils import _get_store

    wanted = "Set MLFLOW_REGISTRY_URI=governed+sqlite:///mlflow.db (or governed+postgresql+psycopg://…)."
    if uri is None:
        raise UsageError("No model registry is set.", wanted)
    if not uri.startswith("governed+"):
        raise UsageError(
            f"The registry {uri.split('://')[0]}://… is not governed from here.",
            "This command works on the registry's database. " + wanted,
        )
    try:
        store: GovernedStore = _get_store(uri)
    except MlflowException as error:
        raise UsageError(error.message, wanted) from error
    return store


class MlflowRegistry:
    """The governed registry, for one person."""

    def __init__(self, store: GovernedStore, actor: str) -> None:
        self._store = store
        self._actor = actor

    def resolve(self, model_uri: str) -> Subject:
        """The governed version that `models:/name/3`, `models:/name@alias` or `models:/m-…` names."""
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.utils.models import _parse_model_uri

        shapes = "Write MODEL as models:/name/3, models:/name@alias or models:/m-…"
        try:
            parsed = _parse_model_uri(model_uri)
        except MlflowException as error:
            raise UsageError(f"{model_uri!r} names no model version.", shapes) from error
        try:
            if parsed.model_id:
                return self._registered_from(parsed.model_id)
            if parsed.name and parsed.alias:
                found = self._store.get_model_version_by_alias(parsed.name, parsed.alias)
                return self._store.subject(parsed.name, found.version)
            if parsed.name and parsed.version:
                self._store.insist_on_seeing(parsed.name, parsed.version)
                return self._store.subject(parsed.name, parsed.version)
        except MlflowException as error:
            if error.error_code == "PERMISSION_DENIED":
                raise Forbidden(f"{model_uri}: {error.message}") from error
            raise NotFound(
                f"{model_uri}: {error.message}", "See what there is: mlflow models, or the registry page."
            ) from error
        raise UsageError(f"{model_uri!r} names a moving stage, not a version.", shapes)

    def _registered_from(self, model_id: str) -> Subject:
        found = self._store.search_model_versions(f"source_path = 'models:/{model_id}'")
        if not found:
            raise NotFound(
                f"models:/{model_id} is logged but not registered, so no label or decision hangs on it.",
                f"Register it: mlflow.register_model('models:/{model_id}', NAME)",
            )
        newest = max(found, key=lambda version: int(version.version))
        return self._store.subject(newest.name, newest.version)

    def location(self, subject: Subject) -> str:
        """The URI that the registry serves the version from."""
        return self._store.location(subject)

    def promote(self, subject: Subject, alias: str) -> Decision:
        """Move an alias through the gate."""
        from mlflow.exceptions import MlflowException

        from governance.errors import Undecided

        try:
            with acting_as(self._actor):
                decision = self._store.promote_alias(subject.named.name, alias, subject.named.version)
        except MlflowException as error:
            raise Undecided(error.message, "Run `governance doctor` to see the state.") from error
        if decision is None:
            raise UsageError(
                f"The policy does not protect the alias {alias!r}.", "Set it with MLflow's client."
            )
        return decision

    def load(self, subject: Subject) -> tuple[Any, Path]:
        """The model, through MLflow's own loaders, and the folder of its files."""
        from governance_mlflow.loading import folder_of, load

        folder = folder_of(str(self._store.location(subject)))
        return load(str(folder)), folder

    def describe(self, subject: Subject) -> str:
        """The description of the version, else of its registered model."""
        name, version = subject.named.name, subject.named.version
        own = self._store.get_model_version(name, version).description
        return own or self._store.get_registered_model(name).description or ""

    def examine(self, now: datetime, repair: bool = False) -> tuple[Ailment, ...]:
        """Everything that is not as it should be."""
        from governance_mlflow.operations.doctor import examine

        return examine(self._store, now, repair)
