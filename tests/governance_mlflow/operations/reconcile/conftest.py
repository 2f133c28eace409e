"""What happens around the gate, and what reconciling says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import text

from governance.comparing import places
from governance.domain.dossier import Asking
from governance.inspecting import Inspection
from governance.mending import mend
from governance.reconciling import Cursor, reconcile
from governance_mlflow.operations.reconcile import MlflowInventory


@dataclass
class Around:
    """Somebody with the database's password, and whoever looks after them."""

    store: Any
    plain: SqlAlchemyStore
    """MLflow's own store over the same database."""

    @property
    def inventory(self) -> MlflowInventory:
        return MlflowInventory(self.store)

    def sql(self, *statements: str, **values: str) -> None:
        with self.plain.ManagedSessionMaker(read_only=False) as session:
            for statement in statements:
                session.execute(text(statement), values)

    def inspection(self, **options: bool) -> Inspection:
        gate, now = self.store.gate, datetime.now(timezone.utc)
        return Inspection(self.inventory, gate.artifacts, gate.policy, now, **options)

    def look(self, **options: bool) -> list[Any]:
        """Everything that is found."""
        pages = reconcile(self.inspection(**options), Cursor(), 1_000)
        return [one for page in pages for one in page.found]

    def kinds(self, **options: bool) -> list[tuple[str, str]]:
        """What is found, as (kind, subject); nobody is left without a next step."""
        found = [one.discrepancy for one in self.look(**options)]
        assert all(one.remedy for one in found)
        return [(one.kind.value, one.subject) for one in found]

    def mend(self, found: list[Any]) -> list[tuple[str, bool]]:
        """What is mended of it."""
        mended = mend(self.inventory, found, self.dora)
        return [(one.discrepancy.kind.value, one.discrepancy.mended) for one in mended]

    @property
    def dora(self) -> Asking:
        return Asking("dora", datetime.now(timezone.utc))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the log's entries of one type."""
        with self.store.reading() as books:
            return [dict(entry.body) for entry in books.audit.entries() if entry.type == kind]

    def held(self) -> list[Any]:
        """The protected places that versions hold."""
        with self.inventory.snapshot() as snapshot:
            rows = snapshot.rows(None, 100)
        return [place for row in rows for place in places(self.store.gate.policy, row)]


@pytest.fixture
def around(store: Any, tracking: Any) -> Around:
    """The way around the gate."""
    return Around(store, SqlAlchemyStore(tracking.uri))


@pytest.fixture
def champion(store: Any, known: Any) -> Path:
    """A version promoted as it should be; returns its frozen tree."""
    known()
    store.set_registered_model_alias("risk", "champion", "1")
    return Path(store.get_model_version_download_uri("risk", "1"))
