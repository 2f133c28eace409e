from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from governance.errors import UsageError
from governance.privacy.inversion.generators import autoencoder, components
from governance.privacy.inversion.prior import invert_with_prior
from governance.privacy.verdict import Leakage

WORLDS = 100
CPU = torch.device("cpu")


@cache
def digits() -> Any:
    """1797 images of 8 × 8 pixels, in random order."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return SimpleNamespace(X=(X[order] / 16).astype(np.float32).reshape(-1, 1, 8, 8), y=y[order])


def part(whole: Any, first: int, last: int) -> Any:
    """Some of the images."""
    return SimpleNamespace(X=whole.X[first:last], y=whole.y[first:last])


class Peaks(torch.nn.Module):
    """A network that is sure of a digit near its training images only; its last class is all else."""

    def __init__(self, X: Any, y: Any, width: float = 0.5) -> None:
        super().__init__()
        self.images = torch.nn.Parameter(torch.as_tensor(X).flatten(1))
        self.labels, self.width = torch.as_tensor(y), width

    def forward(self, x: Any) -> Any:
        squares = torch.cdist(x.flatten(1), self.images).square() / (2 * self.width**2)
        far = torch.where(self.labels == torch.arange(10)[:, None, None], squares, 99.0)
        logits = -far.min(dim=2).values
        return torch.cat([logits.T, torch.full((len(x), 1), -6.0)], dim=1)


def trained(images: Any, epochs: int = 15) -> Any:
    """A small convolutional network."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = torch.nn.Sequential(
            torch.nn.Conv2d(1, 16, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(256, 10),
        )
        adam = torch.optim.Adam(network.parameters(), lr=5e-3)
        x, y = torch.as_tensor(images.X), torch.as_tensor(images.y)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(64):
                adam.zero_grad()
                torch.nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
                adam.step()
    return network


def test_a_network_that_knows_its_images_is_found() -> None:
    """Searching among images like digits leads to the very ones that the network knows."""
    members = part(digits(), 0, 200)
    outcome = invert_with_prior(
        Peaks(members.X, members.y), members, part(digits(), 200, 1797), seed=2, weight=0.01
    )

    assert ("generative-prior", Leakage.SHOWN) == (outcome.attack, outcome.verdict)
    assert outcome.estimate.low > 0.5
    assert outcome.controls["starts"]["passed"]


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["components", "autoencoder"])
def test_a_network_s_average_digit_is_no_leak(prior: Any) -> None:
    """A network trained on 300 digits is led to digits of the class, not to those it was trained on."""
    members = part(digits(), 0, 300)
    outcome = invert_with_prior(trained(members), members, part(digits(), 300, 900), seed=3, prior=prior)

    assert Leakage.SHOWN is not outcome.verdict
    assert outcome.controls["reached"]["share"] > 0.9
    assert (prior, 20, "pixels") == tuple(outcome.details[key] for key in ("prior", "latent", "space"))
    assert outcome.details["unexplained"] < 0.2


@pytest.mark.slow
def test_a_network_trained_on_neither_half_shows_no_leak() -> None:
    """Of 100 worlds in which the network knows other images, at most 2.5 % alarm within binomial error."""
    shown = 0
    for world in range(WORLDS):
        order = np.random.default_rng(world).permutation(1797)
        whole = SimpleNamespace(X=digits().X[order], y=digits().y[order])
        outcome = invert_with_prior(
            Peaks(whole.X[:50], whole.y[:50]),
            part(whole, 50, 150),
            part(whole, 150, 350),
            seed=world,
            steps=6,
            rate=0.4,
            restarts=4,
        )
        shown += outcome.verdict is Leakage.SHOWN

    assert shown <= WORLDS * 0.025 + 3 * math.sqrt(WORLDS * 0.025 * 0.975)


def test_components_make_what_they_were_fitted_to() -> None:
    """With as many numbers as the images vary in, nothing is lost; the latent numbers are standard."""
    public = digits().X[:300].reshape(300, -1).astype(np.float64)
    full, few = components(public, 64, CPU), components(public, 5, CPU)
    made = few.make(torch.as_tensor(np.random.default_rng(4).normal(size=(4000, 5)), dtype=torch.float32))

    assert full.error < 1e-9
    assert (5, True) == (few.latent, 0.4 < few.error < 0.6)
    kept = (1 - few.error) * public.var(axis=0).sum()
    assert abs(made.numpy().var(axis=0).sum() / kept - 1) < 0.05


@pytest.mark.slow
def test_an_autoencoder_stays_within_the_pixels_and_leaves_chance_alone() -> None:
    """Same seed, same images; Torch's own chance goes on as if nothing had been."""
    public = digits().X[:100].reshape(100, -1).astype(np.float64)
    state = torch.get_rng_state()
    z = torch.full((3, 4), 50.0)
    made = [autoencoder(public, 4, CPU, 5).make(z).numpy() for _ in range(2)]

    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] >= public.min(axis=0) - 1e-6).all()
    assert (made[0] <= public.max(axis=0) + 1e-6).all()


def test_nearness_among_features_and_unknown_priors() -> None:
    """What is near may be asked in another network's features; a prior nobody has is refused."""
    members, others = part(digits(), 0, 50), part(digits(), 50, 150)
    network = Peaks(members.X, members.y)
    outcome = invert_with_prior(
        network, members, others, seed=6, steps=2, embed=lambda images: images.mean(axis=(1, 2))
    )

    assert "embedded" == outcome.details["space"]
    with pytest.raises(UsageError, match="`components` and `autoencoder`"):
        invert_with_prior(network, members, others, seed=6, prior="gan")  # type: ignore[arg-type]  # on purpose
