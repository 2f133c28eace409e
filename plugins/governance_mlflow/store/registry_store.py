"""MLflow's model registry with the gate inside it: `governed+<MLflow's own database URI>`."""

from __future__ import annotations

import logging
import os
from contextlib import suppress

from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from governance.errors import GovernanceError
from governance.settings import Settings
from governance_mlflow.access.entries import AccessGuarded
from governance_mlflow.access.exposed import exposure
from governance_mlflow.artifacts.destinations import guarded_spelling, unguarded_destination
from governance_mlflow.artifacts.direct_locations import guard_direct_locations
from governance_mlflow.callers.identity import BACKEND_OF_A_SERVER
from governance_mlflow.errors import translated
from governance_mlflow.gate.gate import Gate
from governance_mlflow.store.mutators import insist_on_known
from governance_mlflow.store.places import Places
from governance_mlflow.store.registered_models import RegisteredModels
from governance_mlflow.store.versions import Versions
from governance_mlflow.store.words import Words

_logger = logging.getLogger(__name__)

PREFIX = "governed+"

REPLICA_OF_A_SERVER = "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE"
"""Set by `mlflow server --read-replica-backend-store-uri`."""


def open_store(store_uri: str, tracking_uri: str | None = None) -> GovernedStore:
    """The governed store for a `governed+…` URI, workspace-aware where MLflow is.

    Raises:
        MlflowException: the installed MLflow can do something to the registry that nobody has judged yet.
    """
    del tracking_uri  # MLflow hands it to whoever takes it; lineage follows MLflow's own choice.
    with translated():
        insist_on_known(WorkspaceAwareSqlAlchemyStore, Settings().strict)
    kind = GovernedWorkspaceStore if MLFLOW_ENABLE_WORKSPACES.get() else GovernedStore
    database = store_uri.removeprefix(PREFIX)
    return kind(database, _replica_of(database))


def _replica_of(database: str) -> str | None:
    """The replica for plain reads: what MLflow's server names is one of its backend, which may be another."""
    same = os.environ.get(BACKEND_OF_A_SERVER) == database
    return os.environ.get(REPLICA_OF_A_SERVER) if same else None


class GovernedStore(AccessGuarded, Places, Versions, RegisteredModels, Words):
    """MLflow's store with everything governance adds; what is not named in its bases, MLflow does alone."""

    def __init__(self, db_uri: str, read_db_uri: str | None = None) -> None:
        super().__init__(db_uri, read_db_uri)
        self.gate = Gate(db_uri, self.reading, self.writing, self.looking)
        if (destination := unguarded_destination()) is not None:
            _logger.warning(
                "Whoever may upload artifacts can overwrite approved bytes under %s: start the server with "
                "--artifacts-destination %s",
                destination,
                guarded_spelling(destination),
            )
        guard_direct_locations()
        self._say_what_is_exposed()
        apart = self.gate.settings.store_uri
        if apart is not None and apart.removeprefix(PREFIX) != db_uri:
            # In two databases, a decision and its change could not be one transaction.
            raise MlflowException.invalid_parameter_value(
                "GOVERNANCE_STORE_URI names another database than the registry's own; unset it."
            )

    def _say_what_is_exposed(self) -> None:
        with suppress(GovernanceError):
            # A policy that cannot be read stops every decision anyway, and each of them says so.
            if (why := exposure(self.gate.policy)) is not None:
                _logger.warning("Access rules are not enforced on files: %s. See docs/how-to/access.md", why)


class GovernedWorkspaceStore(GovernedStore, WorkspaceAwareSqlAlchemyStore):  # type: ignore[misc]  # MLflow ships no types
    """The same with MLflow's workspaces switched on."""
