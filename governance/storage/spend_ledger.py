"""Charges of privacy loss in a database: a row for every change of state, none ever changed."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from governance.canonical import canonical, instant, timestamp
from governance.domain.budget import Spend, SpendState
from governance.domain.mechanism import DpTraining
from governance.errors import Conflict
from governance.storage.among import among
from governance.storage.tables import spends


class SpendLedger:
    """Reservations and charges; see `ports.SpendLedger`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def reserve(self, spend: Spend) -> None:
        """Record a reservation; `Conflict` if the key is reserved or committed on that dataset."""
        spend = replace(spend, state=SpendState.RESERVED)
        newest = self._newest(spend.dataset, spend.key)
        if newest == spend:
            return
        if newest is not None and newest.holds(spend.at):
            raise Conflict(
                f"The training {spend.key} is {newest.state.value} on {spend.dataset} already.",
                f"To see its charges: governance budget show {spend.dataset}",
            )
        self._append(spend)

    def commit(self, spend: Spend) -> None:
        """Charge a training, whether or not it was reserved; a committed key stays as it was."""
        newest = self._newest(spend.dataset, spend.key)
        if newest is None or newest.state is not SpendState.COMMITTED:
            self._append(replace(spend, state=SpendState.COMMITTED))

    def release(self, key: str, dataset: str, at: datetime) -> None:
        """End a reservation; a committed charge is left alone."""
        newest = self._newest(dataset, key)
        if newest is not None and newest.state is SpendState.RESERVED:
            self._append(replace(newest, state=SpendState.RELEASED, at=at))

    def spends(self, dataset: str) -> tuple[Spend, ...]:
        """Every charge to that dataset in its newest state, oldest first."""
        return self.spends_each([dataset]).get(dataset, ())

    def spends_each(self, datasets: Collection[str]) -> dict[str, tuple[Spend, ...]]:
        """The same for many datasets at once; those without any are left out."""
        wanted = among(self._connection, spends.c.dataset, datasets)
        newest: dict[str, dict[str, Spend]] = {}
        for row in self._connection.execute(select(spends).where(wanted).order_by(spends.c.position)):
            # A later row replaces the value of its key and keeps the key's place.
            newest.setdefault(row.dataset, {})[row.key] = _spend(row)
        return {dataset: tuple(by_key.values()) for dataset, by_key in newest.items()}

    def _newest(self, dataset: str, key: str) -> Spend | None:
        row = self._connection.execute(
            select(spends)
            .where(spends.c.dataset == dataset, spends.c.key == key)
            .order_by(spends.c.position.desc())
            .limit(1)
        ).one_or_none()
        return _spend(row) if row is not None else None

    def _append(self, spend: Spend) -> None:
        self._connection.execute(
            spends.insert().values(
                dataset=spend.dataset,
                key=spend.key,
                state=spend.state.value,
                training=canonical(spend.training.to_json()).decode(),
                at=timestamp(spend.at),
                actor=spend.by,
                expires_at=timestamp(spend.expires_at) if spend.expires_at else None,
            )
        )


def _spend(row: Row[Any]) -> Spend:
    return Spend(
        key=row.key,
        dataset=row.dataset,
        training=DpTraining.from_json(json.loads(row.training)),
        state=SpendState(row.state),
        at=instant(row.at),
        by=row.actor,
        expires_at=instant(row.expires_at) if row.expires_at else None,
    )
