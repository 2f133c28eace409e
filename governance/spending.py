"""Privacy loss is reserved before a training, charged after it, and never refunded.

Everything charged to a dataset is composed anew from the recorded mechanisms, whenever it is asked for:
1. a reservation is granted only if committed charges, living reservations and the new training fit together;
2. a commitment is written whether it fits or not: what happened, happened, and the gate denies afterwards;
3. a reservation that lapsed counts as released, and stays in the books;
4. one key is charged once; the same key over other facts is another training, and is charged beside it;
5. several contents under one name are one population: the strictest of their budgets holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from governance.canonical import digest
from governance.domain.budget import Account, Spend, SpendState
from governance.domain.dataset import Budget
from governance.domain.events import BudgetCommitted, BudgetReleased, BudgetReserved
from governance.domain.mechanism import DpTraining
from governance.errors import Conflict, NotFound, Undecided, UsageError
from governance.ports import Books

LARGEST_RAISE = 1024.0
"""How many times the noise is raised in search of one that fits, before the answer is "none"."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A training that a dataset's budget cannot bear, and what it could bear instead."""

    dataset: str
    limit: float
    """The ε granted, per unit of privacy, at the budget's δ."""
    spent: float
    """The composed ε of all committed charges and living reservations."""
    asked: float
    """The composed ε if this training joined them; infinite if its unit cannot be compared."""
    reason: str
    steps: int
    """The most steps of this training that would fit; 0 if none."""
    noise_multiplier: float | None
    """The smallest noise multiplier with which all of its steps would fit; None if there is none."""

    @property
    def left(self) -> float:
        """What the budget still holds; composition does not add up, so less or more than this may fit."""
        return max(0.0, self.limit - self.spent)

    @property
    def fits(self) -> str:
        """What would fit, in a sentence."""
        if self.noise_multiplier is None and not self.steps:
            return "No training of this kind fits any more."
        by_noise = f"a noise multiplier of at least {self.noise_multiplier}" if self.noise_multiplier else ""
        by_steps = f"at most {self.steps} steps" if self.steps else ""
        return f"It would fit with {' or '.join(filter(None, (by_steps, by_noise)))}."

    def __str__(self) -> str:
        return f"{self.dataset}: {self.reason}. {self.fits}"


def account(books: Books, dataset_name: str) -> Account | None:
    """A dataset's budget and everything charged to it; None if it has no budget."""
    budget = _budget(books, dataset_name)
    if budget is None:
        return None
    spends = books.ledger.spends(dataset_name)
    committed = [spend.training for spend in spends if spend.state is SpendState.COMMITTED]
    return Account(
        dataset=dataset_name,
        limit_epsilon=budget.epsilon,
        limit_delta=budget.delta,
        unit=budget.unit,
        spends=spends,
        spent_epsilon=_composed(committed, budget),
    )


def reserve(
    books: Books,
    dataset_names: Sequence[str],
    training: DpTraining,
    *,
    key: str,
    by: str,
    now: datetime,
    ttl: timedelta,
) -> tuple[Refusal, ...]:
    """Set budget aside for a training on every dataset it reads, or on none.

    Args:
        training: The facts as planned, with all the steps it may take.
        ttl: How long the reservation holds if nothing commits it.

    Returns:
        A refusal for each dataset whose budget would not bear it; empty when it is reserved.

    Raises:
        Conflict: the key holds a reservation or a charge already.
        NotFound: a dataset is not catalogued.
    """
    _check(training)
    for name in dataset_names:
        if not books.catalogue.named(name):
            raise NotFound(f"no dataset {name!r} is catalogued", "List them: governance dataset list")
        for spend in books.ledger.spends(name):
            if spend.key == key and spend.holds(now):
                raise Conflict(
                    f"{key!r} is {spend.state.value} on {name!r} already", "Give the training a new key."
                )
    refusals = [_refusal(books, name, training, now) for name in dataset_names]
    if not any(refusals):
        for name in dataset_names:
            spend = Spend(key, name, training, SpendState.RESERVED, now, by, now + ttl)
            books.ledger.reserve(spend)
            books.audit.append(now, by, BudgetReserved(name, key))
    return tuple(refusal for refusal in refusals if refusal)


def commit(
    books: Books, dataset_names: Sequence[str], training: DpTraining, *, key: str, by: str, now: datetime
) -> None:
    """Charge a training to every dataset it read, over budget or not; charging again changes nothing."""
    _check(training)
    for name in dataset_names:
        charged = {s.key: s.training for s in books.ledger.spends(name) if s.state is SpendState.COMMITTED}
        # A key that was charged for less must not carry a longer training for free.
        same = key not in charged or _priced(charged[key]) == _priced(training)
        unique = key if same else f"{key}#{digest(_priced(training).to_json())[:16]}"
        if unique not in charged:
            books.ledger.commit(Spend(unique, name, training, SpendState.COMMITTED, now, by))
            books.audit.append(now, by, BudgetCommitted(name, unique, training.to_json()))


