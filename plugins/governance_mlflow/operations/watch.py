"""Reconciles inside the server, now and then, and says in its log what was found; it changes nothing."""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from governance.domain.discrepancy import Kind
from governance.inspecting import Inspection
from governance.reconciling import Cursor, reconcile
from governance.storage.leases import take_lease
from governance_mlflow.callers.served import own_reads
from governance_mlflow.operations.reconcile import MlflowInventory

if TYPE_CHECKING:
    from governance_mlflow.store.registry_store import GovernedStore

_logger = logging.getLogger(__name__)

LEASE = "reconcile"
PAGE = 1_000


def start(store: GovernedStore, minutes: float) -> threading.Event | None:
    """Look at the registry every so many minutes, in one of all the processes that ask for it.

    Returns:
        What ends it when it is set; None if `minutes` is 0, which never looks.
    """
    if minutes <= 0:
        return None
    stop = threading.Event()
    threading.Thread(
        target=_run, args=(store, minutes, stop), name="governance-reconcile", daemon=True
    ).start()
    return stop


def _run(store: GovernedStore, minutes: float, stop: threading.Event) -> None:
    # Replicas that started together do not all ask at once.
    while not stop.wait(60 * minutes * random.uniform(0.9, 1.1)):  # noqa: S311 - only spreads the load
        try:
            look(store, minutes, datetime.now(timezone.utc))
        except Exception:
            # A server goes on serving whatever becomes of this.
            _logger.exception("Reconciling could not be finished; it is tried again.")


def look(store: GovernedStore, minutes: float, now: datetime) -> Counter[Kind] | None:
    """Look once and log what was found, by kind; None if another process looked within the interval."""
    # A little less than the interval, or a replica that is a moment early would skip every second one.
    until = now + timedelta(minutes=0.8 * minutes)
    with store.transaction() as session:
        if not take_lease(session.connection(), LEASE, now, until):
            return None
    found: Counter[Kind] = Counter()
    versions = 0
    with own_reads():
        inspection = Inspection(MlflowInventory(store), store.gate.artifacts, store.gate.policy, now)
        for page in reconcile(inspection, Cursor(), PAGE):
            versions += page.looked_at
            found.update(one.discrepancy.kind for one in page.found)
    harmful = sum(count for kind, count in found.items() if kind.harmful)
    words = ", ".join(f"{count} {kind.value}" for kind, count in sorted(found.items())) or "nothing"
    level = logging.WARNING if harmful else logging.INFO
    _logger.log(level, "Reconciled %d versions, found %s. For more: governance reconcile", versions, words)
    return found
