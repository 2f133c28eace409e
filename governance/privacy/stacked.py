"""K modules of one architecture trained as one, each on records of its own.

A small network spends its time in calls, not in numbers. Stacked, one call multiplies K weight matrices
with K batches; optimisers work number by number, so each module takes exactly the steps that it would
take alone, to the rounding of float32.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from governance.privacy.losses import Loss, losses
from governance.privacy.stackable import Forward, NotStackable, one_block, stacked_forward

SAMPLE = 8
"""Records on which a stacked forward is compared."""


class Recipe(Protocol):
    """How one module is trained; see `torch_training.TorchTrainer`."""

    @property
    def group(self) -> int:
        """How many go together at most."""

    @property
    def batch_size(self) -> int:
        """Records of a step."""

    @property
    def loss(self) -> Loss:
        """What is minimised."""

    def untrained(self, seed: int) -> torch.nn.Module:
        """A module that knows nothing."""

    def place(self) -> torch.device:
        """Where to train."""

    def tensors(self, X: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Records and answers, where they are trained on."""

    def orders(self, n: int, seed: int) -> Iterator[torch.Tensor]:
        """The order of n records in each epoch."""

    def optimiser_of(self, parameters: Iterable[Any]) -> torch.optim.Optimizer:
        """What takes the steps."""


def train_stacked(
    trainer: Recipe, X: Any, y: Any, rows: Sequence[NDArray[np.intp]], seeds: Sequence[int]
) -> list[torch.nn.Module]:
    """Train a module on each set of rows.

    Memory: the records once, and K times the parameters and one batch.

    Raises:
        NotStackable: with the reason.
    """
    if trainer.group < 2:
        raise NotStackable("the trainer asks for it")
    modules = [trainer.untrained(seed).to(trainer.place()).train() for seed in seeds]
    records, answers = trainer.tensors(X, y)
    forward = stacked_forward(modules[0], records[:SAMPLE])
    # Modules with equally many batches an epoch; halves of one pool nearly always all have.
    alike: dict[int, list[int]] = defaultdict(list)
    for k, own in enumerate(rows):
        alike[_batches(len(own), trainer.batch_size)].append(k)
    for members in alike.values():
        mine = [modules[k] for k in members], [rows[k] for k in members], [seeds[k] for k in members]
        _fit(trainer, forward, records, answers, *mine)
    return [module.eval().cpu() for module in modules]


def _fit(
    trainer: Recipe,
    forward: Forward,
    records: torch.Tensor,
    answers: torch.Tensor,
    modules: Sequence[torch.nn.Module],
    rows: Sequence[NDArray[np.intp]],
    seeds: Sequence[int],
) -> None:
    stack, whole = one_block(modules)
    optimiser = trainer.optimiser_of([whole])
    sizes = [len(own) for own in rows]
    steps = _batches(max(sizes), trainer.batch_size)
    weights = _weights(sizes, steps, trainer.batch_size).to(records.device)
    own = [torch.from_numpy(np.asarray(r, dtype=np.int64)) for r in rows]
    place = torch.empty(len(rows), steps * trainer.batch_size, dtype=torch.long)
    for orders in zip(*(trainer.orders(*pair) for pair in zip(sizes, seeds, strict=True)), strict=True):
        for k, order in enumerate(orders):
            place[k, : sizes[k]] = own[k][order]
            # What fills up the last batch weighs nothing, and is a record of the module's own.
            place[k, sizes[k] :] = own[k][0]
        batches = place.reshape(len(rows), steps, -1).transpose(0, 1).contiguous().to(records.device)
        for batch, weight in zip(batches, weights, strict=True):
            flat = batch.reshape(-1)
            chosen = records.index_select(0, flat).reshape(*batch.shape, *records.shape[1:])
            each = losses(forward(stack, chosen).flatten(0, 1), answers.index_select(0, flat), trainer.loss)
            optimiser.zero_grad(set_to_none=False)
            # No module's loss depends on another's parameters: the sum's gradient is each one's own.
            torch.autograd.backward(torch.dot(each, weight.reshape(-1)))
            optimiser.step()
    with torch.no_grad():
        for k, module in enumerate(modules):
            for name, parameter in module.named_parameters():
                parameter.copy_(stack[name][k])


def _batches(records: int, size: int) -> int:
    """How many batches an epoch has, the last perhaps smaller."""
    return -(-records // size)


def _weights(sizes: Sequence[int], steps: int, batch: int) -> torch.Tensor:
    """(steps, K, batch) weights with which each module's losses of a batch sum to their mean."""
    numbers = torch.arange(steps * batch).reshape(steps, 1, batch)
    real = (numbers < torch.tensor(sizes).reshape(1, -1, 1)).float()
    return real / real.sum(dim=2, keepdim=True)
