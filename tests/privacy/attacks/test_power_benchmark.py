from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import attack_power, attack_scoring
from benchmarks.attack_power import DEFAULT, POOL, POPULATION, World, cells, misses
from benchmarks.peers import PEERS


@pytest.fixture(scope="module")
def world(halves: Any) -> World:
    """Four pairs of simulated models that know their members."""
    random = np.random.default_rng(1)
    inside, odds = halves(random, 8, POOL), random.normal(0, 2, POOL + POPULATION)
    gain = np.concatenate([inside, np.zeros((8, POPULATION))], axis=1)
    noise = random.normal(0, 0.5, gain.shape)
    return World(-np.log1p(np.exp(-(odds + gain + noise))).astype(np.float32), inside)


def test_a_target_s_other_half_never_stands_beside(world: World) -> None:
    """Of four pairs three are left for a target, whole; the population is in nobody's training data."""
    trials = list(world.trials(6, 4, seed=0))

    for observed, population, member in trials:
        assert (6, POOL) == observed.inside.shape
        assert not any((row == member).all() or (row != member).all() for row in observed.inside)
        assert (observed.inside.sum(axis=0) == 3).all()
        assert not population.inside.any()
    assert 4 == len({member.tobytes() for _, _, member in trials})


def test_every_column_is_measured(world: World) -> None:
    """All attacks of peers and the default; a variance for each record needs two pairs."""
    two, four = (attack_power.measure(world, shadows, 2, 0) for shadows in (2, 4))

    assert {*PEERS, DEFAULT} == set(four) == {*two, "LiRA, σ per record"}
    assert (2, 2) == four[DEFAULT].shape
    assert all((0.5 < rates[:, 0]).all() for rates in four.values())


FOUND = {"loss": np.array([[0.6, 0.1], [0.7, 0.3]]), "Student-t": np.array([[0.8, 0.1], [0.8, 0.1]])}


def test_the_best_peer_of_each_kind_is_in_italics() -> None:
    """Means, standard errors over targets, and what was not measured."""
    shown = cells(FOUND | {DEFAULT: np.array([[0.8, 0.2], [0.9, 0.2]])})

    assert ("0.650 ± 0.050 / *20.0 ± 10.0*", "*0.800 ± 0.000* / 10.0 ± 0.0") == (shown[0], shown[3])
    assert ("–", "0.850 ± 0.050 / 20.0 ± 0.0") == (shown[1], shown[-1])


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ([0.8, 0.11], []),
        ([0.79, 0.11], ["AUC 0.790 is below 0.800, what Student-t reaches less its error"]),
        ([0.8, 0.09], ["TPR 0.090 is below 0.100, what loss reaches less its error"]),
    ],
)
def test_a_goal_is_missed_beyond_the_peer_s_error(ours: list[float], said: list[str]) -> None:
    """The default may fall below the best peer by that peer's standard error, and no further."""
    assert said == misses(FOUND | {DEFAULT: np.array([ours, ours])})


def test_scoring_prints_its_ratios() -> None:
    """A small run: equal results, a ratio, seconds and megabytes."""
    run = CliRunner().invoke(
        attack_scoring.main, ["--records", "300", "--pairs", "2", "--many", "1000", "--json"]
    )

    found = json.loads(run.output)
    assert ("300 x 300", 2) == (found["pairs"]["name"], len(found["pairs"]["ratios"]))
    assert found["many"]["seconds"] > 0
    assert found["many"]["megabytes"] > 1
