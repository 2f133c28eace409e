from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from governance.privacy.scoring import Interval, Rate
from governance.privacy.verdict import (
    POWER,
    Leakage,
    Limits,
    Verdict,
    conclude,
    detectable_auc,
    judge,
    leak_shown,
    overall,
    resolved,
)

WORLDS = 200
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


@pytest.mark.parametrize(("n", "levels"), [(100, None), (100, 2), (1000, None)])
def test_no_leak_alarms_no_more_often_than_stated(n: int, levels: int | None) -> None:
    """Where members and non-members are alike, the alarm rate over 200 worlds is at most 2.5 %."""
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
    members, non_members = random.normal(0, 1, 1000), random.normal(0, 1, 1000)
    members[:20] = 10

    assert (False, True) == tuple(leak_shown(members, non_members, fprs, 0.95) for fprs in ((), (0.01,)))


def test_detectable_auc_shrinks_with_the_sample() -> None:
    """More records find smaller leaks; very few find none."""
    assert 1.0 == detectable_auc(3, 3, 0, 0.95)
    assert [0.5435, 0.5218, 0.5097] == [
        round(detectable_auc(n, 10 * n, 1, 0.95), 4) for n in (1000, 4000, 20_000)
    ]


def test_one_attack_judged() -> None:
    """Point, both ends, resolution, power and answer, every interval at its share of α."""
    random = np.random.default_rng(1)
    members, non_members = random.normal(1, 1, 1000), random.normal(0, 1, 2000)

    found = judge({"one": (members, non_members)}, (0.001, 0.01), 0.95, able={"one": True})["one"]

    assert (Leakage.SHOWN, 1 / 2000, POWER, 0.95) == (
        found.leakage,
        found.resolution,
        found.power,
        found.confidence,
    )
    assert found.auc.low < norm.cdf(1 / np.sqrt(2)) < found.auc.high
    assert [False, True] == [rate.resolved for rate in found.tpr_at_fpr]
    assert found.p_value < 1e-6
    assert {
        "verdict",
        "p_value",
        "statistic",
        "auc",
        "tpr_at_fpr",
        "resolution",
        "power",
        "confidence",
    } == set(found.body())


def test_attacks_judged_together_pay_for_each_other() -> None:
    """A p-value that one attack alone could afford is not enough beside nineteen others."""
    random = np.random.default_rng(0)
    evenly = norm.ppf((np.arange(300) + 0.5) / 300)
    weak = evenly + 0.2, evenly
    others = {str(i): (random.normal(0, 1, 300), random.normal(0, 1, 300)) for i in range(19)}

    alone = judge({"weak": weak}, (), 0.95, able={})["weak"]
    together = judge({"weak": weak, **others}, (), 0.95, able={})

    assert (Leakage.SHOWN, Leakage.UNDECIDED) == (alone.leakage, together["weak"].leakage)
    assert together["weak"].auc.low < alone.auc.low
    assert together["weak"].auc.high > alone.auc.high


@pytest.mark.parametrize(
    ("able", "shift", "expected"),
    [(True, False, "none shown"), (False, False, "undecided"), (True, True, "undecided")],
)
def test_silence(able: bool, shift: bool, expected: str) -> None:
    """Nothing found is "none shown" only from an attack that was able, on an honest split."""
    random = np.random.default_rng(3)
    alike = random.normal(0, 1, 1000), random.normal(0, 1, 1000)

    found = judge({"one": alike}, (0.01,), 0.95, able={"one": able}, shift_found=shift)["one"]

    assert expected == found.leakage.value


def verdict_of(leakage: Leakage) -> Verdict:
    """A verdict with this answer."""
    rates = (Rate(0.01, Interval(0.01, 0.0, 0.03), True), Rate(0.001, Interval(0, 0, 0.004), False))
    return Verdict(leakage, 0.5, "auc", Interval(0.51, 0.49, 0.53), rates, 0.001, POWER, 0.55, 0.95)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), True),
        (Limits(auc=0.54), True),
        (Limits(auc=0.53), False),
        (Limits(auc=0.54, tpr_at_fpr=((0.01, 0.04),)), True),
        (Limits(tpr_at_fpr=((0.01, 0.03),)), False),
        (Limits(tpr_at_fpr=((0.001, 0.9),)), False),
        (Limits(tpr_at_fpr=((0.1, 0.9),)), False),
    ],
)
def test_limits_are_for_upper_ends(limits: Limits, expected: bool) -> None:
    """Every limit must lie above its upper end; a rate unresolved or not measured is below nothing."""
    assert expected is verdict_of(Leakage.NONE_SHOWN).below(limits)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([Leakage.UNDECIDED, Leakage.NONE_SHOWN, Leakage.SHOWN], Leakage.SHOWN),
        ([Leakage.UNDECIDED, Leakage.NONE_SHOWN], Leakage.NONE_SHOWN),
        ([Leakage.UNDECIDED], Leakage.UNDECIDED),
        ([], Leakage.UNDECIDED),
    ],
)
def test_the_model_s_verdict(answers: list[Leakage], expected: Leakage) -> None:
    """One leak is a leak; silence of an able attack stands when none speaks."""
    assert expected is overall({str(i): verdict_of(one) for i, one in enumerate(answers)})


def test_resolved_rates() -> None:
    """Ten over f non-members are needed, and exactly ten times 0.1 is enough."""
    assert (0.1, 0.5) == resolved(100, (0.01, 0.1, 0.5))


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
