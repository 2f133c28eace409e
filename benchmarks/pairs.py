"""Two ways of doing one thing, timed in turns: what slows the machine down then slows both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Any

Action = Callable[[], Any]
Prepare = Callable[[int], Action]
"""Makes the action of one round, which alone is timed; the rounds count from zero."""

WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times as long the second way took, once for each pair."""

    name: str
    ratios: tuple[float, ...]

    @property
    def median(self) -> float:
        """The ratio in the middle."""
        return median(self.ratios)

    @property
    def middle_half(self) -> tuple[float, float]:
        """The quartiles; both the only ratio if there is but one pair."""
        if len(self.ratios) < 2:
            return self.ratios[0], self.ratios[0]
        low, _, high = quantiles(self.ratios, n=4, method="inclusive")
        return low, high

    def to_json(self) -> dict[str, Any]:
        """The ratios and what the table shows of them."""
        low, high = self.middle_half
        return {
            "name": self.name,
            "median": self.median,
            "quartiles": [low, high],
            "ratios": list(self.ratios),
        }


def compare(name: str, first: Prepare, second: Prepare, pairs: int) -> Comparison:
    """Time both ways in pairs, after a warm-up, each of them first in every other pair."""
    ratios = []
    for turn in range(-WARM_UP, pairs):
        number = turn + WARM_UP
        actions = first(number), second(number)
        times = [0.0, 0.0]
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            began = perf_counter()
            actions[side]()
            times[side] = perf_counter() - began
        if turn >= 0:
            ratios.append(times[1] / times[0])
    return Comparison(name, tuple(ratios))
