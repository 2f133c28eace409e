from __future__ import annotations

import numpy as np
import pytest

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.log_ratio import LogRatioOnline
from governance.privacy.scoring import auc


def test_score_by_hand() -> None:
    """S = ln p_θ − ln of the mean, not the mean of the ln, over the pair."""
    observed = Observations(np.array([0.9, 0.5]), np.array([[0.8, 0.5], [0.2, 0.5]]))

    scores = LogRatioOnline().score(observed)

    np.testing.assert_allclose([np.log(0.9 / 0.5), 0.0], scores.values, atol=1e-15)
    assert ("log-ratio-online", 1) == (scores.attack, scores.threat_model.queries)


def test_rmia_s_population_only_adds_ties() -> None:
    """RMIA's score, Pr_z[LR(x, z) > 1], is a monotone step function of S: same order, more ties."""
    random = np.random.default_rng(4)
    target, shadows = random.uniform(0.05, 1, 300), random.uniform(0.05, 1, (2, 300))
    ratio = LogRatioOnline().score(Observations(target, shadows)).values
    population = ratio[200:]
    rmia = np.array([np.mean(s > population) for s in ratio[:200]])
    order = np.argsort(ratio[:200])

    assert (np.diff(rmia[order]) >= 0).all()
    assert len(set(rmia.tolist())) <= len(population) + 1 < len(set(ratio[:200].tolist()))


def test_hard_and_easy_records_become_comparable() -> None:
    """When records differ in difficulty, the ratio separates members that a plain threshold cannot."""
    random = np.random.default_rng(5)
    easy = random.uniform(0.1, 0.9, 2000)
    shadows = np.stack([easy, easy + 0.08])
    target = np.where(np.arange(2000) < 1000, easy + 0.08, easy) + random.normal(0, 0.02, 2000)
    scores = LogRatioOnline().score(Observations(np.clip(target, 0.01, 0.99), shadows)).values

    assert auc(target[:1000], target[1000:]).high < 0.7 < 0.9 < auc(scores[:1000], scores[1000:]).low


@pytest.mark.parametrize("shadows", [None, np.full((1, 2), 0.5), np.full((3, 2), 0.5)])
def test_unpaired_shadows_are_refused(shadows: np.ndarray | None) -> None:
    """Without as many IN as OUT models for every record the mean is biased: refused."""
    with pytest.raises(UsageError, match="complementary pairs"):
        LogRatioOnline().score(Observations(np.array([0.5, 0.5]), shadows))
