"""The privacy budget of the registry's own books, as a training sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from governance import spending
from governance.domain.mechanism import DpTraining

if TYPE_CHECKING:
    from governance_mlflow.gate.gate import Gate

LIFETIME = timedelta(hours=24)
"""How long a reservation holds if nothing is heard of its training."""


class RegistryLedger:
    """Reserves, charges and gives back in the books behind a governed registry."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._datasets: dict[str, Sequence[str]] = {}

    def reserve(self, training: DpTraining) -> Sequence[object]:
        """Set budget aside; the refusals, none if it was granted."""
        self._datasets[training.key] = training.datasets
        key, by, now = training.key, self._gate.actor(), _now()
        with self._gate.writing() as books:
            # A key that comes again is that of a training that was killed: it gives back before it takes.
            spending.release(books, training.datasets, key=key, by=by, now=now)
            return spending.reserve(books, training.datasets, training, key=key, by=by, now=now, ttl=LIFETIME)

    def commit(self, training: DpTraining) -> None:
        """Charge what the training did."""
        with self._gate.writing() as books:
            spending.commit(
                books, training.datasets, training, key=training.key, by=self._gate.actor(), now=_now()
            )

    def release(self, key: str) -> None:
        """Give a reservation back."""
        with self._gate.writing() as books:
            spending.release(books, self._datasets.get(key, ()), key=key, by=self._gate.actor(), now=_now())


def registry_ledger() -> RegistryLedger | None:
    """The ledger of the registry that MLflow is set to, None if that is not reached directly.

    Behind a server the training is charged all the same, when its model is registered.
    """
    import mlflow

    from governance_mlflow.registry import governed_store

    uri = mlflow.get_registry_uri()
    return RegistryLedger(governed_store(uri).gate) if uri.startswith("governed+") else None


def _now() -> datetime:
    return datetime.now(timezone.utc)
