from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from governance.domain.budget import SpendState
from governance.errors import Conflict
from governance.memory import MemoryArchive
from governance.ports import Books
from governance_mlflow.ledger import RegistryLedger

RESERVED, COMMITTED, RELEASED = SpendState.RESERVED, SpendState.COMMITTED, SpendState.RELEASED


class Registry:
    """As much of the gate as the ledger asks for."""

    def __init__(self, archive: MemoryArchive) -> None:
        self.archive = archive

    def writing(self) -> AbstractContextManager[Books]:
        return self.archive.writing()

    def actor(self) -> str:
        return "ada"


@pytest.fixture
def registry(make: Any) -> Registry:
    """Books with one dataset that has a budget."""
    archive = MemoryArchive()
    with archive.writing() as books:
        books.catalogue.add(make.dataset(), make.labelling(make.dataset()))
    return Registry(archive)


@pytest.fixture
def training(make: Any) -> Any:
    """A training that is resumed under its key."""
    return replace(make.training(), key="resumable")


def ledger(registry: Registry) -> RegistryLedger:
    """The ledger as a new process has it."""
    return RegistryLedger(registry)  # type: ignore[arg-type]  # the gate of a registry is more than this


def states(registry: Registry) -> list[SpendState]:
    """What the books say of the dataset's charges."""
    with registry.archive.reading() as books:
        return [spend.state for spend in books.ledger.spends("visits")]


def test_a_killed_training_that_comes_again_gives_back_before_it_takes(
    registry: Registry, training: Any
) -> None:
    """Its key holds a reservation that nobody will charge; it is not in its own way."""
    ledger(registry).reserve(training)

    refusals = ledger(registry).reserve(training)

    assert (0, RESERVED) == (len(refusals), states(registry)[-1])
    assert 1 == states(registry).count(RESERVED)


def test_what_was_charged_is_not_given_back(registry: Registry, training: Any) -> None:
    """A key that was charged cannot be reserved again: its training is over."""
    ledger(registry).reserve(training)
    ledger(registry).commit(training)

    with pytest.raises(Conflict, match="committed"):
        ledger(registry).reserve(training)

    assert [COMMITTED] == states(registry)
