from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from governance.errors import UsageError
from governance.privacy.inversion.gradient import invert_by_gradient
from governance.privacy.verdict import Leakage

WORLDS = 100


class Peaks(torch.nn.Module):
    """A network whose logits rise towards its training records; its last class is everything else."""

    def __init__(self, X: Any, y: Any, width: float = 0.4) -> None:
        super().__init__()
        self.records = torch.nn.Parameter(torch.as_tensor(X, dtype=torch.float32))
        self.labels, self.width = torch.as_tensor(y), width
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        squares = (self.dropout(x).flatten(1)[:, None] - self.records.flatten(1)[None]).square().sum(dim=2)
        logits = [
            torch.logsumexp(-squares[:, self.labels == one] / (2 * self.width**2), dim=1)
            for one in range(int(self.labels.max()) + 1)
        ]
        return torch.stack([*logits, torch.zeros(len(x)) - 4], dim=1)


def records(n: int, seed: int, features: int = 4) -> Any:
    """Two classes that differ in their first feature."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, n)
    X = random.normal(size=(n, features)).astype(np.float32)
    X[:, 0] += 2 * y
    return SimpleNamespace(X=X, y=y)


def part(whole: Any, first: int, last: int) -> Any:
    """Some of the records."""
    return SimpleNamespace(X=whole.X[first:last], y=whole.y[first:last])


@pytest.mark.slow
def test_a_network_that_knows_its_records_is_found() -> None:
    """The gradient leads to training records, and not to others like them."""
    whole = records(400, 1)
    members = part(whole, 0, 100)
    outcome = invert_by_gradient(Peaks(members.X, members.y), members, part(whole, 100, 400), seed=2)

    assert ("class-gradient", Leakage.SHOWN) == (outcome.attack, outcome.verdict)
    assert outcome.estimate.low > 0.5


@pytest.mark.slow
def test_a_network_trained_on_neither_half_shows_no_leak() -> None:
    """Of 100 worlds in which the network knows other records, at most 2.5 % alarm within binomial error."""
    shown = 0
    for world in range(WORLDS):
        whole = records(200, world)
        outcome = invert_by_gradient(
            Peaks(whole.X[:30], whole.y[:30], 0.7),
            part(whole, 30, 80),
            part(whole, 80, 200),
            seed=world,
            steps=8,
            rate=0.3,
            restarts=15,
        )
        shown += outcome.verdict is Leakage.SHOWN

    assert shown <= WORLDS * 0.025 + 3 * math.sqrt(WORLDS * 0.025 * 0.975)


def test_the_network_stays_as_it_was() -> None:
    """Weights, gradients and modes of training are untouched; the same arguments give the same outcome."""
    whole = records(120, 3)
    members, others = part(whole, 0, 40), part(whole, 40, 120)
    network = Peaks(members.X, members.y).train()
    network.dropout.eval()
    before = network.records.detach().clone()
    outcomes = [invert_by_gradient(network, members, others, seed=4, steps=5, restarts=3) for _ in range(2)]

    assert outcomes[0] == outcomes[1]
    assert (True, False, None) == (network.training, network.dropout.training, network.records.grad)
    assert torch.equal(before, network.records)


def test_reconstructions_stay_where_records_are() -> None:
    """A linear network would send them to infinity; they end at the range of the public records."""
    whole = records(120, 5, features=1)
    seen: list[Any] = []

    def watch(X: Any) -> Any:
        seen.append(X)
        return X

    network = torch.nn.Linear(1, 1)
    with torch.no_grad():
        network.weight.fill_(0.5)
        network.bias.fill_(0.0)
    outcome = invert_by_gradient(
        network,
        part(whole, 0, 40),
        part(whole, 40, 80),
        seed=6,
        public=whole.X[80:],
        steps=300,
        rate=0.3,
        weight=0.0,
        restarts=2,
        embed=watch,
    )

    assert "embedded" == outcome.details["space"]
    assert 1.0 == outcome.controls["reached"]["share"]
    np.testing.assert_allclose(
        sorted([whole.X[80:].min()] * 2 + [whole.X[80:].max()] * 2), sorted(seen[0][:, 0]), rtol=1e-6
    )


def test_counts_and_progress() -> None:
    """Every step of every reconstruction is a query, and progress reaches its end."""
    whole, heard = records(120, 7), []
    outcome = invert_by_gradient(
        Peaks(whole.X[:40], whole.y[:40]),
        part(whole, 0, 40),
        part(whole, 40, 120),
        seed=8,
        steps=3,
        progress=lambda *told: heard.append(told),
    )

    assert [(1, 3), (2, 3), (3, 3)] == heard
    assert (200, 600) == (outcome.counts["reconstructions"], outcome.counts["queries"])


def test_what_a_gradient_cannot_be_asked_of_is_refused() -> None:
    """Labels are columns of the logits, records an array of numbers."""
    whole = records(120, 9)
    network = torch.nn.Linear(4, 2)
    for y, message in ((whole.y + 1, "not a column"), (whole.y.astype(str), "are the columns")):
        other = SimpleNamespace(X=whole.X, y=y)
        with pytest.raises(UsageError, match=message):
            invert_by_gradient(network, part(other, 0, 40), part(other, 40, 120), seed=1)
    frame = SimpleNamespace(X=pd.DataFrame(whole.X), y=whole.y)
    with pytest.raises(UsageError, match="numeric array"):
        invert_by_gradient(network, frame, frame, seed=1)
    with pytest.raises(UsageError, match="expected \\(n, c\\)"):
        invert_by_gradient(torch.nn.Unflatten(1, (2, 2)), part(whole, 0, 40), part(whole, 40, 120), seed=1)
