from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from governance.privacy.verdict import POWER, Leakage, conclude, detectable_auc, leak_shown

WORLDS = 300
FPRS = (0.01, 0.1)


def alarms(shift: float, n: int, levels: int | None) -> int:
    """In how many of the worlds `leak_shown` says yes to normal scores, rounded to so many levels."""
    random = np.random.default_rng(77)
    count = 0
    for _ in range(WORLDS):
        members, non_members = random.normal(shift, 1, n), random.normal(0, 1, n)
        if levels:
            members, non_members = (
                np.digitize(s, np.linspace(-2, 2, levels)) for s in (members, non_members)
            )
        count += leak_shown(members, non_members, FPRS, 0.95)
    return count


@pytest.mark.parametrize("levels", [None, 2, 12])
@pytest.mark.parametrize("n", [100, 1000])
def test_no_leak_alarms_no_more_often_than_stated(n: int, levels: int | None) -> None:
    """Where members and non-members are alike, the alarm rate over 300 worlds is at most 2.5 %."""
    nominal = 0.025

    assert alarms(0.0, n, levels) <= WORLDS * nominal + 3 * np.sqrt(WORLDS * nominal * (1 - nominal))


@pytest.mark.parametrize("n", [300, 1000])
def test_power_is_at_least_what_is_stated(n: int) -> None:
    """A leak of exactly `detectable_auc` is found with at least the stated probability."""
    resolved = sum(n >= 10 / f for f in FPRS)
    shift = float(np.sqrt(2) * norm.ppf(detectable_auc(n, n, resolved, 0.95)))

    assert alarms(shift, n, None) >= WORLDS * POWER - 3 * np.sqrt(WORLDS * POWER * (1 - POWER))


def test_a_few_exposed_records_are_a_leak() -> None:
    """Two per cent of members beyond every non-member alarm through TPR, at an AUC that would not."""
    random = np.random.default_rng(6)
    members, non_members = random.normal(0, 1, 4000), random.normal(0, 1, 4000)
    members[:80] = 10

    assert (False, True) == tuple(leak_shown(members, non_members, fprs, 0.95) for fprs in ((), (0.01,)))


def test_detectable_auc_shrinks_with_the_sample() -> None:
    """More records find smaller leaks; very few find none."""
    assert 1.0 == detectable_auc(5, 5, 0, 0.95)
    assert [0.5749, 0.5376, 0.5075] == [
        round(detectable_auc(n, 10 * n, 1, 0.95), 4) for n in (1000, 4000, 100_000)
    ]


@pytest.mark.parametrize(
    ("alarm", "shift_found", "able", "expected"),
    [
        (True, False, True, Leakage.SHOWN),
        (True, False, False, Leakage.SHOWN),
        (False, False, True, Leakage.NONE_SHOWN),
        (False, False, False, Leakage.UNDECIDED),
        (True, True, True, Leakage.UNDECIDED),
        (False, True, True, Leakage.UNDECIDED),
    ],
)
def test_verdicts(alarm: bool, shift_found: bool, able: bool, expected: Leakage) -> None:
    """A shifted split voids everything; silence counts only from an attack that was able to speak."""
    assert expected is conclude(alarm=alarm, shift_found=shift_found, able=able)
