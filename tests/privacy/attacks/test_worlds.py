from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from governance.errors import UsageError
from governance.privacy.attacks import worlds
from governance.privacy.attacks.interface import Observations


def of_odds(*odds: float) -> np.ndarray:
    """Signals with these log-odds."""
    return -np.log1p(np.exp(-np.array(odds)))


def test_logit_undoes_the_logarithm_of_a_confidence() -> None:
    """φ = s − ln(1 − e^s), finite where the confidence rounds to one, also from float32."""
    odds = np.array([-20.0, -1.0, 0.0, 3.0, 13.0])

    np.testing.assert_allclose(odds, worlds.logit(of_odds(*odds)), rtol=1e-9)
    np.testing.assert_allclose(odds, worlds.logit(of_odds(*odds).astype(np.float32)), rtol=1e-6, atol=1e-6)
    assert np.log(1e6 - 1) == pytest.approx(worlds.logit(0.0), rel=1e-9)


def test_worlds_by_hand() -> None:
    """Three shadows saw the record and two did not: counts, means off the target's, squares."""
    shadows = of_odds(3.0, 0.0, 5.0, 2.0, 4.0)[:, None]
    inside = np.array([[True], [False], [True], [False], [True]])

    seen, unseen = worlds.worlds(Observations(of_odds(1.0), shadows, inside), "some")

    assert (3, 2) == (seen.count[0], unseen.count[0])
    np.testing.assert_allclose(
        [3.0, 2.0, 0.0, 2.0], [seen.mean[0], seen.squares[0], unseen.mean[0], unseen.squares[0]], atol=1e-12
    )
    assert (pytest.approx(1.0), pytest.approx(2.0)) == (seen.variance, unseen.variance)


def test_the_pooled_variance_is_centred_by_record() -> None:
    """Records that differ in difficulty but not between models have no variance to speak of."""
    easy = np.repeat(of_odds(-3.0, 0.0, 4.0)[None], 4, axis=0)
    inside = np.array([[True] * 3, [True] * 3, [False] * 3, [False] * 3])

    seen, unseen = worlds.worlds(Observations(easy[0], easy, inside), "some")

    assert (worlds.LEAST_VARIANCE, worlds.LEAST_VARIANCE) == (seen.variance, unseen.variance)


def test_one_shadow_a_world_has_no_variance() -> None:
    """With a single pair nothing is said about spread."""
    observed = Observations(of_odds(0.0), np.stack([of_odds(1.0), of_odds(2.0)]), np.array([[True], [False]]))

    assert [None, None] == [world.variance for world in worlds.worlds(observed, "some")]


def test_likelihoods_by_hand() -> None:
    """ln of the mean likelihood of each kind over the target's; densities far below e^-700 too."""
    shadows = np.log([[0.8], [0.2], [0.4]])
    inside = np.array([[True], [False], [False]])

    seen, unseen = worlds.likelihoods(Observations(np.log([0.5]), shadows, inside), "some")
    deep = worlds.likelihoods(Observations(np.log([0.5]) - 2000, shadows - 2000, inside), "some")

    np.testing.assert_allclose(np.log([0.8 / 0.5, 0.3 / 0.5]), [seen[0], unseen[0]])
    np.testing.assert_allclose([seen[0], unseen[0]], [deep[0][0], deep[1][0]], atol=1e-9)


def test_no_kind_left_is_minus_infinity() -> None:
    """Where no shadow was trained on a record, an offline attack sees so."""
    observed = Observations(np.log([0.5]), np.log([[0.2]]), np.array([[False]]))

    seen, unseen = worlds.likelihoods(observed, "some", online=False)

    assert (-np.inf, pytest.approx(np.log(0.4))) == (seen[0], unseen[0])


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch, simulate: Any) -> None:
    """Reading seven records at a time gives the same to the last bit."""
    observed = simulate(1, 1.0, n=100).observed
    whole = worlds.worlds(observed, "some"), worlds.likelihoods(observed, "some")

    monkeypatch.setattr(worlds, "BLOCK", 7)
    parts = worlds.worlds(observed, "some"), worlds.likelihoods(observed, "some")

    for one, other in zip(whole[0], parts[0], strict=True):
        np.testing.assert_array_equal(one.mean, other.mean)
        np.testing.assert_array_equal(one.squares, other.squares)
    np.testing.assert_array_equal(whole[1], parts[1])


SHADOWS = np.log(np.full((2, 3), 0.5))


@pytest.mark.parametrize(
    ("shadows", "inside", "online", "message"),
    [
        (None, None, False, "needs shadow models"),
        (SHADOWS, None, False, "needs shadow models"),
        (SHADOWS[:, :2], np.zeros((2, 2), np.bool_), False, "do not describe 3 records"),
        (SHADOWS, np.zeros((2, 3)), False, "do not describe 3 records"),
        (SHADOWS, np.zeros((2, 3), np.bool_), True, "some of the shadows, not in all"),
        (SHADOWS, np.array([[True] * 3, [False, False, True]]), True, "some of the shadows, not in all"),
        (SHADOWS, np.array([[True] * 3, [False, False, True]]), False, "fewer than all of the shadows"),
    ],
)
def test_what_does_not_fit_is_refused(
    shadows: np.ndarray | None, inside: np.ndarray | None, online: bool, message: str
) -> None:
    """No shadows, other shapes, no plan, or a record without a shadow of the kind that is needed."""
    with pytest.raises(UsageError, match=message):
        worlds.checked(Observations(np.log(np.full(3, 0.5)), shadows, inside), "some", online=online)
