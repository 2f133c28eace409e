from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from governance.privacy.attacks.subject_level import subjects_of
from governance.privacy.controls import AccuracyMatch, BlindBaseline, Controls, blind_baseline, inflation
from governance.privacy.pool import Pool, make_pool
from governance.privacy.scoring import Interval
from governance.privacy.twins import Twin


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
    """Of 12 worlds without a shift one may fail; 200 stand in the table of the calibration."""
    failed = sum(not blind_baseline(normal_pool(seed, 100, 0.0), seed).passed for seed in range(12))

    assert failed <= 1


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


def test_persons_are_halved_as_a_whole() -> None:
    """Five records a person, much alike: one by one the forest knows everybody again, as a whole nobody."""
    random = np.random.default_rng(2)
    X = np.repeat(random.normal(size=(160, 4)), 5, axis=0) + 0.01 * random.normal(size=(800, 4))
    pool = Pool(X, np.zeros(800), 400, 0, np.arange(800))
    subjects = subjects_of(np.repeat(np.arange(160), 5), 400)

    assert (False, True) == tuple(
        blind_baseline(pool, 1, subjects=whose).passed for whose in (None, subjects)
    )


def test_the_control_repeats() -> None:
    """Equal seeds give equal numbers."""
    pool = normal_pool(3, 100, 0.0)

    assert blind_baseline(pool, 9) == blind_baseline(pool, 9)


def blind(p_value: float) -> BlindBaseline:
    """A baseline with this p-value."""
    return BlindBaseline(Interval(0.55, 0.5, 0.6), p_value, 0.95)


def twin(p_value: float) -> Twin:
    """A twin attacked with this result."""
    return Twin(Interval(0.7, 0.6, 0.8), p_value, 0.95, "log-ratio-online")


def controls(
    blind_p: float = 0.5, negative: float | None = 0.5, positive: float | None = 0.0, shadows: float = 0.8
) -> Controls:
    """All controls, as an honest measurement has them, or without shadows."""
    return Controls(
        blind=blind(blind_p),
        negative=None if negative is None else twin(negative),
        positive=None if positive is None else twin(positive),
        own_kind=None if negative is None else twin(0.01),
        accuracy=None if negative is None else AccuracyMatch(0.8, shadows, 1000),
        pool_fraction=0.5,
        repeated_records=3,
    )


@pytest.mark.parametrize(("p_value", "expected"), [(0.5, True), (0.026, True), (0.025, False), (0.0, False)])
def test_blind_baseline_passes_when_chance_explains_it(p_value: float, expected: bool) -> None:
    """The baseline fails only when its exact test does, at half of α."""
    assert expected is blind(p_value).passed


@pytest.mark.parametrize(
    ("found", "shift", "capable"),
    [
        (controls(), False, True),
        (controls(blind_p=0.001), True, True),
        (controls(negative=0.001), True, True),
        (controls(positive=0.5), False, False),
        (controls(shadows=0.5), False, False),
        (controls(negative=None, positive=None), False, False),
    ],
)
def test_what_controls_allow(found: Controls, shift: bool, capable: bool) -> None:
    """A shift voids everything; silence counts only beside a planted leak found and shadows that match."""
    assert (shift, capable) == (found.shift_found, found.capable)


def test_evidence_says_which_controls_it_lacks() -> None:
    """Without shadows four are missing, by name and with the reason; with them, none."""
    without = controls(negative=None, positive=None).body()

    assert ["negative_control", "positive_control", "own_kind", "shadow_accuracy"] == [
        one["control"] for one in without["lacking"]
    ]
    assert {"no shadow models were trained"} == {one["reason"] for one in without["lacking"]}
    assert not {"negative_control", "positive_control", "own_kind", "shadow_accuracy"} & set(without)


def test_evidence_states_every_control() -> None:
    """What ran, what it found and whether it passed, and the pool's fraction with its factor."""
    body = controls().body()

    assert {
        "blind_baseline",
        "duplicates",
        "repeated_records",
        "pool_fraction",
        "inflation",
        "lacking",
        "negative_control",
        "positive_control",
        "own_kind",
        "shadow_accuracy",
    } == set(body)
    assert (True, True, True) == tuple(
        body[name]["passed"] for name in ("blind_baseline", "negative_control", "positive_control")
    )
    assert [] == body["lacking"]


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 1.0), (0.5, np.sqrt(2)), (0.75, 2.0)])
def test_inflation(fraction: float, expected: float) -> None:
    """One over the root of the rest."""
    assert expected == pytest.approx(inflation(fraction))


@pytest.mark.parametrize(
    ("target", "shadows", "n", "expected"),
    [(0.8, 0.8, 100, True), (0.8, 0.86, 100, True), (0.8, 0.86, 10_000, False), (0.8, 0.6, 1000, False)],
)
def test_shadows_must_be_as_good_as_the_target(target: float, shadows: float, n: int, expected: bool) -> None:
    """Five points and the error of measuring are allowed between them, in either direction."""
    assert expected is AccuracyMatch(target, shadows, n).passed
