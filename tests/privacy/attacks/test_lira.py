from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.lira import PER_RECORD, LiraOffline, LiraOnline


def observations(target: Any, seen: Any, unseen: Any) -> Observations:
    """From log-odds: the target's (n,), and (k, n) of the shadows that saw each record or did not."""
    rows = np.concatenate([seen, unseen])
    inside = np.repeat([[True], [False]], [len(seen), len(unseen)], axis=0) & np.ones(rows.shape, np.bool_)
    return Observations(np.log(expit(target)), np.log(expit(rows)), inside)


def test_online_by_hand() -> None:
    """Λ = ln N(φ; μ_IN, σ_IN²) − ln N(φ; μ_OUT, σ_OUT²), each variance pooled in its world."""
    target = np.array([1.0, -0.5])
    seen, unseen = np.array([[2.0, 1.0], [4.0, 1.0]]), np.array([[0.0, -1.0], [1.0, 1.0]])
    wide, narrow = np.sqrt((2 + 0) / 2), np.sqrt((0.5 + 2) / 2)

    expected = norm.logpdf(target, [3.0, 1.0], wide) - norm.logpdf(target, [0.5, 0.0], narrow)

    np.testing.assert_allclose(
        expected, LiraOnline().score(observations(target, seen, unseen)).values, rtol=1e-9
    )


def test_offline_is_the_one_sided_tail() -> None:
    """ln Λ/(1 − Λ) with Λ = Φ((φ − μ_OUT)/σ_OUT): far below the shadows is no sign of membership."""
    unseen = np.array([[0.0] * 3, [2.0] * 3])
    share = norm.cdf((np.array([-4.0, 1.0, 4.0]) - 1) / np.sqrt(2))

    values = LiraOffline().score(observations([-4.0, 1.0, 4.0], np.empty((0, 3)), unseen)).values

    np.testing.assert_allclose(np.log(share / (1 - share)), values, rtol=1e-6, atol=1e-12)


def test_offline_has_no_ties_at_the_top() -> None:
    """Where Λ itself rounds to one the order remains."""
    unseen = np.array([[-13.0] * 2, [-12.99] * 2])

    low, high = LiraOffline().score(observations([12.0, 13.0], np.empty((0, 2)), unseen)).values

    assert low < high < np.inf


def test_one_pair_needs_no_variance() -> None:
    """With one shadow a world, Λ orders by (φ − μ_OUT)² − (φ − μ_IN)²."""
    random = np.random.default_rng(1)
    target, seen, unseen = random.normal(size=(3, 50))

    values = LiraOnline().score(observations(target, seen[None], unseen[None])).values

    np.testing.assert_allclose((target - unseen) ** 2 - (target - seen) ** 2, 2 * values, atol=1e-9)


@pytest.mark.parametrize(("shadows", "own"), [(PER_RECORD - 2, False), (PER_RECORD, True)])
def test_a_record_has_its_own_variance_from_32_shadows_on(shadows: int, own: bool) -> None:
    """A steady record and a shaky one, both a little off: below 32 shadows they look the same."""
    random = np.random.default_rng(2)
    spread = np.array([0.1, 3.0])
    seen, unseen = (random.normal(size=(shadows // 2, 2)) for _ in range(2))
    seen, unseen = ((rows - rows.mean(axis=0)) * spread for rows in (seen, unseen))

    steady, shaky = LiraOnline().score(observations([1.0, 1.0], seen + 1, unseen)).values

    assert own == (steady > 10 * abs(shaky))
