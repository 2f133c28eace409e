"""Privacy loss is reserved, charged and composed; nothing about it is taken on trust."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from governance.domain.budget import Spend, SpendState
from governance.domain.dataset import Budget
from governance.domain.mechanism import DpTraining, SampledGaussian
from governance.errors import Conflict, NotFound, UsageError
from governance.memory import MemoryArchive
from governance.privacy.accounting import composed_epsilon
from governance.spending import Refusal, account, commit, release, reserve

DAY = timedelta(days=1)


@pytest.fixture
def training(make: Any) -> DpTraining:
    """100 full-batch steps, about ε = 4.4 at δ = 1e-5."""
    return replace(make.training(), phases=(SampledGaussian(10.0, 1.0, 100),), delta=1e-5)


@pytest.fixture
def archive(make: Any) -> MemoryArchive:
    """Two datasets of people: `visits` may spend ε = 5, `notes` has no budget."""
    archive = MemoryArchive()
    visits = make.dataset(budget=Budget(5.0, 1e-5, "person", True))
    notes = make.dataset("notes", "b" * 64, budget=None)
    with archive.writing() as books:
        for dataset in (visits, notes):
            books.catalogue.add(dataset, make.labelling(dataset))
    return archive


@pytest.fixture
def ask(archive: MemoryArchive, make: Any) -> Any:
    """Reserves in a transaction of its own."""

    def call(training: DpTraining, key: str = "k1", names: Any = ("visits",), minutes: int = 0) -> Any:
        with archive.writing() as books:
            return reserve(books, names, training, key=key, by="ada", now=make.later(minutes), ttl=DAY)

    return call


@pytest.fixture
def charge(archive: MemoryArchive, make: Any) -> Any:
    """Commits in a transaction of its own."""

    def call(training: DpTraining, key: str = "k1", names: Any = ("visits",), minutes: int = 0) -> None:
        with archive.writing() as books:
            commit(books, names, training, key=key, by="ada", now=make.later(minutes))

    return call


def events(archive: MemoryArchive) -> list[tuple[str, Any, Any]]:
    """Type, dataset and key of everything in the log."""
    with archive.reading() as books:
        return [(e.type, e.body["dataset"], e.body["key"]) for e in books.audit.entries()]


def test_nothing_spent(archive: MemoryArchive) -> None:
    """An untouched budget is whole; a dataset without one has no account."""
    with archive.reading() as books:
        opened = account(books, "visits")
        assert opened is not None
        assert (5.0, 1e-5, "person", (), 0.0, False) == (
            opened.limit_epsilon,
            opened.limit_delta,
            opened.unit,
            opened.spends,
            opened.spent_epsilon,
            opened.overdrawn,
        )
        assert account(books, "notes") is None
        assert account(books, "nowhere") is None


def test_from_reservation_to_charge(
    archive: MemoryArchive, ask: Any, charge: Any, make: Any, training: DpTraining
) -> None:
    """A reservation is no spend; the commitment takes its place, and both are in the log."""
    assert () == ask(training, names=("visits", "notes"))
    with archive.reading() as books:
        reserved = account(books, "visits")
    charge(training, names=("visits", "notes"), minutes=5)
    with archive.reading() as books:
        charged = account(books, "visits")

    assert reserved is not None
    assert charged is not None
    set_aside = Spend("k1", "visits", training, SpendState.RESERVED, make.noon, "ada", make.noon + DAY)
    assert ((set_aside,), 0.0) == (reserved.spends, reserved.spent_epsilon)
    paid = Spend("k1", "visits", training, SpendState.COMMITTED, make.later(5), "ada")
    assert ((paid,), composed_epsilon([training], 1e-5)) == (charged.spends, charged.spent_epsilon)
    assert [
        ("budget:reserved", "visits", "k1"),
        ("budget:reserved", "notes", "k1"),
        ("budget:committed", "visits", "k1"),
        ("budget:committed", "notes", "k1"),
    ] == events(archive)


@pytest.mark.slow
def test_a_refusal_says_what_would_fit(
    archive: MemoryArchive, ask: Any, charge: Any, training: DpTraining
) -> None:
    """It names the most steps and the least noise, both of which fit while a little more does not."""
    charge(training)

    (refusal,) = ask(training, key="k2")

    def total(steps: int, sigma: float) -> float:
        second = replace(training, phases=(SampledGaussian(sigma, 1.0, steps),))
        return composed_epsilon([training, second], 1e-5)

    assert (total(100, 10.0), composed_epsilon([training], 1e-5)) == (refusal.asked, refusal.spent)
    assert refusal.left == 5.0 - refusal.spent
    assert total(refusal.steps, 10.0) <= 5.0 < total(refusal.steps + 1, 10.0)
    assert total(100, refusal.noise_multiplier) <= 5.0 < total(100, refusal.noise_multiplier - 0.11)
    assert str(refusal) == (
        f"visits: ε would be {refusal.asked:.2f} per person at δ = 1e-05, 5 is granted. It would fit with "
        f"at most {refusal.steps} steps or a noise multiplier of at least {refusal.noise_multiplier}."
    )
    assert [("budget:committed", "visits", "k1")] == events(archive)


@pytest.mark.slow
def test_what_fits_is_then_granted(ask: Any, charge: Any, training: DpTraining) -> None:
    """Whoever follows either advice gets the reservation, and with it the budget is used up."""
    charge(training)
    (refusal,) = ask(training, key="k2")

    fewer = replace(training, phases=(SampledGaussian(10.0, 1.0, refusal.steps),))
    noisier = replace(training, phases=(SampledGaussian(refusal.noise_multiplier, 1.0, 100),))

    assert () == ask(fewer, key="fewer")
    assert () == ask(noisier, key="noisier, after the other lapsed", minutes=24 * 60)


@pytest.mark.slow
def test_one_refusal_refuses_all(archive: MemoryArchive, ask: Any, charge: Any, training: DpTraining) -> None:
    """A training on two datasets is reserved on both or on neither."""
    charge(training)

    assert 1 == len(ask(training, key="k2", names=("notes", "visits")))
    with archive.reading() as books:
        assert () == books.ledger.spends("notes")


@pytest.mark.slow
def test_reservations_count_until_they_lapse(ask: Any, training: DpTraining) -> None:
    """Two trainings cannot set the same budget aside; a day later the first is forgotten."""
    assert () == ask(training, key="k1")
    assert 1 == len(ask(training, key="k2", minutes=1))
    assert () == ask(training, key="k2", minutes=24 * 60)


def test_a_released_reservation_is_free_again(
    archive: MemoryArchive, ask: Any, make: Any, training: DpTraining
) -> None:
    """A training that failed gives its budget back, once, and the books show it."""
    ask(training)
    for minutes in (1, 2):
        with archive.writing() as books:
            release(books, ["visits", "notes"], key="k1", by="ada", now=make.later(minutes))

    assert () == ask(training, key="k2", minutes=3)
    with archive.reading() as books:
        assert [SpendState.RELEASED, SpendState.RESERVED] == [s.state for s in books.ledger.spends("visits")]
    assert ["budget:reserved", "budget:released", "budget:reserved"] == [name for name, *_ in events(archive)]


def test_a_charge_is_never_given_back(
    archive: MemoryArchive, charge: Any, make: Any, training: DpTraining
) -> None:
    """Releasing a committed key changes nothing."""
    charge(training)
    with archive.writing() as books:
        release(books, ["visits"], key="k1", by="ada", now=make.later(1))

    with archive.reading() as books:
        assert [SpendState.COMMITTED] == [s.state for s in books.ledger.spends("visits")]
    assert ["budget:committed"] == [name for name, *_ in events(archive)]


def test_what_happened_is_charged(archive: MemoryArchive, charge: Any, training: DpTraining) -> None:
    """A training beyond the budget is charged all the same; then the account is overdrawn."""
    for key in ("k1", "k2"):
        charge(training, key=key)

    with archive.reading() as books:
        overdrawn = account(books, "visits")
    assert overdrawn is not None
    assert (composed_epsilon([training] * 2, 1e-5), True) == (overdrawn.spent_epsilon, overdrawn.overdrawn)


def test_nothing_fits_an_overdrawn_account(ask: Any, charge: Any, training: DpTraining) -> None:
    """When more is spent than granted, no step is left and no noise helps."""
    for key in ("k1", "k2"):
        charge(training, key=key)

    (refusal,) = ask(training, key="k3")

    assert (0.0, 0, None) == (refusal.left, refusal.steps, refusal.noise_multiplier)
    assert "No training of this kind fits any more." == refusal.fits


def test_charging_twice_charges_once(archive: MemoryArchive, charge: Any, training: DpTraining) -> None:
    """A copy or a second registration of the same training costs nothing, whatever library wrote it."""
    charge(training)
    charge(replace(training, hazards=("noticed later",), libraries=()), minutes=1)

    assert [("budget:committed", "visits", "k1")] == events(archive)


def test_a_used_key_carries_no_other_training(
    archive: MemoryArchive, charge: Any, training: DpTraining
) -> None:
    """Ten times the steps under a key that was paid for one time are charged beside it."""
    longer = replace(training, phases=(SampledGaussian(10.0, 1.0, 1000),))
    charge(training)
    for _ in range(2):
        charge(longer)

    with archive.reading() as books:
        spends = books.ledger.spends("visits")
    assert [training, longer] == [spend.training for spend in spends]
    assert [True, True] == [spend.key.startswith("k1") for spend in spends]


def test_a_key_in_use_is_a_conflict(ask: Any, charge: Any, training: DpTraining) -> None:
    """Neither a living reservation nor a charge is overwritten; a lapsed reservation is."""
    ask(training)
    with pytest.raises(Conflict, match="'k1' is reserved on 'visits'"):
        ask(training, minutes=1)
    assert () == ask(training, minutes=24 * 60)
    charge(training, minutes=24 * 60)
    with pytest.raises(Conflict, match="'k1' is committed on 'visits'"):
        ask(training, minutes=24 * 60)


def test_a_per_record_guarantee_is_none_per_person(
    archive: MemoryArchive, ask: Any, charge: Any, training: DpTraining
) -> None:
    """ε per record says nothing about a person with several: refused, and overdrawn once it happened."""
    per_record = replace(training, unit="record", unit_is_data_subject=False, max_records_per_subject=3)

    assert (
        Refusal(
            dataset="visits",
            limit=5.0,
            spent=0.0,
            asked=math.inf,
            reason="the training protects one record, the budget counts in person",
            steps=0,
            noise_multiplier=None,
        ),
    ) == ask(per_record)
    charge(per_record)
    with archive.reading() as books:
        overdrawn = account(books, "visits")
    assert overdrawn is not None
    assert overdrawn.overdrawn


def test_one_record_a_person_is_per_person(ask: Any, training: DpTraining) -> None:
    """Where nobody has more than one record, the record is the person."""
    assert () == ask(replace(training, unit="record", unit_is_data_subject=False, max_records_per_subject=1))


def test_a_new_extract_does_not_refill_a_budget(archive: MemoryArchive, make: Any) -> None:
    """Of several contents under one name the strictest budget holds."""
    later = make.dataset(sha256="c" * 64, budget=Budget(50.0, 1e-5, "person", True))
    with archive.writing() as books:
        books.catalogue.add(later, make.labelling(later))
        opened = account(books, "visits")

    assert opened is not None
    assert 5.0 == opened.limit_epsilon


@pytest.mark.parametrize("sigma", [-1.0, 0.0, math.nan, math.inf])
def test_impossible_facts_neither_buy_nor_spend(
    archive: MemoryArchive, ask: Any, charge: Any, training: DpTraining, sigma: float
) -> None:
    """A negative, infinite or unknown noise must not raise what is left."""
    impossible = replace(training, phases=(SampledGaussian(sigma, 1.0, 100),))

    for verb in (ask, charge):
        with pytest.raises(UsageError, match="noise_multiplier"):
            verb(impossible)
    assert [] == events(archive)


def test_an_unknown_dataset(ask: Any, training: DpTraining) -> None:
    """Budget is reserved on catalogued datasets only."""
    with pytest.raises(NotFound, match="no dataset 'visit'"):
        ask(training, names=("visit",))


@pytest.mark.slow
def test_two_at_once_cannot_both_have_it(ask: Any, training: DpTraining) -> None:
    """Of trainings that ask at the same time, exactly as many are granted as fit."""
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda key=key: answers.append(ask(training, key=key))) for key in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [0, 1, 1, 1] == sorted(map(len, answers))
