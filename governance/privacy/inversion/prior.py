"""Inversion of an image classifier among images that a generator of public images can make.

The idea of GMI (Zhang et al. 2020, arXiv:1911.07135): search the latent numbers of a generator, not the
pixels, so that what makes the network sure also looks like an image. As in PLG-MI (Yuan et al. 2023,
arXiv:2302.09814) the network's part of the cost is the max-margin loss, −z_c + max over others of z, which
does not fade as the confidence nears one. The generator's part is −ln p of the latent numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from governance.errors import UsageError
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.inversion.finding import find
from governance.privacy.inversion.generators import Prior, autoencoder, components
from governance.privacy.inversion.gradient import (
    WHITE_BOX,
    Embed,
    confidence_in,
    descend,
    logits_of,
    network_classes,
    numeric,
    place,
    seen,
    untouched,
)
from governance.privacy.inversion.ground import prepare
from governance.privacy.inversion.nearest import SMALL, Reconstructions, of_each_class
from governance.privacy.outcome import Outcome
from governance.privacy.pool import Records

if TYPE_CHECKING:
    import torch


def invert_with_prior(
    module: torch.nn.Module,
    members: Records,
    non_members: Records,
    *,
    seed: int,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    public: Any = None,
    persons: tuple[ArrayLike, ArrayLike] | None = None,
    prior: Prior = "components",
    latent: int = 20,
    restarts: int | None = None,
    steps: int = 150,
    rate: float = 0.05,
    weight: float = 0.1,
    small: int = SMALL,
    embed: Embed | None = None,
) -> Outcome:
    """Reconstruct images of every class within a generator's reach, and see whose images are nearest.

    Args:
        module: (n, …) float tensors to (n, c) logits, c ≥ 2; it stays as it is.
        members: Training images, X a numeric array of shape (n, …), y columns of the logits.
        non_members: The same of images that the network never saw.
        seed: Same arguments, same outcome.
        confidence: Of the two-sided interval.
        progress: Is told finished and all steps.
        public: Images to fit the generator to; one half of the non-members if None.
        persons: Whose image each is, of members and of non-members; see `ground.prepare`.
        prior: The generator: principal components, or a small variational autoencoder.
        latent: How many numbers make an image.
        restarts: Reconstructions of each class; if None, 200 in all.
        steps: Of Adam.
        rate: Its learning rate, in standard deviations of a latent number.
        weight: Of the generator's part of the cost.
        small: A class of fewer persons is theirs if nobody else is known to belong to it.
        embed: The space of nearness, for example the last layer but one of another network; pixels if None.
    """
    import torch

    if prior not in ("components", "autoencoder"):
        raise UsageError(f"No prior {prior!r}; there are `components` and `autoencoder`")
    halves, beginning, fitting = np.random.SeedSequence(seed).spawn(3)
    ground = numeric(prepare(members, non_members, halves, public, persons))
    judged, device = network_classes(module, ground), place(module)
    each = of_each_class(restarts, len(judged))
    wanted = np.repeat(judged, each)
    generator = (
        components(ground.public, latent, device)
        if prior == "components"
        else autoencoder(ground.public, latent, device, int(fitting.generate_state(1)[0]))
    )
    drawn = np.random.default_rng(beginning).normal(size=(len(wanted), generator.latent))
    start = torch.as_tensor(drawn, dtype=torch.float32, device=device)
    target = torch.as_tensor(wanted, device=device)[:, None]

    def cost(z: torch.Tensor) -> torch.Tensor:
        logits = logits_of(module, generator.make(z).reshape(len(z), *ground.space.like.shape[1:]))
        own = logits.gather(1, target).squeeze(1)
        others = logits.scatter(1, target, -torch.inf).amax(dim=1)
        return torch.sum(others - own + weight * 0.5 * z.square().sum(dim=1))

    with untouched(module):
        z = descend(start, cost, steps, rate, progress)
        with torch.no_grad():
            found, begun = (generator.make(each).double().cpu().numpy() for each in (z, start))
        sure, reached = confidence_in(module, ground, found, wanted)
    points = embed if embed is not None else flat
    return find(
        "generative-prior",
        ThreatModel(WHITE_BOX, "images of the same distribution", steps),
        Reconstructions(seen(ground, found, points), wanted, sure),
        Reconstructions(seen(ground, begun, points), wanted, sure),
        reached,
        ground.sides(
            (seen(ground, ground.members, points), seen(ground, ground.control, points)),
            np.arange(ground.labels().max() + 1),
        ),
        ground,
        queries=steps * len(wanted),
        seed=seed,
        confidence=confidence,
        small=small,
        details={
            "restarts": each,
            "steps": steps,
            "weight": weight,
            "prior": prior,
            "latent": generator.latent,
            "unexplained": generator.error,
            "space": "embedded" if embed else "pixels",
        },
    )


def flat(images: Any) -> Any:
    """(n, …) images as (n, pixels) points."""
    return images.reshape(len(images), -1)
