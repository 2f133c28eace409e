"""What every change shares: facts of the primary database, and a refusal that outlives what it undoes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from governance_mlflow.store.registry_store import GovernedStore, open_store

pytestmark = pytest.mark.slow


@pytest.fixture
def behind(tracking: Any, store: Any, known: Callable[[], str]) -> tuple[GovernedStore, str]:
    """A store whose replica stands still where version 1 was champion, and version 2 not yet there."""
    known()
    store.set_registered_model_alias("risk", "champion", 1)
    replica = tracking.folder / "replica.db"
    shutil.copy(tracking.folder / "mlflow.db", replica)
    return GovernedStore(tracking.uri, f"sqlite:///{replica}"), f"sqlite:///{replica}"


def test_x7_nothing_is_decided_on_a_replica(
    behind: tuple[GovernedStore, str], store: Any, known: Callable[[], str]
) -> None:
    """Plain reads are the replica's, as MLflow has it; what a decision rests on is not."""
    lagging, _ = behind
    known()
    with pytest.raises(MlflowException, match="not found"):
        lagging.get_model_version("risk", 2)

    decision = lagging.promote_alias("risk", "champion", 2)
    lagging.transition_model_version_stage("risk", 2, "Production", True)
    lagging.set_model_version_tag("risk", 2, _tag("k", "v"))
    store.delete_registered_model_alias("risk", "champion")
    lagging.delete_registered_model_alias("risk", "champion")
    lagging.rename_registered_model("risk", "hazard")
    lagging.delete_model_version("hazard", 2)

    assert decision is not None
    assert "allowed" == decision.outcome.value
    with store.reading() as books:
        entries = list(books.audit.entries())
    (moved,) = (e for e in entries if e.type == "promotion:allowed" and e.body["before"] == "models:/risk/1")
    assert "alias @champion of risk" == moved.body["change"]
    assert ["version:renamed", "version:renamed", "promotion:withdrawn", "version:deleted"] == [
        entry.type for entry in entries[-4:]
    ]


def _tag(key: str, value: str) -> Any:
    from mlflow.entities.model_registry import ModelVersionTag

    return ModelVersionTag(key, value)


def test_x7_what_fell_since_is_not_promoted(
    behind: tuple[GovernedStore, str], store: Any, tracking: Any
) -> None:
    """A version that the replica still shows, and that was made anew of other bytes, is judged as it is."""
    lagging, _ = behind
    store.delete_registered_model("risk")
    store.create_registered_model("risk")
    store.create_model_version("risk", tracking.write(str(tracking.folder / "evil"), {"MLmodel": "{}"}))

    with pytest.raises(MlflowException, match="approval"):
        lagging.set_registered_model_alias("risk", "champion", 1)


def test_a_server_s_replica_is_used_where_it_is_the_registry_s(
    behind: tuple[GovernedStore, str], tracking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--read-replica-backend-store-uri` names one of the backend, which may be another database."""
    _, replica = behind
    monkeypatch.setenv("_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE", replica)
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", tracking.uri)
    same = open_store(f"governed+{tracking.uri}")
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///another.db")
    another = open_store(f"governed+{tracking.uri}")

    assert (replica, None) == (str(same.read_engine.url), another.read_engine)


def test_a_refusal_outlives_the_transaction_that_it_undoes(store: Any) -> None:
    """Recorded inside, it would go with it; it is recorded once, by whoever opened it."""
    with (
        pytest.raises(MlflowException, match="Doing this is refused: it is wrong"),
        store.governing(),
        store.transaction(),
        store.governing(),
    ):
        store.refuse("Doing this", "it is wrong.")

    with store.reading() as books:
        (entry,) = books.audit.entries()
    assert ("change:refused", {"change": "Doing this", "reason": "it is wrong."}) == (
        entry.type,
        dict(entry.body),
    )
