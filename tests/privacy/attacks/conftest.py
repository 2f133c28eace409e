"""Worlds that attacks on membership are tried on: simulated ones, and one small forest really trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from governance.privacy.attacks.interface import Observations


@dataclass(frozen=True)
class World:
    """What is observed, and the truth."""

    observed: Observations
    members: Any

    def sides(self, values: Any) -> tuple[Any, Any]:
        """Values of members, and of the others."""
        return values[self.members], values[~self.members]


def _halves(random: np.random.Generator, shadows: int, n: int) -> Any:
    """(shadows, n) random halves in complementary pairs."""
    inside = np.zeros((shadows, n), dtype=np.bool_)
    for pair in range(0, shadows, 2):
        inside[pair, random.permutation(n)[: n // 2]] = True
        inside[pair + 1] = ~inside[pair]
    return inside


@pytest.fixture(scope="session")
def halves() -> Callable[..., Any]:
    """(random, shadows, n) → a plan in complementary pairs."""
    return _halves


@pytest.fixture(scope="session")
def simulate() -> Callable[..., World]:
    """Records of different difficulty; models are surer of what they were trained on by `leak`."""

    def world(
        seed: Any,
        leak: float,
        *,
        n: int = 300,
        shadows: int = 4,
        memory: float = 1.0,
        digits: int | None = None,
    ) -> World:
        random = np.random.default_rng(seed)
        inside, members = _halves(random, shadows, n), _halves(random, 2, n)[0]
        difficulty = random.normal(0, 2, n)

        def signal(trained: Any, gain: float) -> Any:
            odds = difficulty + gain * trained + random.normal(0, 0.7, trained.shape)
            odds = odds if digits is None else np.round(odds, digits)
            return (-np.log1p(np.exp(-odds))).astype(np.float32)

        return World(Observations(signal(members, leak), signal(inside, memory), inside), members)

    return world


@pytest.fixture(scope="session")
def forest() -> World:
    """A forest of fully grown trees on 600 records, half of them noise to it, and 16 shadows of its kind."""
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier

    X, y = make_classification(600, n_features=12, n_informative=8, flip_y=0.1, random_state=3)
    random = np.random.default_rng(3)
    members, inside = _halves(random, 2, 600)[0], _halves(random, 16, 600)

    def signal(rows: Any, seed: int) -> Any:
        model = RandomForestClassifier(25, random_state=seed).fit(X[rows], y[rows])
        confidence = model.predict_proba(X)[np.arange(600), y]
        return np.log(np.clip(confidence, 1e-6, 1 - 1e-6)).astype(np.float32)

    shadows = np.stack([signal(rows, seed) for seed, rows in enumerate(inside)])
    return World(Observations(signal(members, 99), shadows, inside), members)
