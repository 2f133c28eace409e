from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from governance.errors import UsageError
from governance.privacy.attacks import blend
from governance.privacy.attacks.blend import BlendOnline
from governance.privacy.attacks.interface import Observations
from governance.privacy.scoring import auc


def test_one_pair_is_too_few() -> None:
    """A pair leaves nothing to measure a pseudo-target with."""
    inside = np.array([[True, False], [False, True]])

    with pytest.raises(UsageError, match="at least 4 shadow models"):
        BlendOnline().score(Observations(np.log([0.5, 0.6]), np.log([[0.5, 0.4], [0.3, 0.7]]), inside))


def test_weights_do_not_look_at_the_target(simulate: Any) -> None:
    """Another target, the same weights: nothing is chosen by its result."""
    observed = simulate(2, 1.0).observed
    other = replace(observed, target=observed.target[::-1].copy())

    np.testing.assert_array_equal(blend._weights(observed), blend._weights(other))


def test_it_is_the_weighted_sum(simulate: Any) -> None:
    """The score is linear in its parts."""
    observed = simulate(2, 1.0).observed

    expected = np.stack(blend.components(observed), axis=1) @ blend._weights(observed)

    np.testing.assert_allclose(expected, BlendOnline().score(observed).values, rtol=1e-9)


@pytest.mark.parametrize("leak", [0.5, 2.0])
def test_it_is_nowhere_far_below_its_parts(leak: float, simulate: Any) -> None:
    """On log-odds that move little or much, the blend is about as good as the best of what it blends."""
    world = simulate([3, 1], leak, n=2000, shadows=8, memory=leak)
    parts = [auc(*world.sides(part)).point for part in blend.components(world.observed)]

    assert auc(*world.sides(BlendOnline().score(world.observed).values)).point > max(parts) - 0.01


def test_a_useless_part_gets_no_say(forest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A component that is constant is given no weight instead of a division by nothing."""
    parts = blend.components
    monkeypatch.setattr(blend, "components", lambda one: (*parts(one), np.zeros(len(one.target))))

    assert 0.0 == blend._weights(forest.observed)[-1]
