from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from governance.privacy.attacks import pseudo
from governance.privacy.attacks.interface import Observations


def test_the_other_half_never_stands_beside(simulate: Any) -> None:
    """Of three pairs two stand beside each pseudo-target; neither it nor its complement does."""
    observed = simulate(1, 1.0, shadows=6).observed

    trials = list(pseudo.pseudo_targets(observed, online=True))

    assert 6 == len(trials)
    for (one, members), signal, inside in zip(trials, observed.shadows, observed.inside, strict=True):
        np.testing.assert_array_equal(members, inside)
        np.testing.assert_array_equal(one.target, signal)
        assert 4 == len(one.shadows)
        assert not any((row == members).all() or (row != members).all() for row in one.inside)


def test_few_of_many_are_used(simulate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records and shadows are thinned evenly, so that tuning takes no longer on a million records."""
    monkeypatch.setattr(pseudo, "RECORDS", 50)
    monkeypatch.setattr(pseudo, "PSEUDO_TARGETS", 3)

    trials = list(pseudo.pseudo_targets(simulate(1, 1.0, shadows=8).observed, online=True))

    assert [50, 50, 50] == [len(members) for _, members in trials]


def test_records_without_a_shadow_of_a_kind_are_left_out() -> None:
    """Without a plan in pairs, a record that the rest never (or always) saw cannot be measured with."""
    inside = np.array([[1, 0, 1, 0, 1], [1, 1, 0, 0, 0], [1, 0, 0, 1, 1]], dtype=np.bool_)
    observed = Observations(np.zeros(5), np.arange(15.0).reshape(3, 5), inside)

    online, members = next(pseudo.pseudo_targets(observed, online=True))
    offline, _ = next(pseudo.pseudo_targets(observed, online=False))

    assert ([1.0, 3.0, 4.0], [False, False, True]) == (online.target.tolist(), members.tolist())
    assert [1.0, 2.0, 3.0, 4.0] == offline.target.tolist()


def test_no_shadows_no_trials() -> None:
    """Without shadows there is nothing to tune on, and that is not an error."""
    assert [] == list(pseudo.pseudo_targets(Observations(np.zeros(3)), online=False))
