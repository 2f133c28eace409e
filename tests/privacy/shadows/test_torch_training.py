from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from governance.errors import Undecided, UsageError
from governance.privacy.shadows import pair_plan, train
from governance.privacy.torch_training import TorchTrainer, torch_trainer

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(121, 9))
Y = (X[:, 0] + RANDOM.normal(size=121) > 0).astype(int)
PLAN = pair_plan(Y, 4, 3)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of a few hundred numbers each only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def perceptron() -> nn.Module:
    """Two layers."""
    return nn.Sequential(nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 2))


class Residual(nn.Module):
    """A forward of its own, with normalisation, and a layer without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(9, 9, bias=False)
        self.norm = nn.LayerNorm(9)
        self.last = nn.Linear(9, 2)

    def forward(self, records: Any) -> Any:
        return self.last(records + torch.relu(self.norm(self.first(records))))


class Image(nn.Module):
    """Counts dimensions, so it has to be mapped."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 2)
        self.last = nn.Linear(12, 2)

    def forward(self, records: Any) -> Any:
        return self.last(torch.relu(self.conv(records.view(-1, 1, 3, 3))).flatten(1))


class Scaled(nn.Module):
    """A part with parts has a parameter of its own, which a replaced forward would not train."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))
        self.last = nn.Linear(9, 2)

    def forward(self, records: Any) -> Any:
        return self.scale * self.last(records)


class Words(nn.Module):
    """Looks its whole numbers up."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 3)
        self.last = nn.Linear(3, 2)

    def forward(self, records: Any) -> Any:
        return self.last(self.words(records).mean(dim=1))


def together_and_alone(build: Callable[[], nn.Module], X: Any = X, y: Any = Y, **settings: Any) -> Any:
    """Shadows trained both ways."""
    return [
        train(PLAN, X, y, TorchTrainer(build, **{"epochs": 2, **settings}, group=group), n_jobs=1)
        for group in (16, 1)
    ]


@pytest.mark.parametrize("build", [perceptron, Residual, Image, Scaled])
def test_stacked_is_what_one_by_one_is(build: Callable[[], nn.Module]) -> None:
    """Halves of 60 and 61 records, the last batch not full: the same signals to float32's rounding."""
    together, alone = together_and_alone(build)

    assert ("stacked", "one by one: the trainer asks for it") == (together.how, alone.how)
    np.testing.assert_allclose(together.signals, alone.signals, rtol=1e-4, atol=1e-5)
    assert np.ptp(together.signals) > 0.1


@pytest.mark.parametrize(
    "settings",
    [
        {"optimiser": "sgd", "momentum": 0.9, "learning_rate": 0.1, "weight_decay": 0.01},
        {"optimiser": "adamw", "weight_decay": 0.1},
        # 60 records make one batch, 61 make two: not all modules take the same number of steps.
        {"batch_size": 60},
    ],
    ids=["sgd", "adamw", "odd batches"],
)
def test_every_optimiser_can_be_stacked(settings: dict[str, Any]) -> None:
    """Momentum and decay stay each module's own, and none takes a step that it would not take alone."""
    together, alone = together_and_alone(perceptron, **settings)

    np.testing.assert_allclose(together.signals, alone.signals, rtol=1e-4, atol=1e-5)


def test_whole_numbers_are_looked_up() -> None:
    """Stacked as well."""
    words = RANDOM.integers(0, 5, size=(121, 4))

    together, alone = together_and_alone(Words, X=words)

    assert "stacked" == together.how
    np.testing.assert_allclose(together.signals, alone.signals, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["binary", "squared"])
def test_one_output_a_record(loss: Any) -> None:
    """Log-odds of class 1, or a value."""

    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 1))

    y = Y if loss == "binary" else X[:, 0] + 0.1 * X[:, 1]

    together, alone = together_and_alone(build, y=y, loss=loss, epochs=4)

    assert "stacked" == together.how
    np.testing.assert_allclose(together.signals, alone.signals, rtol=1e-3, atol=1e-4)


