from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, mannwhitneyu

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.population import Population
from governance.privacy.attacks.quantile import Quantile
from governance.privacy.scoring import auc

WORLDS = 60


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on busy cores make small trees slow."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def world(seed: Any, leak: float, n: int) -> tuple[Any, Any, Any]:
    """Features that tell how hard a record is, signals, and the members, first."""
    random = np.random.default_rng(seed)
    X, members = random.normal(size=(n, 3)), np.arange(n) < n // 2
    odds = 2 * X[:, 0] + leak * members + random.normal(0, 0.5, n)
    return X, -np.log1p(np.exp(-odds)), members


def test_difficulty_is_regressed_away() -> None:
    """Where features tell how hard a record is, members stand out more than by confidence alone."""
    X, signals, members = world(1, 1.0, 2000)
    observed = Observations(signals)

    ours, plain = (
        auc(values[members], values[~members])
        for values in (Quantile(X, ~members, 0).score(observed).values, Population().score(observed).values)
    )

    assert plain.high < 0.7 < 0.8 < ours.low


@pytest.mark.slow
def test_no_leak_raises_no_alarm() -> None:
    """Regressors score nothing that they saw: without a leak a rank test alarms as seldom as it says."""
    alarms = 0
    for seed in range(WORLDS):
        X, signals, members = world([2, seed], 0.0, 120)
        values = Quantile(X, ~members, seed, folds=2).score(Observations(signals)).values
        alarms += mannwhitneyu(values[members], values[~members], alternative="greater").pvalue <= 0.05

    assert alarms <= binom.ppf(0.999, WORLDS, 0.05)


def test_no_record_is_scored_by_a_regressor_that_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each fold regressors see non-members of the other folds only; every record is scored once."""
    X, signals, members = world(3, 1.0, 200)
    calls = []

    def spy(_self: Quantile, _phi: Any, seen: Any, scored: Any, _states: Any) -> Any:
        calls.append((seen, scored))
        return np.zeros(np.count_nonzero(scored))

    monkeypatch.setattr(Quantile, "_standardised", spy)
    Quantile(X, ~members, 0).score(Observations(signals))

    assert 5 == len(calls)
    assert not any((seen & scored).any() or (seen & members).any() for seen, scored in calls)
    np.testing.assert_array_equal(np.ones(200), sum(scored.astype(int) for _, scored in calls))
    assert {(20, 20)} == {
        (np.count_nonzero(scored & members), np.count_nonzero(scored & ~members)) for _, scored in calls
    }


def test_constant_signals_tie_exactly() -> None:
    """A model that says the same of everybody gives one score."""
    X, signals, members = world(4, 1.0, 200)

    values = Quantile(X, ~members, 0).score(Observations(np.full_like(signals, -0.3))).values

    assert 0.5 == auc(values[members], values[~members]).point


@pytest.mark.parametrize(
    ("features", "non_members", "folds", "message"),
    [
        (np.zeros((3, 1)), np.ones(4, np.bool_), 2, "do not describe"),
        (np.zeros((4, 1)), np.ones(3, np.bool_), 2, "do not describe"),
        (np.zeros((4, 1)), np.ones(4), 2, "do not describe"),
        (np.zeros((4, 1)), np.ones(4, np.bool_), 2, "10 non-members in each"),
        (np.zeros((4, 1)), np.ones(4, np.bool_), 1, "at least 2 folds"),
    ],
)
def test_what_does_not_fit_is_refused(features: Any, non_members: Any, folds: int, message: str) -> None:
    """Shapes, a mask that is none, too few non-members or folds."""
    with pytest.raises(UsageError, match=message):
        Quantile(features, non_members, 0, folds).score(Observations(np.log(np.full(4, 0.5))))
