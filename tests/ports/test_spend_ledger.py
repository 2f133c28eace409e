"""The conformance suite of `ports.SpendLedger`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.domain.budget import SpendState
from governance.errors import Conflict


def test_a_reservation_comes_back_as_it_went_in(archive: Any, make: Any) -> None:
    """The training's facts survive; the same reservation twice is one."""
    spend = make.spend(expires_at=make.later(60))
    with archive.writing() as books:
        books.ledger.reserve(spend)
        books.ledger.reserve(spend)

    with archive.reading() as books:
        assert (spend,) == books.ledger.spends("visits")
        assert () == books.ledger.spends("stays")


def test_a_reserved_key_is_taken_on_that_dataset_only(archive: Any, make: Any) -> None:
    """One training may charge several datasets, each once."""
    with archive.writing() as books:
        books.ledger.reserve(make.spend())
        books.ledger.reserve(make.spend(dataset="stays"))
    with pytest.raises(Conflict, match="reserved"), archive.writing() as books:
        books.ledger.reserve(make.spend(minutes=1))

    with archive.reading() as books:
        assert (make.spend(),) == books.ledger.spends("visits")


def test_a_commitment_takes_the_place_of_its_reservation(archive: Any, make: Any) -> None:
    """One key, one charge, in its newest state and at its old place."""
    committed = make.spend(minutes=9, state=SpendState.COMMITTED)
    with archive.writing() as books:
        books.ledger.reserve(make.spend())
        books.ledger.reserve(make.spend("k2"))
        books.ledger.commit(make.spend(minutes=9))

    with archive.reading() as books:
        assert (committed, make.spend("k2")) == books.ledger.spends("visits")


def test_a_training_is_charged_without_a_reservation(archive: Any, make: Any) -> None:
    """Nobody escapes a charge by not announcing it; a second commitment changes nothing."""
    with archive.writing() as books:
        books.ledger.commit(make.spend(state=SpendState.COMMITTED))
        books.ledger.commit(make.spend(minutes=5, by="eve"))

    with archive.reading() as books:
        assert (make.spend(state=SpendState.COMMITTED),) == books.ledger.spends("visits")


def test_a_released_reservation_can_be_made_again(archive: Any, make: Any) -> None:
    """A release ends a reservation, shows in the ledger, and frees the key."""
    released = make.spend(state=SpendState.RELEASED, at=make.later(3))
    with archive.writing() as books:
        books.ledger.reserve(make.spend())
        books.ledger.release("k1", "visits", make.later(3))
        books.ledger.release("k1", "visits", make.later(4))
    with archive.reading() as books:
        assert (released,) == books.ledger.spends("visits")
    with archive.writing() as books:
        books.ledger.reserve(make.spend(minutes=5))

    with archive.reading() as books:
        assert (make.spend(minutes=5),) == books.ledger.spends("visits")


def test_a_committed_charge_is_never_refunded(archive: Any, make: Any) -> None:
    """Neither a release nor a new reservation touches it."""
    committed = make.spend(state=SpendState.COMMITTED)
    with archive.writing() as books:
        books.ledger.commit(committed)
        books.ledger.release("k1", "visits", make.later(1))
        books.ledger.release("unknown", "visits", make.later(1))
    with pytest.raises(Conflict, match="committed"), archive.writing() as books:
        books.ledger.reserve(make.spend(minutes=2))

    with archive.reading() as books:
        assert (committed,) == books.ledger.spends("visits")


def test_a_lapsed_reservation_frees_its_key(archive: Any, make: Any) -> None:
    """At the very instant of expiry the key is free, a moment before it is not."""
    lapsing = make.spend(expires_at=make.later(10))
    with archive.writing() as books:
        books.ledger.reserve(lapsing)
    with pytest.raises(Conflict), archive.writing() as books:
        books.ledger.reserve(make.spend(minutes=9))
    again = make.spend(minutes=10, by="bob")
    with archive.writing() as books:
        books.ledger.reserve(again)

    with archive.reading() as books:
        assert (replace(again, state=SpendState.RESERVED),) == books.ledger.spends("visits")