class Branching(nn.Module):
    """The data decide what is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(9, 2)

    def forward(self, records: Any) -> Any:
        return self.last(records) if records.sum() > 0 else -self.last(records)


class Centred(nn.Module):
    """A record's answer depends on the others."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(9, 2)

    def forward(self, records: Any) -> Any:
        return self.last(records - records.mean(dim=0))


class Tied(nn.Module):
    """One layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(9, 9)
        self.other = self.one
        self.last = nn.Linear(9, 2)

    def forward(self, records: Any) -> Any:
        return self.last(self.other(torch.relu(self.one(records))))


def normalised() -> nn.Module:
    """Keeps running statistics."""
    return nn.Sequential(nn.Linear(9, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def dropping() -> nn.Module:
    """Leaves to chance what it computes."""
    return nn.Sequential(nn.Linear(9, 4), nn.Dropout(), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (normalised, "BatchNorm1d is not among the parts that can be stacked"),
        (dropping, "Dropout is not among the parts that can be stacked"),
        (Branching, "its forward cannot be mapped (RuntimeError)"),
        (Centred, "what it says of a record depends on the others in the batch"),
        (Tied, "parts share parameters"),
    ],
)
def test_what_cannot_be_stacked_is_trained_one_by_one(build: Callable[[], nn.Module], reason: str) -> None:
    """The result says why, and is what training one by one gives."""
    together, alone = together_and_alone(build, epochs=1)

    assert f"one by one: {reason}" == together.how
    assert alone.signals.tobytes() == together.signals.tobytes()


def test_each_sees_only_its_half() -> None:
    """Records outside of its half may be anything: a module trained stacked does not notice."""
    trainer = TorchTrainer(perceptron, epochs=2)
    rows = [np.flatnonzero(inside) for inside in PLAN.inside[[0, 2]]]
    nobody = np.setdiff1d(np.arange(len(Y)), np.concatenate(rows))
    other = X.copy()
    other[np.setdiff1d(rows[1], rows[0])] = 1e3
    other[nobody] = 1e3

    (before, _), how = trainer.train_group(X, Y, rows, (1, 2))
    (after, _), _ = trainer.train_group(other, Y, rows, (1, 2))

    assert "stacked" == how
    for one, two in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_equal_seeds_train_equal_modules() -> None:
    """And leave torch's own random numbers alone; another seed trains another module."""
    trainer = TorchTrainer(perceptron, epochs=1)
    torch.manual_seed(0)
    expected = torch.rand(1)

    torch.manual_seed(0)
    one, two, other = (trainer(X, Y, seed)[0].weight for seed in (5, 5, 6))

    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(expected, torch.rand(1))


def test_what_was_learned_is_not_kept() -> None:
    """A trainer made of a module starts every time from nothing, and leaves the module as it is."""
    known = perceptron()
    with torch.no_grad():
        known[0].weight.fill_(7.0)

    fresh = torch_trainer(known, epochs=1).untrained(1)

    assert fresh[0].weight.abs().max() < 1
    assert 7.0 == known[0].weight.max()


class Bare(nn.Module):
    """Nothing says how its parameter begins."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))


def test_a_module_that_cannot_be_renewed_is_refused() -> None:
    """It would start from what the target learned."""
    with pytest.raises(UsageError, match="Bare has parameters and no reset_parameters"):
        torch_trainer(Bare())
    with pytest.raises(UsageError, match="no PyTorch module"):
        TorchTrainer(lambda: None)(X, Y, 0)


def test_a_training_that_fails_is_told_without_its_words() -> None:
    """Labels that the module has no output for."""
    with pytest.raises(Undecided, match="A shadow model could not be trained: IndexError"):
        train(PLAN, X, Y + 5, TorchTrainer(perceptron, epochs=1), n_jobs=1)