def release(books: Books, dataset_names: Sequence[str], *, key: str, by: str, now: datetime) -> None:
    """End a training's reservations; what was charged stays charged."""
    for name in dataset_names:
        if any(s.key == key and s.state is SpendState.RESERVED for s in books.ledger.spends(name)):
            books.ledger.release(key, name, now)
            books.audit.append(now, by, BudgetReleased(name, key))


def _priced(training: DpTraining) -> DpTraining:
    """A training without what has no part in its ε."""
    return replace(training, hazards=(), libraries=())


def _check(training: DpTraining) -> None:
    try:
        training.check()
    except ValueError as error:
        raise UsageError(
            f"not a DP training: {error}", "Record it with governance_mlflow.private_training."
        ) from error


def _budget(books: Books, dataset_name: str) -> Budget | None:
    budgets = [c.dataset.budget for c in books.catalogue.named(dataset_name) if c.dataset.budget]
    return min(budgets, key=lambda budget: (budget.epsilon, budget.delta), default=None)


def _comparable(training: DpTraining, budget: Budget) -> bool:
    """Whether the ε of a training is an ε per unit of the budget."""
    if budget.unit_is_data_subject:
        return training.unit_is_data_subject or training.max_records_per_subject == 1
    return training.unit == budget.unit


def _composed(trainings: Sequence[DpTraining], budget: Budget) -> float:
    from governance.privacy.accounting import composed_epsilon

    if not trainings:
        return 0.0
    # ε per record says nothing about a person with many records: unknown, so more than any limit.
    if not all(_comparable(training, budget) for training in trainings):
        return math.inf
    try:
        return composed_epsilon(trainings, budget.delta)
    except Undecided:
        # A loss that nobody can compute is more than any limit; it must not hide the whole account.
        return math.inf


def _refusal(books: Books, dataset_name: str, training: DpTraining, now: datetime) -> Refusal | None:
    budget = _budget(books, dataset_name)
    if budget is None:
        return None
    others = [spend.training for spend in books.ledger.spends(dataset_name) if spend.holds(now)]

    def fits(changed: DpTraining) -> bool:
        return _composed([*others, changed], budget) <= budget.epsilon

    asked = _composed([*others, training], budget)
    # Not `asked > limit`: an ε that is not a number must be refused.
    if asked <= budget.epsilon:
        return None
    spent = _composed(others, budget)
    if not _comparable(training, budget):
        reason = f"the training protects one {training.unit}, the budget counts in {budget.unit}"
    else:
        reason = (
            f"ε would be {asked:.2f} per {budget.unit} at δ = {budget.delta:g}, {budget.epsilon:g} is granted"
        )
    possible = spent <= budget.epsilon and _comparable(training, budget)
    return Refusal(
        dataset=dataset_name,
        limit=budget.epsilon,
        spent=spent,
        asked=asked,
        reason=reason,
        steps=_most_steps(training, fits) if possible else 0,
        noise_multiplier=_least_noise(training, fits) if possible else None,
    )


def _most_steps(training: DpTraining, fits: Callable[[DpTraining], bool]) -> int:
    fitting, too_many = 0, sum(phase.steps for phase in training.phases)
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        fitting, too_many = (middle, too_many) if fits(_cut(training, middle)) else (fitting, middle)
    return fitting


def _cut(training: DpTraining, steps: int) -> DpTraining:
    """The training as if it had ended after so many steps."""
    phases = []
    for phase in training.phases:
        taken = min(phase.steps, steps)
        steps -= taken
        if taken:
            phases.append(replace(phase, steps=taken))
    return replace(training, phases=tuple(phases))


def _least_noise(training: DpTraining, fits: Callable[[DpTraining], bool]) -> float | None:
    """To within a hundredth of the present noise, rounded up to two decimals."""

    def with_noise(sigma: float) -> DpTraining:
        return replace(training, phases=tuple(replace(p, noise_multiplier=sigma) for p in training.phases))

    too_small = smallest = min(phase.noise_multiplier for phase in training.phases)
    enough = 2 * smallest
    while not fits(with_noise(enough)):
        too_small, enough = enough, 2 * enough
        if enough > LARGEST_RAISE * smallest:
            return None
    while enough - too_small > 0.01 * smallest:
        middle = (too_small + enough) / 2
        too_small, enough = (too_small, middle) if fits(with_noise(middle)) else (middle, enough)
    return math.ceil(enough * 100) / 100
