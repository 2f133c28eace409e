from __future__ import annotations

from dataclasses import dataclass

import pytest

from governance.errors import UsageError
from governance.privacy.escalation import Escalation, Step, Stop, escalate, plan_looks
from governance.privacy.verdict import Leakage


@dataclass
class Found:
    """What a look found."""

    leakage: Leakage
    below_limits: bool = True


class Hours:
    """A clock that a look moves by one second a shadow, in all."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(answers: dict[int, Found], *, seconds: float | None = None) -> Escalation[Found]:
    """Escalate over what each number of shadows finds."""
    hours = Hours()

    def attempt(shadows: int, confidence: float) -> Found:  # noqa: ARG001  what a look is called with
        hours.now = float(shadows)
        return answers.get(shadows, Found(Leakage.UNDECIDED))

    return escalate(attempt, plan_looks(), 0.95, clock=hours, seconds=seconds)


@pytest.mark.parametrize(
    ("refits", "expected"),
    [
        (None, [(2, 0.5), (8, 1 / 6), (16, 1 / 6), (64, 1 / 6)]),
        (2, [(2, 1.0)]),
        (3, [(2, 1.0)]),
        (8, [(2, 0.5), (8, 0.5)]),
        (11, [(2, 0.5), (8, 0.25), (10, 0.25)]),
        (1000, [(2, 0.5), (8, 1 / 6), (16, 1 / 6), (64, 1 / 6)]),
    ],
)
def test_the_budget_makes_the_plan(refits: int | None, expected: list[tuple[int, float]]) -> None:
    """Only looks that can be paid for get a share of α, and all of it is given out."""
    steps = plan_looks(refits)

    assert [k for k, _ in expected] == [step.shadows for step in steps]
    assert [share for _, share in expected] == pytest.approx([step.share for step in steps])


@pytest.mark.parametrize(
    ("answers", "looks", "stopped"),
    [
        ({2: Found(Leakage.SHOWN)}, [2], Stop.SHOWN),
        ({2: Found(Leakage.SHOWN, below_limits=False)}, [2], Stop.SHOWN),
        ({8: Found(Leakage.NONE_SHOWN)}, [2, 8], Stop.BELOW),
        ({8: Found(Leakage.NONE_SHOWN, below_limits=False)}, [2, 8, 16, 64], Stop.LAST),
        ({}, [2, 8, 16, 64], Stop.LAST),
    ],
)
def test_looking_stops_when_decided(answers: dict[int, Found], looks: list[int], stopped: Stop) -> None:
    """A leak ends it; so does silence that means something, below every limit; nothing else does."""
    found = run(answers)

    assert (looks, stopped) == ([look.shadows for look in found.looks], found.stopped)
    assert answers.get(looks[-1], found.last.found) == found.last.found


@pytest.mark.parametrize(
    ("seconds", "looks"), [(7.9, [2]), (8.0, [2, 8]), (63.0, [2, 8, 16]), (64.0, [2, 8, 16, 64])]
)
def test_no_look_starts_that_would_end_late(seconds: float, looks: list[int]) -> None:
    """Time is foreseen from what a shadow took so far."""
    found = run({}, seconds=seconds)

    assert looks == [look.shadows for look in found.looks]
    assert (Stop.LAST if len(looks) == 4 else Stop.SECONDS) is found.stopped


def test_every_look_is_told_its_own_confidence() -> None:
    """One half of α for the first look, and a third of the other half for each of the rest."""
    looks = run({}).looks

    assert [0.975, *[1 - 0.05 / 6] * 3] == pytest.approx([look.confidence for look in looks])


def test_what_goes_into_the_evidence() -> None:
    """Looks with what they cost in α, the plan, and the reason for stopping; no seconds."""
    assert {
        "looks": [
            {
                "shadows": 2,
                "share_of_alpha": pytest.approx(0.5),
                "confidence": pytest.approx(0.975),
                "verdict": "leak shown",
                "below_limits": True,
            }
        ],
        "planned": [2, 8, 16, 64],
        "stopped": "leak shown",
    } == run({2: Found(Leakage.SHOWN)}).body()


@pytest.mark.parametrize("schedule", [(), (3,), (8, 2), (2, 2), (0, 2)])
def test_a_schedule_ascends_in_pairs(schedule: tuple[int, ...]) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError):
        plan_looks(None, schedule)


def test_a_budget_that_pays_for_nothing_is_refused() -> None:
    """One refit makes no pair."""
    with pytest.raises(UsageError, match="does not pay"):
        plan_looks(1)


def test_shares_beyond_the_whole_are_refused() -> None:
    """Two looks cannot both have all of α."""
    with pytest.raises(UsageError, match="sum to one"):
        escalate(lambda *_: Found(Leakage.UNDECIDED), [Step(2, 1.0), Step(4, 0.1)], 0.95, clock=Hours())
