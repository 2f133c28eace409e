from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from governance.domain.evidence import EvidenceType
from governance.errors import Undecided, UsageError
from governance.privacy.attacks.property_inference import infer_property
from governance.privacy.verdict import Leakage


@dataclass
class Side:
    """Records with labels."""

    X: Any
    y: Any


class NearestMean:
    """Two classes by the nearer mean: a model that is trained in microseconds."""

    classes_ = np.array([0, 1])

    def __init__(self, X: Any, y: Any, *_: int) -> None:
        self.means = np.stack(
            [X[y == label].mean(axis=0) if (y == label).any() else X.mean(axis=0) for label in (0, 1)]
        )

    def predict_proba(self, X: Any) -> Any:
        """By the difference of squared distances."""
        squares = ((X[:, None, :] - self.means) ** 2).sum(axis=2)
        p = 1 / (1 + np.exp(np.clip(squares[:, 1] - squares[:, 0], -30, 30)))
        return np.column_stack([1 - p, p])


def world(seed: int, n: int, *, matters: bool) -> tuple[Side, NDArray[np.bool_]]:
    """n records, half of them marked; the mark moves a column only if it matters."""
    random = np.random.default_rng(seed)
    marked = random.random(n) < 0.5
    X = random.normal(size=(n, 4))
    if matters:
        X[marked, 0] += 2
    return Side(X, (X[:, 1] + X[:, 0] * X[:, 2] > 0).astype(int)), marked


def test_a_share_that_shows_is_found() -> None:
    """When the property moves the data, shares of 20 and 80 % are told apart, and the target's is guessed."""
    data, marked = world(1, 4000, matters=True)
    rows = np.concatenate([np.flatnonzero(marked)[:400], np.flatnonzero(~marked)[:100]])
    target = NearestMean(data.X[rows], data.y[rows])
    rest = np.setdiff1d(np.arange(4000), rows)

    found = infer_property(
        target,
        Side(data.X[rest], data.y[rest]),
        marked[rest],
        NearestMean,
        seed=0,
        shares=(0.2, 0.8),
        true_share=0.8,
    )

    assert (EvidenceType.PROPERTY_INFERENCE, Leakage.SHOWN) == (found.type, found.verdict)
    assert 0.5 == found.null
    assert found.estimate.low > 0.7
    assert (0.8, True) == (found.details["guess"], found.details["guessed_right"])
    assert (64, 32) == (found.counts["shadows"], found.counts["measured_on"])


@pytest.mark.slow
def test_a_coin_is_no_property() -> None:
    """In 100 worlds of marks thrown by a coin, a leak is shown in at most 2.5 % and chance."""
    alarms = 0
    for seed in range(100):
        data, marked = world(seed, 600, matters=False)
        target = NearestMean(data.X, data.y)
        found = infer_property(target, data, marked, NearestMean, seed=seed, refits=32, queries=40)
        alarms += found.verdict is Leakage.SHOWN

    assert alarms <= binom.isf(0.001, 100, 0.025)


def test_no_measured_shadow_shares_a_record() -> None:
    """Each record trains at most one of the shadows measured on, and none of the asked records trains any."""
    data, marked = world(3, 800, matters=False)
    data.X[:, 3] = np.arange(800)
    trained: list[NDArray[Any]] = []

    def trainer(X: Any, y: Any, *_: int) -> Any:
        trained.append(X[:, 3])
        return NearestMean(X, y)

    found = infer_property(NearestMean(data.X, data.y), data, marked, trainer, seed=0, refits=16, queries=100)

    measured = np.concatenate(trained[8:])
    assert {found.counts["training_size"]} == {len(rows) for rows in trained}
    assert len(measured) == len(np.unique(measured))
    assert not set(measured) & set(np.concatenate(trained[:8]))
    assert len(np.unique(np.concatenate(trained))) <= 700


def test_three_shares() -> None:
    """More than two hypotheses are told apart, with chance at a third."""
    data, marked = world(4, 4000, matters=True)

    found = infer_property(
        NearestMean(data.X, data.y), data, marked, NearestMean, seed=0, shares=(0.1, 0.5, 0.9), refits=60
    )

    assert 1 / 3 == found.null
    assert Leakage.SHOWN is found.verdict
    assert {"0.1", "0.5", "0.9"} == set(found.details["p_by_share"])


def test_silence_of_smaller_shadows_says_nothing() -> None:
    """Only shadows as large as the target, and enough of them, make silence mean something."""
    data, marked = world(5, 3000, matters=False)
    target = NearestMean(data.X, data.y)

    def run(target_size: int | None) -> Leakage:
        return infer_property(target, data, marked, NearestMean, seed=1, target_size=target_size).verdict

    assert [Leakage.UNDECIDED, Leakage.UNDECIDED, Leakage.NONE_SHOWN] == [run(None), run(3000), run(20)]


def test_the_attack_repeats() -> None:
    """Equal arguments give equal outcomes; progress ends with all shadows."""
    data, marked = world(6, 600, matters=True)
    told: list[tuple[int, int]] = []

    def run() -> Any:
        return infer_property(
            NearestMean(data.X, data.y),
            data,
            marked,
            NearestMean,
            seed=3,
            refits=16,
            progress=lambda *step: told.append(step),
        )

    assert run() == run()
    assert (16, 16) == told[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shares": (0.5,)}, "two or more"),
        ({"shares": (0.5, 1.0)}, "two or more"),
        ({"refits": 8}, "refits"),
        ({"size": 500}, "at most"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], message: str) -> None:
    """Hypotheses that are one, too few shadows, and shadows larger than the records allow."""
    data, marked = world(7, 600, matters=True)

    with pytest.raises(UsageError, match=message):
        infer_property(NearestMean(data.X, data.y), data, marked, NearestMean, seed=0, **changes)


def test_a_failing_trainer_does_not_quote_the_record() -> None:
    """Only the type of its failure goes on."""
    data, marked = world(8, 600, matters=True)

    def trainer(*_: Any) -> Any:
        raise ValueError("Ada Lovelace, 1815")

    with pytest.raises(Undecided) as caught:
        infer_property(NearestMean(data.X, data.y), data, marked, trainer, seed=0, refits=16)

    assert "Ada" not in str(caught.value)
