"""What was spent on a dataset, and what a mechanism guarantees once it has been computed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from governance.domain.mechanism import DpTraining


class SpendState(str, Enum):
    """A spend is reserved before training, then committed by its record or released unused."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Spend:
    """One training's charge to one dataset. Committed spends are never refunded."""

    key: str
    """The training's key; one key is charged once."""
    dataset: str
    """The catalogued name whose population pays."""
    training: DpTraining
    state: SpendState
    at: datetime
    by: str
    expires_at: datetime | None = None
    """When a reservation lapses if nothing commits it."""

    def holds(self, at: datetime) -> bool:
        """Whether the key is taken then: committed for ever, reserved until the reservation lapses."""
        if self.state is SpendState.RESERVED:
            return self.expires_at is None or at < self.expires_at
        return self.state is SpendState.COMMITTED


@dataclass(frozen=True, slots=True)
class Guarantee:
    """(ε, δ) computed from mechanism facts by a named accountant; every number a DPO asks beside it."""

    epsilon: float
    delta: float
    accountant: str
    """For example `PLD (dp-accounting 0.6.0)`."""
    mu: float
    """The μ of the Gaussian trade-off with the same δ at this ε; comparable across δ."""
    tpr_at_fpr: tuple[tuple[float, float], ...]
    """(FPR, highest TPR any membership attack can reach), from (ε, δ)."""
    cross_check: str
    """What the second accountant said, or why there is none."""


@dataclass(frozen=True, slots=True)
class Account:
    """A dataset's budget, everything charged to it, and the composition of the charges."""

    dataset: str
    limit_epsilon: float
    limit_delta: float
    unit: str
    spends: tuple[Spend, ...]
    spent_epsilon: float
    """The composed ε of all committed spends at `limit_delta`."""

    @property
    def overdrawn(self) -> bool:
        """Whether more was spent than granted; an ε that is not a number counts as overdrawn."""
        return not self.spent_epsilon <= self.limit_epsilon
