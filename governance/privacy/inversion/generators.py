"""What records look like at all: a generator of images, fitted to public images alone.

Principal components (Pearson 1901) are the linear generator; a variational autoencoder (Kingma and Welling
2014, arXiv:1312.6114) is the one that knows of parts that go together. Both make an image of standard
normal latent numbers, so that how unlikely an image is can be read off their size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from governance.privacy.inversion.space import Floats

if TYPE_CHECKING:
    import torch

Prior = Literal["components", "autoencoder"]

EPOCHS = 300
HIDDEN = 128


@dataclass(frozen=True, slots=True, eq=False)
class Generator:
    """Latent (n, latent) standard normal numbers to (n, k) rows of a table, with gradient."""

    make: Callable[[torch.Tensor], torch.Tensor]
    latent: int
    error: float
    """Share of the public records' variance that it cannot make."""


def components(public: Floats, latent: int, device: torch.device) -> Generator:
    """The leading principal components, each scaled to unit variance of its latent number."""
    import torch

    centre = public.mean(axis=0)
    _, sizes, axes = np.linalg.svd(public - centre, full_matrices=False)
    kept = max(1, min(latent, int((sizes > sizes[0] * 1e-9).sum())))
    rows = torch.as_tensor(
        (sizes[:kept] / np.sqrt(len(public)))[:, None] * axes[:kept], dtype=torch.float32, device=device
    )
    middle = torch.as_tensor(centre, dtype=torch.float32, device=device)
    total = float((sizes**2).sum())
    left = float((sizes[kept:] ** 2).sum()) / total if total else 0.0
    return Generator(lambda z: middle + z @ rows, kept, left)


def autoencoder(public: Floats, latent: int, device: torch.device, seed: int) -> Generator:
    """A small variational autoencoder; its decoder ends within the range of each public pixel."""
    import torch
    from torch import nn

    low, wide = public.min(axis=0), public.max(axis=0) - public.min(axis=0)
    x = torch.as_tensor((public - low) / np.where(wide > 0, wide, 1.0), dtype=torch.float32, device=device)
    floor, span = (torch.as_tensor(part, dtype=torch.float32, device=device) for part in (low, wide))
    # Torch gives a layer its first weights from the global state, which is put back as it was.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        encoder = nn.Sequential(nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * latent))
        decoder = nn.Sequential(
            nn.Linear(latent, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, x.shape[1]), nn.Sigmoid()
        )
        both = nn.ModuleList([encoder, decoder]).to(device)
        adam = torch.optim.Adam(both.parameters(), lr=3e-3)
        for _ in range(EPOCHS):
            for rows in torch.split(torch.randperm(len(x), device=device), 256):
                mean, spread = encoder(x[rows]).chunk(2, dim=1)
                z = mean + torch.exp(0.5 * spread) * torch.randn_like(mean)
                # Pixels have a normal error of 0.1 of their range.
                missed = 50 * (decoder(z) - x[rows]).square().sum(dim=1)
                unlikely = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(dim=1)
                adam.zero_grad()
                torch.mean(missed + unlikely).backward()  # type: ignore[no-untyped-call]  # torch's own gap
                adam.step()
    both.requires_grad_(False)
    with torch.no_grad():
        made = decoder(encoder(x).chunk(2, dim=1)[0])
        total = float((x - x.mean(dim=0)).square().sum())
        left = float((made - x).square().sum()) / total if total else 0.0
    return Generator(lambda z: floor + span * decoder(z), latent, left)
