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
    """Everything that attacks on membership look at; the records themselves are not among it.

    A signal is the natural logarithm of the likelihood that a model gives to a record's true answer: of
    the label for a classifier (so exp(signal) is the confidence, in (0, 1)), of the value under a normal
    error for a regressor.
    """

    target: NDArray[np.floating]
    """(n,) the target model's signal on each record."""
    shadows: NDArray[np.floating] | None = None
    """(K, n) the same of K shadow models, or None if none were trained."""
    inside: NDArray[np.bool_] | None = None
    """(K, n) which shadow was trained on which record; given exactly when `shadows` is."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One number a record; the larger, the more the attack believes that it is a member."""

    values: NDArray[np.float64]
    """(n,), in the order of the observations."""
    attack: str
    threat_model: ThreatModel


class Attack(Protocol):
    """A membership-inference attack."""

    @property
    def name(self) -> str:
        """Such as `log-ratio-online`."""

    @property
    def threat_model(self) -> ThreatModel:
        """Who could run it."""

    @property
    def needs_shadows(self) -> bool:
        """Whether `Observations` without shadows are refused."""

    def score(self, observed: Observations) -> Scores:
        """Score every record; `UsageError` if the observations lack what the attack needs."""
