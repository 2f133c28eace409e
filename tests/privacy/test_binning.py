from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from governance.errors import UsageError
from governance.privacy.binning import histogram

SCORES = arrays.arrays(np.float64, st.integers(1, 80), elements=st.floats(-1e6, 1e6, width=32))


@given(SCORES, SCORES)
def test_no_record_is_lost_or_shown(members: Any, non_members: Any) -> None:
    """Every score lies between the ends, every record is counted, and no bin holds one to four records."""
    found = histogram(members, non_members)

    both = np.concatenate([members, non_members])
    assert found["edges"][0] <= both.min()
    assert both.max() <= found["edges"][-1]
    assert sorted(set(found["edges"])) == found["edges"]
    assert (len(members), len(non_members)) == (sum(found["members"]), sum(found["non_members"]))
    assert len(found["edges"]) - 1 == len(found["members"]) == len(found["non_members"])
    held = [one + other for one, other in zip(found["members"], found["non_members"], strict=True)]
    assert min(held) >= min(5, len(both))


def test_counts_are_what_numpy_counts() -> None:
    """The counts are those between the edges that the histogram itself names."""
    random = np.random.default_rng(0)
    members, non_members = random.normal(1, 1, 1000), random.normal(0, 1, 1000)

    found = histogram(members, non_members)

    assert np.histogram(members, found["edges"])[0].tolist() == found["members"]
    assert np.histogram(non_members, found["edges"])[0].tolist() == found["non_members"]
    assert 20 < len(found["members"]) <= 60


def test_edges_are_round() -> None:
    """Edges are multiples of a round step, so the extreme ones are no record's score."""
    members = np.linspace(-3.14159, 2.71828, 500)

    found = histogram(members, members)

    assert [-3.2, -3.0, -2.8] == pytest.approx(found["edges"][:3])
    assert 2.8 == pytest.approx(found["edges"][-1])


def test_tied_scores_are_one_bin() -> None:
    """A model that says the same of everybody has one bar, whatever it says."""
    for score in (0.0, -13.8, 1e9):
        found = histogram(np.full(50, score), np.full(60, score))

        assert ([50], [60]) == (found["members"], found["non_members"])


@pytest.mark.parametrize("scores", [[], [np.nan], [np.inf]])
def test_what_is_no_score_is_refused(scores: list[float]) -> None:
    """Nothing, NaN and infinity have no bin."""
    with pytest.raises(UsageError, match="finite numbers"):
        histogram(scores, [])
