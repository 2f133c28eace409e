"""Class reconstruction by gradient in torch: what makes a network surest of a class.

MI-Face of Fredrikson, Jha and Ristenpart (CCS 2015, doi:10.1145/2810103.2813677, algorithm 1): descend a
cost of the class plus an auxiliary term. Here the cost is −ln f_c(x), which unlike 1 − f_c(x) keeps its
slope where f_c is near 0 or 1, and the auxiliary term is the mean square of the standardised features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.inversion.finding import find
from governance.privacy.inversion.ground import Ground, prepare
from governance.privacy.inversion.nearest import SMALL, Reconstructions, of_each_class
from governance.privacy.inversion.space import Floats
from governance.privacy.outcome import Outcome
from governance.privacy.pool import Records

if TYPE_CHECKING:
    import torch

WHITE_BOX = "white box: the network, its weights and gradients"

Embed = Callable[[Any], ArrayLike]
"""(n, …) records to (n, d) points among which nearness is measured."""


def invert_by_gradient(
    module: torch.nn.Module,
    members: Records,
    non_members: Records,
    *,
    seed: int,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    public: Any = None,
    persons: tuple[ArrayLike, ArrayLike] | None = None,
    restarts: int | None = None,
    steps: int = 150,
    rate: float = 0.05,
    weight: float = 0.01,
    small: int = SMALL,
    embed: Embed | None = None,
) -> Outcome:
    """Reconstruct every class by ascending the network's confidence, and see whose records are nearest.

    Args:
        module: (n, …) float tensors to (n, c) logits, c ≥ 2; it stays as it is.
        members: Training records, X a numeric array of shape (n, …), y columns of the logits.
        non_members: The same of records that the network never saw.
        seed: Same arguments, same outcome.
        confidence: Of the two-sided interval.
        progress: Is told finished and all steps.
        public: What the attacker knows of the population; one half of the non-members if None.
        persons: Whose record each is, of members and of non-members; see `ground.prepare`.
        restarts: Reconstructions of each class, each from a public record; if None, 200 in all.
        steps: Of Adam.
        rate: Its learning rate, in standard deviations.
        weight: Of the auxiliary term.
        small: A class of fewer persons is theirs if nobody else is known to belong to it.
        embed: The space of nearness; standardised features if None.
    """
    import torch

    halves, beginning = np.random.SeedSequence(seed).spawn(2)
    ground = numeric(prepare(members, non_members, halves, public, persons))
    space, random = ground.space, np.random.default_rng(beginning)
    judged = network_classes(module, ground)
    each = of_each_class(restarts, len(judged))
    wanted = np.repeat(judged, each)
    table = ground.public[random.integers(len(ground.public), size=len(wanted))]
    device = place(module)
    centre, scale, low, high = (
        torch.as_tensor(part, dtype=torch.float32, device=device)
        for part in (space.centre, space.scale, space.low, space.high)
    )
    target = torch.as_tensor(wanted, device=device)
    x = torch.as_tensor((table - space.centre) / space.scale, dtype=torch.float32, device=device)

    def cost(x: torch.Tensor) -> torch.Tensor:
        logits = logits_of(module, (centre + scale * x).reshape(len(x), *space.like.shape[1:]))
        return (
            torch.nn.functional.cross_entropy(logits, target, reduction="sum")
            + weight * x.square().mean(dim=1).sum()
        )

    def clip(x: torch.Tensor) -> torch.Tensor:
        return torch.clamp(x, (low - centre) / scale, (high - centre) / scale)

    with untouched(module):
        x = descend(x, cost, steps, rate, progress, clip)
        found = space.centre + space.scale * x.double().cpu().numpy()
        sure, reached = confidence_in(module, ground, found, wanted)
    return find(
        "class-gradient",
        ThreatModel(WHITE_BOX, "records of the same distribution", steps),
        Reconstructions(seen(ground, found, embed), wanted, sure),
        Reconstructions(seen(ground, table, embed), wanted, sure),
        reached,
        ground.sides(
            (seen(ground, ground.members, embed), seen(ground, ground.control, embed)),
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
            "space": "embedded" if embed else "standardised",
        },
    )


def descend(
    x: torch.Tensor,
    cost: Callable[[torch.Tensor], torch.Tensor],
    steps: int,
    rate: float,
    progress: Callable[[int, int], None] | None,
    clip: Callable[[torch.Tensor], torch.Tensor] = lambda x: x,
) -> torch.Tensor:
    """Adam on `x` alone: no gradient is left on any parameter of the network."""
    import torch

    x = x.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=rate)
    for step in range(steps):
        (x.grad,) = torch.autograd.grad(cost(x), [x])
        adam.step()
        with torch.no_grad():
            x.copy_(clip(x))
        if progress is not None:
            progress(step + 1, steps)
    return x.detach()


@contextmanager
def untouched(module: torch.nn.Module) -> Iterator[None]:
    """The network in evaluation mode, each of its parts as it was before afterwards."""
    training = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in training:
            part.training = mode


def logits_of(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """(n, c) logits; one logit a record is that of the second of two classes."""
    import torch

    logits: torch.Tensor = module(x)
    if logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1):
        second = logits.reshape(-1, 1)
        logits = torch.cat([torch.zeros_like(second), second], dim=1)
    if logits.ndim != 2 or len(logits) != len(x):
        raise UsageError(f"The network answers {tuple(logits.shape)} to {len(x)} records; expected (n, c)")
    return logits


def numeric(ground: Ground) -> Ground:
    """The ground, if a network can be asked about it."""
    if hasattr(ground.space.like, "iloc") or not ground.space.numeric.all():
        raise UsageError(
            "A network's gradient needs records in a numeric array of shape (n, …)",
            "Encode the columns as the network takes them.",
        )
    return ground


def place(module: torch.nn.Module) -> torch.device:
    """Where the network's parameters are."""
    import torch

    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))


def network_classes(module: torch.nn.Module, ground: Ground) -> NDArray[np.intp]:
    """The columns of which there are members."""
    labels = ground.labels()
    if not np.issubdtype(labels.dtype, np.integer):
        raise UsageError("Labels of a network are the columns of its logits, 0 … c − 1")
    c = answers(module, ground, ground.public[:2]).shape[1]
    if labels.min() < 0 or labels.max() >= c:
        raise UsageError(f"A label is not a column of the network's {c} logits")
    return labels.astype(np.intp)


def answers(module: torch.nn.Module, ground: Ground, table: Floats) -> Floats:
    """(n, c) probabilities, without a gradient."""
    import torch

    shape = len(table), *ground.space.like.shape[1:]
    with untouched(module), torch.no_grad():
        x = torch.as_tensor(table, dtype=torch.float32, device=place(module)).reshape(shape)
        return np.asarray(torch.softmax(logits_of(module, x).double(), dim=1).cpu().numpy())


def confidence_in(
    module: torch.nn.Module, ground: Ground, table: Floats, wanted: NDArray[np.intp]
) -> tuple[Floats, NDArray[np.bool_]]:
    """The network's confidence in the class asked for, and whether it is its answer."""
    told = answers(module, ground, table)
    return told[np.arange(len(table)), wanted], told.argmax(axis=1) == wanted


def seen(ground: Ground, table: Floats, embed: Embed | None) -> Floats:
    """Points among which nearness is measured."""
    if embed is None:
        return ground.space.points(table)
    points = np.asarray(embed(ground.space.records(table)), dtype=np.float64)
    return points.reshape(len(table), -1)
