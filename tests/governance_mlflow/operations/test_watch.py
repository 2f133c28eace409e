"""Reconciling inside the server: one process at a time, a line in the log, and nothing changed."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from governance.domain.discrepancy import Kind
from governance.storage.archive import SqlArchive
from governance.storage.leases import take_lease
from governance_mlflow.operations import watch
from governance_mlflow.store.registry_store import open_store

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def minutes(count: float) -> datetime:
    """So many minutes later."""
    return NOW + timedelta(minutes=count)


def test_a_line_in_the_log(store: Any, known: Any, tracking: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Quiet when nothing is amiss, a warning when something harmful is; neither changes anything."""
    known()
    with caplog.at_level(logging.INFO, "governance_mlflow.operations.watch"):
        assert Counter() == watch.look(store, 60, NOW)
        SqlAlchemyStore(tracking.uri).set_registered_model_alias("risk", "champion", 1)
        assert Counter({Kind.UNGATED_PROMOTION: 1}) == watch.look(store, 60, minutes(60))

    more = ". For more: governance reconcile"
    assert [
        ("INFO", f"Reconciled 1 versions, found nothing{more}"),
        ("WARNING", f"Reconciled 1 versions, found 1 ungated-promotion{more}"),
    ] == [(record.levelname, record.getMessage()) for record in caplog.records]
    assert {"champion": 1} == store.get_registered_model("risk").aliases


def test_one_of_many_looks(store: Any, tracking: Any) -> None:
    """Whichever asks first within an interval, and whichever asks first in the next, early by a little."""
    other = open_store(f"governed+{tracking.uri}")

    looked = [watch.look(s, 60, minutes(at)) for at in (0, 1, 40, 55, 56, 110) for s in (store, other)]

    assert [0, 6, 10] == [number for number, found in enumerate(looked) if found is not None]


def test_it_runs_until_it_is_stopped(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again, and a failure ends nothing."""
    looked = threading.Semaphore(0)

    def fail(*_: Any) -> None:
        looked.release()
        raise ZeroDivisionError

    monkeypatch.setattr(watch, "look", fail)
    stop = watch.start(store, 0.0005)
    assert stop is not None
    assert looked.acquire(timeout=10)
    assert looked.acquire(timeout=10)

    stop.set()

    (thread,) = [t for t in threading.enumerate() if t.name == "governance-reconcile"]
    thread.join(10)
    assert not thread.is_alive()


def test_never_is_never(store: Any) -> None:
    """Zero minutes start nothing."""
    assert watch.start(store, 0) is None
    assert "governance-reconcile" not in {thread.name for thread in threading.enumerate()}


def test_a_lease_is_taken_by_one_until_it_ends(database: SqlArchive) -> None:
    """On both kinds of database; another name is another lease."""

    def take(at: float, until: float, name: str = "reconcile") -> bool:
        with database.reading(), database.engine.begin() as connection:
            return take_lease(connection, name, minutes(at), minutes(until))

    assert [True, False, True, False, True, True] == [
        take(0, 10),
        take(9.9, 20),
        take(10, 20),
        take(19, 30),
        take(19, 30, "another"),
        take(500, 510),
    ]
