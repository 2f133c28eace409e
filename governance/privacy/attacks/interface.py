"""What an attack is told, what it assumes, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ThreatModel:
    """Who could run the attack."""

    access: str
    """What the attacker sees of the target model."""
    knowledge: str
    """What the attacker knows beforehand."""
    queries: int
    """Queries to the target model for each record attacked."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Everything the attacks of this room look at; records themselves are not among it."""

    target: NDArray[np.float64]
    """(n,) the target model's confidence in each record's true label, in (0, 1)."""
    shadows: NDArray[np.float64] | None = None
    """(K, n) the same of K shadow models in complementary pairs, or None if none were trained."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One number a record; the larger, the more the attack believes that it is a member."""

    values: NDArray[np.float64]
    """(n,), in the order of the observations."""
    attack: str
    threat_model: ThreatModel


class Attack(Protocol):
    """A membership-inference attack."""

    name: str
    threat_model: ThreatModel
    needs_shadows: bool

    def score(self, observed: Observations) -> Scores:
        """Score every record; `UsageError` if the observations lack what the attack needs."""
