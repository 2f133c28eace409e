from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import skewnorm

from governance.privacy.memorisation.exposure import (
    DRAWS,
    _subsets,
    expose,
    extrapolate,
    rank_interval,
    together,
    unplanted_mean,
)

WORLDS = 300


def test_ranks_by_hand() -> None:
    """Candidates as likely count as ahead, also impossible ones; exposure is log2 |R| − log2 rank."""
    own = np.array([0.0, -3.0, -2.0, -np.inf])
    exposures = expose(own, np.array([-3.0, -np.inf, -2.0, -2.0, -9.0, -np.inf, -7.0]))

    assert [1, 4, 3, 8] == exposures.ranks.tolist()
    np.testing.assert_allclose([3.0, 1.0, 3 - math.log2(3), 0.0], exposures.exposures)
    np.testing.assert_allclose(2.0**-exposures.exposures, exposures.p_values)


def test_the_mean_exposure_without_training() -> None:
    """It is that of a rank with equal chances, and comes near 1/ln 2 as candidates grow."""
    np.testing.assert_allclose(np.mean(np.log2(10 / np.arange(1, 11))), unplanted_mean(9))
    assert 0 < 1 / math.log(2) - unplanted_mean(100_000) < 1e-3


@pytest.mark.parametrize("levels", [None, 1, 4])
def test_without_training_exposures_are_as_rare_as_they_say(levels: int | None) -> None:
    """P(exposure ≥ e) ≤ 2^−e in 300 worlds, with ties or none; equal when there are none."""
    random = np.random.default_rng(1)
    scores = random.normal(size=(WORLDS, 200))
    if levels:
        scores = np.floor(scores * levels / 4)
    p = np.concatenate([expose(row[:5], row[5:]).p_values for row in scores])
    for bits in (1, 2, 3, 5):
        share = 2.0**-bits
        error = 4 * math.sqrt(share / WORLDS)
        assert (p <= share).mean() <= share + error
        if levels is None:
            assert (p <= share).mean() >= share - error


@pytest.mark.parametrize("levels", [None, 3])
def test_the_joint_test_alarms_no_more_often_than_stated(levels: int | None) -> None:
    """Of 120 worlds without a leak at most 5 % have p ≤ 5 %; constant scores give exactly 1."""
    random, alarms, worlds = np.random.default_rng(2), 0, 120
    for world in range(worlds):
        scores = random.normal(size=60)
        scores = np.floor(scores * levels / 2) if levels else scores
        alarms += together(scores[:6], scores[6:], 0.05, np.random.SeedSequence(world)).p_value <= 0.05

    assert alarms <= worlds * 0.05 + 3 * math.sqrt(worlds * 0.05 * 0.95)
    assert 1.0 == together(np.zeros(5), np.zeros(50), 0.05, np.random.SeedSequence(1)).p_value


def test_subsets_are_equally_likely() -> None:
    """Each of the ten pairs of five comes equally often, none with one twice."""
    pairs = np.sort(_subsets(5, 2, np.random.default_rng(7)), axis=1)
    _, counts = np.unique(pairs @ [5, 1], return_counts=True)

    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert 10 == len(counts)
    assert np.abs(counts - DRAWS / 10).max() < 4 * math.sqrt(DRAWS * 0.09)


def test_the_critical_mean_is_enough() -> None:
    """Whenever the mean exposure reaches it, the joint p-value is at most the level."""
    random, reached = np.random.default_rng(3), 0
    for world in range(60):
        shift = random.uniform(0.5, 2.5)
        own, candidates = random.normal(shift, 1, 8), random.normal(size=300)
        joint = together(own, candidates, 0.0125, np.random.SeedSequence(world))
        if expose(own, candidates).exposures.mean() >= joint.critical:
            reached += 1
            assert joint.p_value <= 0.0125

    assert reached > 5


def test_the_critical_mean_is_not_far_from_the_least() -> None:
    """Of one secret it is the exposure from which on the joint test alarms, but for chance."""
    candidates = np.arange(999.0)
    seeds = [np.random.SeedSequence(1)] * 40
    alarms = [
        together(np.array([985.5 - i]), candidates, 0.02, seed).p_value <= 0.02
        for i, seed in enumerate(seeds)
    ]
    exposures = [expose(np.array([985.5 - i]), candidates).exposures[0] for i in range(40)]
    critical = together(np.array([985.5]), candidates, 0.02, seeds[0]).critical

    assert alarms == sorted(alarms, reverse=True)
    assert min(e for e, alarm in zip(exposures, alarms, strict=True) if alarm) <= critical + 0.1
    assert max(e for e, alarm in zip(exposures, alarms, strict=True) if not alarm) < critical


def test_sampled_ranks_cover_the_whole_format() -> None:
    """The interval from 500 of 20,000 candidates holds the exposure among all, in 95 % of draws or more."""
    random = np.random.default_rng(4)
    everything = random.normal(size=20_000)
    own = np.quantile(everything, [0.5, 0.99, 1.0]) + 1e-9
    truth = np.log2(20_001) - np.log2([10_001, 201, 1])
    missed = np.zeros(3)
    for _ in range(WORLDS):
        found = rank_interval(expose(own, random.choice(everything, 500, replace=False)), 20_001, 0.95)
        missed += [not one.low <= true <= one.high + 1e-9 for one, true in zip(found, truth, strict=True)]

    assert missed.max() <= WORLDS * 0.05 + 3 * math.sqrt(WORLDS * 0.05 * 0.95)
    assert pytest.approx(math.log2(20_001)) == found[2].high


def test_extrapolation_finds_a_skew_normal_again() -> None:
    """Where perplexities are skew-normal, the fit is near and the tail is that of the distribution."""
    truth = skewnorm(4, 20, 3)
    sample = truth.rvs(20_000, random_state=5)
    own = truth.ppf([0.3, 0.01, 1e-5])
    fitted = extrapolate(-own, -sample, 10**9)

    assert fitted is not None
    assert fitted.distance < 0.02
    assert (np.abs(-np.log2([0.3, 0.01, 1e-5]) - fitted.exposures) < [0.05, 0.3, 3.0]).all()


def test_extrapolation_says_what_it_rests_on() -> None:
    """Two humps are no skew-normal: the distance tells. Exposure never exceeds the format."""
    random = np.random.default_rng(6)
    humps = np.concatenate([random.normal(-9, 0.1, 500), random.normal(9, 0.1, 500)])
    fitted = extrapolate(np.array([900.0, -900.0]), humps, 1024)

    assert fitted is not None
    assert fitted.distance > 0.05
    assert [10.0, 0.0] == fitted.exposures.tolist()


def test_no_extrapolation_from_what_cannot_be_fitted() -> None:
    """Constant or impossible candidates have no distribution to fit."""
    assert extrapolate(np.zeros(1), np.zeros(9), 10) is None
    assert extrapolate(np.zeros(1), np.array([-1.0, -np.inf]), 10) is None
    assert extrapolate(np.array([-np.inf]), np.array([-1.0, -2.0]), 10) is None
