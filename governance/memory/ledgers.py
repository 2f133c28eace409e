"""The catalogue, the hash chain and the privacy budget, in memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from governance.canonical import canonical
from governance.domain.budget import Spend, SpendState
from governance.domain.chain import GENESIS, Entry, seal
from governance.domain.dataset import Catalogued, Dataset, Labelling
from governance.domain.events import Event
from governance.errors import Conflict, NotFound, UsageError
from governance.memory.state import State


class Catalogue:
    """Datasets and their labellings; see `ports.Catalogue`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, dataset: Dataset, labelling: Labelling) -> None:
        """Record a dataset with its first label; `Conflict` if its identity is catalogued already."""
        if labelling.dataset != dataset.identity:
            raise UsageError(f"The labelling is of {labelling.dataset}, the dataset is {dataset.identity}.")
        known = self._state.datasets.get(dataset.identity)
        if known is None:
            self._state.datasets[dataset.identity] = dataset
            self.relabel(labelling)
        elif (known, self.history(dataset.identity)[0]) != (dataset, labelling):
            raise Conflict(
                f"{dataset.identity} is catalogued already.",
                f"To label it anew: governance dataset relabel {dataset.name}",
            )

    def relabel(self, labelling: Labelling) -> None:
        """Add a labelling; `NotFound` if its dataset is not catalogued."""
        if labelling.dataset not in self._state.datasets:
            raise NotFound(
                f"No dataset {labelling.dataset} is catalogued.",
                "To see those that are: governance dataset list",
            )
        if (labelling,) != self.history(labelling.dataset)[-1:]:
            self._state.labellings.append(labelling)

    def named(self, name: str) -> tuple[Catalogued, ...]:
        """All datasets of that name (several contents may share one), newest last."""
        return tuple(entry for entry in self.all() if entry.dataset.name == name)

    def all(self) -> tuple[Catalogued, ...]:
        """Every dataset with its newest label, by name, then age."""
        newest = {labelling.dataset: labelling for labelling in self._state.labellings}
        found = [Catalogued(dataset, newest[name]) for name, dataset in self._state.datasets.items()]
        return tuple(sorted(found, key=lambda entry: entry.dataset.name))

    def history(self, identity: str) -> tuple[Labelling, ...]:
        """Every labelling of one dataset, oldest first."""
        return tuple(labelling for labelling in self._state.labellings if labelling.dataset == identity)


class AuditLog:
    """The hash chain; see `ports.AuditLog`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def append(self, at: datetime, actor: str, event: Event) -> Entry:
        """Seal the event onto the end of the chain; concurrent appends neither fork nor lose one."""
        position, head = self.head()
        entry = seal(position + 1, at, actor, event.name, json.loads(canonical(event.body())), head)
        self._state.audit.append(entry)
        return entry

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Entries behind a position, in order."""
        return iter(self._state.audit[after:])

    def head(self) -> tuple[int, str]:
        """Position and hash of the last entry; (0, GENESIS) when there is none."""
        return (
            (self._state.audit[-1].position, self._state.audit[-1].hash)
            if self._state.audit
            else (0, GENESIS)
        )


class SpendLedger:
    """Reservations and charges; see `ports.SpendLedger`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def reserve(self, spend: Spend) -> None:
        """Record a reservation; `Conflict` if the key is reserved or committed on that dataset."""
        spend = replace(spend, state=SpendState.RESERVED)
        newest = self._state.spends.get((spend.dataset, spend.key))
        if newest != spend and newest is not None and newest.holds(spend.at):
            raise Conflict(
                f"The training {spend.key} is {newest.state.value} on {spend.dataset} already.",
                f"To see its charges: governance budget show {spend.dataset}",
            )
        self._state.spends[spend.dataset, spend.key] = spend

    def commit(self, spend: Spend) -> None:
        """Charge a training, whether or not it was reserved; a committed key stays as it was."""
        newest = self._state.spends.get((spend.dataset, spend.key))
        if newest is None or newest.state is not SpendState.COMMITTED:
            self._state.spends[spend.dataset, spend.key] = replace(spend, state=SpendState.COMMITTED)

    def release(self, key: str, dataset: str, at: datetime) -> None:
        """End a reservation; a committed charge is left alone."""
        newest = self._state.spends.get((dataset, key))
        if newest is not None and newest.state is SpendState.RESERVED:
            self._state.spends[dataset, key] = replace(newest, state=SpendState.RELEASED, at=at)

    def spends(self, dataset: str) -> tuple[Spend, ...]:
        """Every charge to that dataset in its newest state, oldest first."""
        return tuple(spend for (charged, _), spend in self._state.spends.items() if charged == dataset)

    def spends_each(self, datasets: Collection[str]) -> dict[str, tuple[Spend, ...]]:
        """The same for many datasets at once; those without any are left out."""
        return {dataset: found for dataset in datasets if (found := self.spends(dataset))}
