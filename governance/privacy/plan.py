"""Which shadow is trained on which records: halves of the pool, in complementary pairs.

Every record is IN exactly one shadow of each pair, so each record's mean over the shadows weighs
"trained on it" and "not trained on it" equally, and no record needs a model of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Which shadow is trained on which records."""

    inside: NDArray[np.bool_]
    """(K, n); rows 2i and 2i + 1 are each other's complement."""
    seeds: tuple[int, ...]
    """(K,) one training seed a shadow."""

    def starts_with(self, other: Plan) -> bool:
        """Whether the other plan's shadows are the first of this one."""
        return self.seeds[: len(other.seeds)] == other.seeds and np.array_equal(
            self.inside[: len(other.inside)], other.inside
        )


def pair_plan(y: ArrayLike, shadows: int, seed: int) -> Plan:
    """Random halves, the two halves of each class differing by at most one record.

    The halves and training seeds of pair i follow from (y, seed, i) alone, so the plan of more shadows
    starts with the plan of fewer.

    Args:
        y: (n,) labels of the pool.
        shadows: How many shadow models, an even number.
        seed: The only source of chance; equal seeds give equal plans.
    """
    if shadows < 2 or shadows % 2:
        raise UsageError(
            f"{shadows} shadow models make no complementary pairs", "Ask for 2, 4 or another even number."
        )
    import pandas as pd

    codes = pd.factorize(np.asarray(y))[0]
    inside = np.zeros((shadows, len(codes)), dtype=np.bool_)
    seeds: list[int] = []
    for pair, sequence in enumerate(np.random.SeedSequence(seed).spawn(shadows // 2)):
        chance, training = sequence.spawn(2)
        random = np.random.default_rng(chance)
        order = random.permutation(len(codes))
        # Every second record of the list sorted by class: halves every class and the whole at once.
        by_class = order[np.argsort(codes[order], kind="stable")]
        inside[2 * pair, by_class[random.integers(2) :: 2]] = True
        inside[2 * pair + 1] = ~inside[2 * pair]
        seeds += [int(word) for word in training.generate_state(2)]
    return Plan(inside, tuple(seeds))
