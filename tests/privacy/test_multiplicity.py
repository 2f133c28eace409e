from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from governance.errors import UsageError
from governance.privacy.multiplicity import (
    Family,
    adjusted,
    benjamini_hochberg,
    check_shares,
    holm,
    part,
    split,
)

P = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_holm_by_hand() -> None:
    """The smallest of three counts three times, the next twice, and none less than one before it."""
    assert {"a": 0.04, "b": 0.03, "c": 0.04} == pytest.approx(holm({"a": 0.03, "b": 0.01, "c": 0.02}))


@given(P)
def test_holm_rejects_at_least_what_bonferroni_does(p: list[float]) -> None:
    """Adjusted values lie between p and T·p."""
    found = holm(dict(enumerate(p)))

    assert all(one <= found[i] <= min(1.0, one * len(p)) for i, one in enumerate(p))


@given(P, st.floats(0.01, 0.5))
def test_discoveries_are_those_of_scipy(p: list[float], q: float) -> None:
    """Benjamini–Hochberg, by threshold and by adjusted value."""
    expected = false_discovery_control(p)

    assert expected == pytest.approx(adjusted(p))
    clear = np.abs(expected - q) > 1e-9
    assert (expected <= q)[clear].tolist() == benjamini_hochberg(p, q)[clear].tolist()


def test_shares_of_alpha_add_up() -> None:
    """Parts of a confidence leave what they should, with slices and without."""
    assert 0.975 == pytest.approx(part(0.95, 0.5))
    assert (0.96, 0.99) == pytest.approx(split(0.95, slices=True))
    assert 0.95 == pytest.approx(split(0.95, slices=False)[0])


@pytest.mark.parametrize("shares", [[], [0.5, 0.6], [1.0, 0.0]])
def test_more_than_the_whole_cannot_be_shared(shares: list[float]) -> None:
    """Shares are positive and sum to one at most."""
    with pytest.raises(UsageError):
        check_shares(shares)


def test_a_family_counts_its_tests() -> None:
    """Attacks × statistics × (the pool and its slices) × looks."""
    family = Family(attacks=3, statistics=2, slices=4, looks=2, alpha=0.025)

    assert (60, 60) == (family.size, family.body()["tests"])


def test_a_rate_of_false_discoveries_is_a_share() -> None:
    """0 and 1 are refused."""
    with pytest.raises(UsageError):
        benjamini_hochberg([0.1], 1.0)
