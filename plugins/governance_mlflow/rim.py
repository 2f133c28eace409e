"""MLflow as the command line sees it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.ports import Artifacts, LineageSource, Registry
from governance.settings import Settings, acting_user
from governance_mlflow.registry import MlflowRegistry, governed_store

if TYPE_CHECKING:
    from governance.desk import Desk
    from governance.inventory import Inventory
    from governance_mlflow.store.registry_store import GovernedStore


class MlflowRim:
    """Everything of MLflow that the command line needs; MLflow is imported when it is first used."""

    def __init__(self, settings: Settings, store: GovernedStore | None = None) -> None:
        self._settings = settings
        self._given = store

    @cached_property
    def _store(self) -> GovernedStore:
        return self._given or governed_store(self._settings.registry_uri)

    @cached_property
    def registry(self) -> Registry:
        """The governed registry."""
        return MlflowRegistry(self._store, acting_user(self._settings))

    @property
    def artifacts(self) -> Artifacts:
        """The bytes."""
        return self._store.gate.artifacts

    @property
    def lineage(self) -> LineageSource:
        """The tracking server."""
        return self._store.gate.lineage

    def inventory(self) -> Inventory:
        """The registry's tables, for reconciling."""
        from governance_mlflow.operations.reconcile import MlflowInventory

        return MlflowInventory(self._store)

    def input_digest(self, frame: Any) -> str:
        """MLflow's digest of a DataFrame, by which a plain `mlflow.log_input` is recognised."""
        from mlflow.data.digest_utils import compute_pandas_digest

        return str(compute_pandas_digest(frame))

    def remote_desk(self) -> Desk:
        """The desk of the server that the registry is behind."""
        from governance_mlflow.remote import RemoteDesk

        return RemoteDesk(self._settings.registry_uri or "")

    def demonstrate(self, folder: Path, seed: int) -> None:
        """The main job on real data."""
        from governance_mlflow.demo.running import demonstrate

        demonstrate(folder, seed)
