from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.log_ratio import GRID, UNTUNED, LogRatioOffline, LogRatioOnline, tuned
from governance.privacy.scoring import auc

PAIR = np.array([[True, True], [False, False]])


def test_score_by_hand() -> None:
    """S = ln p_θ − ln of the mean, not the mean of the ln, over the pair."""
    observed = Observations(np.log([0.9, 0.5]), np.log([[0.8, 0.5], [0.2, 0.5]]), PAIR)

    scores = LogRatioOnline().score(observed)

    np.testing.assert_allclose([np.log(0.9 / 0.5), 0.0], scores.values, atol=1e-15)
    assert ("log-ratio-online", 1) == (scores.attack, scores.threat_model.queries)


def test_in_and_out_weigh_the_same_in_any_plan() -> None:
    """Three shadows saw the record and one did not: p = ½·mean IN + ½·OUT, not the mean of four."""
    shadows, inside = np.log([[0.9], [0.8], [0.7], [0.2]]), np.array([[True], [True], [True], [False]])

    scores = LogRatioOnline().score(Observations(np.log([0.6]), shadows, inside))

    np.testing.assert_allclose([np.log(0.6 / 0.5)], scores.values)


def test_offline_by_hand() -> None:
    """p = ½[(1 + a)·p_OUT + (1 − a)]; the shadow trained on the record does not count."""
    observed = Observations(
        np.log([0.9]), np.log([[0.99], [0.4], [0.2]]), np.array([[True], [False], [False]])
    )

    expected = [np.log(0.9 / (0.5 * ((1 + a) * 0.3 + 1 - a))) for a in (0.0, 0.3, 1.0)]

    actual = [LogRatioOffline(a).score(observed).values[0] for a in (0.0, 0.3, 1.0)]

    np.testing.assert_allclose(expected, actual, rtol=1e-12)


@pytest.mark.parametrize("a", [-0.1, 1.1, float("nan")])
def test_a_is_a_share(a: float) -> None:
    """An `a` outside [0, 1] is refused."""
    with pytest.raises(UsageError, match="between 0 and 1"):
        LogRatioOffline(a).score(Observations(np.log([0.5]), np.log([[0.5]]), np.array([[False]])))


def test_a_is_tuned_on_shadows_only(simulate: Any) -> None:
    """Whatever the target says, the same `a` comes out."""
    observed = simulate(1, 1.0, shadows=6).observed
    other = replace(observed, target=np.random.default_rng(0).permutation(observed.target))

    assert tuned(observed) == tuned(other)
    np.testing.assert_array_equal(
        LogRatioOffline(tuned(observed)).score(other).values, LogRatioOffline().score(other).values
    )


def test_a_is_the_best_on_the_pseudo_targets(halves: Any) -> None:
    """Where training makes p_IN = 0.4·p_OUT + 0.6 of every record, tuning finds more than a = 1 does."""
    random = np.random.default_rng(2)
    out = random.uniform(0.05, 0.9, 2000)
    # The last pair's first half serves as the target; its other half is left out.
    inside = halves(random, 10, 2000)[:9][::-1]
    mean = np.where(inside, 0.4 * out + 0.6, out)
    signals = np.log(np.clip(mean * np.exp(random.normal(0, 0.3, mean.shape)), 1e-3, 0.999))
    observed = Observations(signals[0], signals[1:], inside[1:])

    found = {a: LogRatioOffline(a).score(observed).values for a in GRID}
    points = {a: auc(values[inside[0]], values[~inside[0]]).point for a, values in found.items()}

    assert max(points.values()) - 0.01 < points[tuned(observed)]
    assert points[1.0] + 0.02 < points[tuned(observed)]


def test_nothing_to_tune_on() -> None:
    """One pair, or shadows that saw none of the records, leave the value of the paper."""
    shadows = np.log(np.random.default_rng(1).uniform(0.1, 0.9, (2, 200)))
    inside = np.zeros((2, 200), dtype=np.bool_)
    pair = inside.copy()
    pair[0, :100] = pair[1, 100:] = True

    assert [UNTUNED, UNTUNED] == [tuned(Observations(shadows[0], shadows, plan)) for plan in (pair, inside)]


def test_hard_and_easy_records_become_comparable() -> None:
    """When records differ in difficulty, the ratio separates members that a plain threshold cannot."""
    random = np.random.default_rng(5)
    easy = random.uniform(0.1, 0.9, 2000)
    shadows, inside = np.stack([easy, easy + 0.08]), np.array([[False] * 2000, [True] * 2000])
    target = np.where(np.arange(2000) < 1000, easy + 0.08, easy) + random.normal(0, 0.02, 2000)
    target = np.clip(target, 0.01, 0.99)
    scores = LogRatioOnline().score(Observations(np.log(target), np.log(shadows), inside)).values

    assert auc(target[:1000], target[1000:]).high < 0.7 < 0.9 < auc(scores[:1000], scores[1000:]).low


@pytest.mark.parametrize("attack", [LogRatioOnline(), LogRatioOffline()])
def test_without_shadows_it_is_refused(attack: Any) -> None:
    """There is nothing to compare the target with."""
    with pytest.raises(UsageError, match=f"The {attack.name} attack needs shadow models"):
        attack.score(Observations(np.log([0.5, 0.5])))
