from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from threadpoolctl import threadpool_limits


@dataclass
class Side:
    """Records with labels."""

    X: Any
    y: Any


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small fits are faster, and their time is the same beside other work."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def patients() -> tuple[Side, Side]:
    """300 members and 269 non-members of the Wisconsin breast-cancer data, as arrays."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    inside, outside = order[:300], order[300:]
    return Side(X[inside], y[inside]), Side(X[outside], y[outside])
