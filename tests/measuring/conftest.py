"""Worlds in which members are known, and the attacks on them in one look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from governance.measuring import MEMBERSHIP, Asked, Data
from governance.measuring import assess as assess_all
from governance.privacy.measurement import Measurement
from governance.privacy.target import ShadowBudget, Workers

ONLY = Asked(attacks=[MEMBERSHIP])


def _world(seed: int, n: int) -> tuple[Data, Data, Data]:
    """Three samples of n records of one distribution, with labels that are hard to predict."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(3 * n, 6))
    y = (X[:, 0] + random.normal(size=3 * n) > 0).astype(int)
    first, second, third = (Data(X[i : i + n], y[i : i + n]) for i in (0, n, 2 * n))
    return first, second, third


def _forest(data: Data, seed: int = 0) -> RandomForestClassifier:
    """A forest grown until it knows its records by heart."""
    return RandomForestClassifier(n_estimators=30, random_state=seed).fit(data.X, data.y)


def _assess(
    model: Any, members: Any, non_members: Any, *, shadows: int = 2, asked: Asked = ONLY, **options: Any
) -> Measurement:
    """The attacks on membership alone, in one look, in this process."""
    found = assess_all(
        model,
        members,
        non_members,
        budget=ShadowBudget(shadows=shadows),
        workers=Workers(n_jobs=1),
        asked=asked,
        **options,
    )
    assert found.membership is not None
    return found.membership


@pytest.fixture
def world() -> Any:
    """See `_world`."""
    return _world


@pytest.fixture
def forest() -> Any:
    """See `_forest`."""
    return _forest


@pytest.fixture
def assess() -> Any:
    """See `_assess`."""
    return _assess
