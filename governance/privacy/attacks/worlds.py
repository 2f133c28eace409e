"""What shadows say of each record, relative to the target: those trained on it apart from the others.

Everything is measured from the target's own signal, so that a model like its shadows gives exact zeros,
whatever the plan. Shadows are read a block of records at a time: no copy of them is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations, ThreatModel
from governance.privacy.signals import CLIP

Floats = NDArray[np.float64]

BLOCK = 1 << 14
"""Records read at a time."""

LEAST_VARIANCE = 1e-8
"""Of log-odds, where shadows agree to the last digit; clipped confidences leave no smaller spread."""

ONLINE = ThreatModel(
    access="black box: confidence in the true label",
    knowledge="the records with their labels, the training procedure, and records of the same distribution",
    queries=1,
)

OFFLINE = ThreatModel(
    access="black box: confidence in the true label",
    knowledge=(
        "the records with their labels, the training procedure, and other records of the same distribution;"
        " shadows are trained before the attacked records are known"
    ),
    queries=1,
)


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """The log-odds, relative to the target's, of the shadows of one kind."""

    count: NDArray[np.intp]
    """(n,) how many shadows there are."""
    mean: Floats
    """(n,) shadow minus target; 0 where there is no shadow."""
    squares: Floats
    """(n,) sum of squares about the mean."""

    @property
    def variance(self) -> float | None:
        """Pooled within records, each centred by itself; None if no record has two shadows.

        σ² = Σ_x Σ_k (φ_kx − μ_x)² / Σ_x (n_x − 1).
        """
        freedom = int(np.maximum(self.count - 1, 0).sum())
        return max(float(self.squares.sum()) / freedom, LEAST_VARIANCE) if freedom else None


def logit(signal: ArrayLike) -> Floats:
    """φ = s − ln(1 − exp(s)) of log-likelihoods s (…); s above ln(1 − 1e-6) counts as that."""
    s = np.minimum(np.asarray(signal, dtype=np.float64), np.log1p(-CLIP))
    return np.asarray(s - np.log(-np.expm1(s)), dtype=np.float64)


def checked(
    observed: Observations, attack: str, *, online: bool
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """The shadows' signals (K, n) and their plan, if they fit the attack.

    Raises:
        UsageError: no shadows, shapes that do not fit, or a record that no shadow was trained without
            (online: or with).
    """
    shadows, inside = observed.shadows, observed.inside
    if shadows is None or inside is None or not len(shadows):
        raise UsageError(
            f"The {attack} attack needs shadow models and the plan of which was trained on which record",
            "Train them over `governance.privacy.shadows.pair_plan`, or use the population attack.",
        )
    expected = (len(shadows), len(observed.target))
    if shadows.shape != expected or inside.shape != expected or inside.dtype != np.bool_:
        raise UsageError(
            f"Shadows of shape {shadows.shape} and a plan of shape {inside.shape} do not describe"
            f" {expected[1]} records"
        )
    held = np.count_nonzero(inside, axis=0)
    if (held == len(inside)).any() or (online and (held == 0).any()):
        needed = "some of the shadows, not in all" if online else "fewer than all of the shadows"
        raise UsageError(
            f"The {attack} attack needs every record in {needed}",
            "Train shadow models in complementary pairs: `governance.privacy.shadows.pair_plan`.",
        )
    return shadows, inside


def worlds(observed: Observations, attack: str, *, online: bool = True) -> tuple[World, World]:
    """The shadows trained on each record, and those that were not; for errors see `checked`."""
    shadows, inside = checked(observed, attack, online=online)
    target, n = logit(observed.target), len(observed.target)
    made = tuple(World(np.zeros(n, np.intp), np.zeros(n), np.zeros(n)) for _ in range(2))
    for block in blocks(n):
        gap = logit(shadows[:, block]) - target[block]
        for world, chosen in zip(made, (inside[:, block], ~inside[:, block]), strict=True):
            count = np.count_nonzero(chosen, axis=0)
            mean = gap.sum(axis=0, where=chosen) / np.maximum(count, 1)
            world.count[block], world.mean[block] = count, mean
            world.squares[block] = np.square(gap - mean).sum(axis=0, where=chosen)
    return made[0], made[1]


def likelihoods(observed: Observations, attack: str, *, online: bool = True) -> tuple[Floats, Floats]:
    """(n,) ln mean_k p_k(x) − ln p_θ(x), over the shadows trained on x, and over the others.

    Where there is no shadow of the kind it is −∞. For errors see `checked`.
    """
    shadows, inside = checked(observed, attack, online=online)
    made = np.empty(len(observed.target)), np.empty(len(observed.target))
    for block in blocks(len(observed.target)):
        gap = shadows[:, block].astype(np.float64) - observed.target[block]
        for values, chosen in zip(made, (inside[:, block], ~inside[:, block]), strict=True):
            values[block] = _log_mean(gap, chosen)
    return made


def blocks(n: int) -> Iterator[slice]:
    """Slices that cover n records in order."""
    return (slice(start, start + BLOCK) for start in range(0, n, BLOCK))


def _log_mean(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """(n,) ln of the mean of exp(values) over the chosen rows; a density's exp alone would underflow."""
    count = np.count_nonzero(chosen, axis=0)
    top = values.max(axis=0, where=chosen, initial=-np.inf)
    top = np.where(count > 0, top, 0.0)
    total = np.exp(np.where(chosen, values - top, -np.inf)).sum(axis=0)
    with np.errstate(divide="ignore"):
        return np.asarray(top + np.log(total / np.maximum(count, 1)), dtype=np.float64)
