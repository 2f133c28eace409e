from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.log_ratio import LogRatioOffline, LogRatioOnline
from governance.privacy.attacks.rmia import Rmia, rmia_scores

RATIOS = st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0, 8.0]), min_size=1, max_size=20)


@given(RATIOS, RATIOS, st.sampled_from([1.0, 2.0]))
def test_sorting_is_the_definition(ratios: list[float], population: list[float], gamma: float) -> None:
    """Score(x) = Pr_z[r(x)/r(z) > γ], pair by pair, ties included."""
    expected = [sum(x / z > gamma for z in population) / len(population) for x in ratios]

    assert expected == rmia_scores(ratios, population, gamma).tolist()


@pytest.mark.parametrize(
    ("ratios", "population", "gamma"), [([1.0], [], 1.0), ([[1.0]], [1.0], 1.0), ([1.0], [1.0], 0.0)]
)
def test_what_is_no_population_is_refused(ratios: Any, population: Any, gamma: float) -> None:
    """Ratios are two lists, and γ is positive."""
    with pytest.raises(UsageError):
        rmia_scores(ratios, population, gamma)


@pytest.mark.parametrize(("trained_on", "ratio"), [(True, LogRatioOnline()), (False, LogRatioOffline(0.3))])
def test_it_is_a_step_function_of_the_log_ratio(simulate: Any, trained_on: bool, ratio: Any) -> None:
    """The same order as the log-ratio with more ties: the population adds nothing to the ranking."""
    observed, other = simulate(4, 2.0).observed, simulate(5, 0.0, n=100).observed
    population = Observations(other.target, other.shadows, np.zeros((4, 100), dtype=np.bool_))

    scores = Rmia(population, 2.0, trained_on, a=0.3).score(observed)

    order = np.argsort(ratio.score(observed).values, kind="stable")
    assert (np.diff(scores.values[order]) >= 0).all()
    assert 10 < len(set(scores.values.tolist())) <= 101
    assert ("rmia-online" if trained_on else "rmia-offline") == scores.attack


def test_the_population_is_unseen_and_shares_its_a() -> None:
    """r(z) = p_θ / ½[(1 + a)·p̄ + (1 − a)] over all shadows, as for an offline record."""
    population = Observations(
        np.log([0.4, 0.8]), np.log([[0.3, 0.3], [0.5, 0.5]]), np.zeros((2, 2), np.bool_)
    )
    observed = Observations(np.log([0.6]), np.log([[0.4], [0.9]]), np.array([[False], [True]]))
    record, others = 0.6 / (0.5 * (1.3 * 0.4 + 0.7)), np.array([0.4, 0.8]) / (0.5 * (1.3 * 0.4 + 0.7))

    scores = Rmia(population, trained_on=False, a=0.3).score(observed)

    assert [np.mean(record > others)] == scores.values.tolist() == [0.5]
