"""More shadows while the verdict is open: 2 → 8 → 16 → 64, within a budget, with every look paid for.

Each look attacks the same records again with more shadows, so looks are dependent in a way that nobody
knows, and stopping at the look one likes best would be a free choice. A union bound holds all the same:
look l may err with probability α·w_l, the weights sum to at most one, so that all looks together err
with probability α at most, whenever one stops and why. Boundaries for growing independent data (Pocock's,
O'Brien's and Fleming's) would not hold here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from governance.errors import UsageError
from governance.privacy.multiplicity import check_shares, part
from governance.privacy.verdict import Leakage

SCHEDULE = (2, 8, 16, 64)
"""Shadows trained in all by the end of each look."""

FIRST = 0.5
"""The first look's share of α when others may follow: most verdicts fall there, and it costs least."""


class Finding(Protocol):
    """What one look found."""

    @property
    def leakage(self) -> Leakage:
        """The verdict at this look's confidence."""

    @property
    def below_limits(self) -> bool:
        """Whether every upper end that bears on the policy lies below its limit."""


Found = TypeVar("Found", bound=Finding)


@dataclass(frozen=True, slots=True)
class Step:
    """One planned look."""

    shadows: int
    """In all, those of earlier looks included."""
    share: float
    """Of α."""


class Stop(str, Enum):
    """Why no further look was taken."""

    SHOWN = "leak shown"
    BELOW = "none shown, and below every limit"
    SECONDS = "time budget spent"
    LAST = "last look that the refit budget pays for"


@dataclass(frozen=True, slots=True)
class Look(Generic[Found]):
    """One look that was taken."""

    shadows: int
    share: float
    confidence: float
    """Of everything that this look says, together."""
    seconds: float
    found: Found

    def body(self) -> dict[str, Any]:
        """For the evidence: what was spent and what it said."""
        return {
            "shadows": self.shadows,
            "share_of_alpha": self.share,
            "confidence": self.confidence,
            "verdict": self.found.leakage.value,
            "below_limits": self.found.below_limits,
        }


@dataclass(frozen=True, slots=True)
class Escalation(Generic[Found]):
    """All looks in order; the last one is the result."""

    looks: tuple[Look[Found], ...]
    planned: tuple[Step, ...]
    stopped: Stop

    @property
    def last(self) -> Look[Found]:
        """The look that stands."""
        return self.looks[-1]

    def body(self) -> dict[str, Any]:
        """For the evidence; seconds are left out, equal arguments give equal bodies."""
        return {
            "looks": [look.body() for look in self.looks],
            "planned": [step.shadows for step in self.planned],
            "stopped": self.stopped.value,
        }


def plan_looks(refits: int | None = None, schedule: Sequence[int] = SCHEDULE) -> tuple[Step, ...]:
    """The looks that so many refits allow, with their shares of α: one half first, the rest evenly.

    What the budget rules out beforehand gets nothing, so a single look has all of α. Where the last
    step would leave refits unused, it takes as many of them as make pairs.
    """
    if not schedule or any(k < 2 or k % 2 for k in schedule) or list(schedule) != sorted({*schedule}):
        raise UsageError("A schedule is ascending even numbers of shadow models, for example 2, 8, 16, 64")
    if refits is not None and refits < schedule[0]:
        raise UsageError(
            f"A budget of {refits} refits does not pay for the {schedule[0]} shadows of the first look",
            "Raise the budget, or run without shadows.",
        )
    sizes = [k for k in schedule if refits is None or k <= refits]
    most = schedule[-1] if refits is None else min(refits - refits % 2, schedule[-1])
    if most > sizes[-1]:
        sizes.append(most)
    rest = [(1 - FIRST) / (len(sizes) - 1)] * (len(sizes) - 1) if len(sizes) > 1 else []
    return tuple(Step(k, share) for k, share in zip(sizes, [1 - sum(rest), *rest], strict=True))


def escalate(
    attempt: Callable[[int, float], Found],
    steps: Sequence[Step],
    confidence: float,
    *,
    clock: Callable[[], float],
    seconds: float | None = None,
) -> Escalation[Found]:
    """Look until a leak is shown, or none is at the power asked and below every limit, or all is spent.

    Args:
        attempt: Trains up to so many shadows in all, attacks, and judges at this confidence. A plan of
            more shadows must begin with the plan of fewer, so that nothing is trained twice.
        steps: From `plan_looks`.
        confidence: Of all looks together.
        clock: Seconds from any start, for example `time.monotonic`.
        seconds: After how many no further look starts, counting what it would probably take.
    """
    check_shares([step.share for step in steps])
    looks: list[Look[Found]] = []
    began = clock()
    for position, step in enumerate(steps):
        before, level = clock(), part(confidence, step.share)
        found = attempt(step.shadows, level)
        now = clock()
        looks.append(Look(step.shadows, step.share, level, now - before, found))
        if found.leakage is Leakage.SHOWN:
            return Escalation(tuple(looks), tuple(steps), Stop.SHOWN)
        if found.leakage is Leakage.NONE_SHOWN and found.below_limits:
            return Escalation(tuple(looks), tuple(steps), Stop.BELOW)
        if position + 1 < len(steps) and seconds is not None:
            further = (now - began) / step.shadows * (steps[position + 1].shadows - step.shadows)
            if now - began + further > seconds:
                return Escalation(tuple(looks), tuple(steps), Stop.SECONDS)
    return Escalation(tuple(looks), tuple(steps), Stop.LAST)
