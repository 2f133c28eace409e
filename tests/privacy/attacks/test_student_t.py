from __future__ import annotations

import numpy as np
from scipy.stats import t

from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.lira import LiraOnline
from governance.privacy.attacks.student_t import StudentTOffline, StudentTOnline
from governance.privacy.attacks.worlds import logit

SHADOWS = np.log([[0.9, 0.7], [0.8, 0.6], [0.3, 0.2], [0.5, 0.1]])
INSIDE = np.array([[True, True], [True, True], [False, False], [False, False]])
TARGET = np.log([0.6, 0.3])


def predictive(rows: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """ν, mean and scale from log-odds (2, n), spelled out."""
    n, squares = len(rows), ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)
    pooled = squares.sum() / ((n - 1) * rows.shape[1])
    freedom = 4 + n - 1
    return freedom, rows.mean(axis=0), np.sqrt((4 * pooled + squares) / freedom * (1 + 1 / n))


def test_online_by_the_book() -> None:
    """ln t_ν(φ; IN) − ln t_ν(φ; OUT) with ν = ν₀ + n − 1 and scale² = (ν₀σ² + SS)/ν · (1 + 1/n)."""
    phi, target = logit(SHADOWS), logit(TARGET)
    expected = t.logpdf(target, *predictive(phi[:2])) - t.logpdf(target, *predictive(phi[2:]))

    actual = StudentTOnline().score(Observations(TARGET, SHADOWS, INSIDE)).values

    np.testing.assert_allclose(expected, actual, rtol=1e-9)


def test_offline_is_the_one_sided_tail() -> None:
    """ln T/(1 − T) of the distribution function of the shadows that did not see the record."""
    share = t.cdf(logit(TARGET), *predictive(logit(SHADOWS)[2:]))

    actual = StudentTOffline().score(Observations(TARGET, SHADOWS, INSIDE)).values

    np.testing.assert_allclose(np.log(share / (1 - share)), actual, rtol=1e-9)


def test_one_pair_is_nearly_lira() -> None:
    """With one shadow a world the spread is set so wide that the order is LiRA's."""
    random = np.random.default_rng(3)
    signals, inside = np.log(random.uniform(0.2, 0.8, (3, 200))), np.array([[True] * 200, [False] * 200])
    observed = Observations(signals[0], signals[1:], inside)

    ours, lira = (attack.score(observed).values for attack in (StudentTOnline(), LiraOnline()))

    assert np.corrcoef(np.argsort(np.argsort(ours)), np.argsort(np.argsort(lira)))[0, 1] > 0.98


def test_one_shadow_offline_orders_by_the_gap() -> None:
    """With one OUT shadow a record nothing is known of its spread."""
    random = np.random.default_rng(4)
    signals = np.log(random.uniform(0.2, 0.8, (2, 100)))

    values = (
        StudentTOffline().score(Observations(signals[0], signals[1:], np.zeros((1, 100), np.bool_))).values
    )

    gaps = logit(signals[0]) - logit(signals[1])
    np.testing.assert_array_equal(np.argsort(gaps), np.argsort(values))
