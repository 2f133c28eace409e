from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from governance.privacy.controls import AccuracyMatch, BlindBaseline, blind_baseline
from governance.privacy.pool import Pool, make_pool
from governance.privacy.scoring import Interval


@dataclass
class Side:
    """Records with labels."""

    X: Any
    y: Any


def normal_pool(seed: int, n: int, shift: float) -> Pool:
    """Two sides of n records, the non-members' first column shifted by so many standard deviations."""
    random = np.random.default_rng(seed)
    X, y = random.normal(size=(2 * n, 4)), random.integers(0, 2, 2 * n)
    X[n:, 0] += shift
    return make_pool(Side(X[:n], y[:n]), Side(X[n:], y[n:]))


@pytest.mark.slow
def test_alike_sides_pass() -> None:
    """Over 40 worlds without a shift, at most 2.5 % fail, plus three standard deviations."""
    failed = sum(not blind_baseline(normal_pool(seed, 100, 0.0), seed).passed for seed in range(40))

    assert failed <= 40 * 0.025 + 3 * np.sqrt(40 * 0.025)


def test_a_shifted_split_fails() -> None:
    """One column moved by one standard deviation is found among 1,000 + 1,000 records."""
    found = blind_baseline(normal_pool(1, 1000, 1.0), 1)

    assert found.auc.low > 0.6
    assert not found.passed


def test_a_split_by_time_fails() -> None:
    """A serial number that grows from members to non-members is found although it is text."""
    n = 300
    X = pd.DataFrame({"serial": [f"{i:06d}" for i in range(2 * n)], "noise": np.arange(2 * n) % 7})
    pool = make_pool(Side(X[:n], [0] * n), Side(X[n:], [0] * n))

    assert not blind_baseline(pool, 0).passed


def test_the_control_repeats() -> None:
    """Equal seeds give equal numbers."""
    pool = normal_pool(3, 100, 0.0)

    assert blind_baseline(pool, 9) == blind_baseline(pool, 9)


@pytest.mark.parametrize(("low", "expected"), [(0.49, True), (0.5, True), (0.51, False)])
def test_blind_baseline_passes_when_chance_is_inside(low: float, expected: bool) -> None:
    """The baseline fails only when its lower bound beats a coin."""
    assert expected is BlindBaseline(Interval(0.55, low, 0.6)).passed


@pytest.mark.parametrize(
    ("target", "shadows", "n", "expected"),
    [(0.8, 0.8, 100, True), (0.8, 0.86, 100, True), (0.8, 0.86, 10_000, False), (0.8, 0.6, 1000, False)],
)
def test_shadows_must_be_as_good_as_the_target(target: float, shadows: float, n: int, expected: bool) -> None:
    """Five points and the error of measuring are allowed between them, in either direction."""
    assert expected is AccuracyMatch(target, shadows, n).passed
