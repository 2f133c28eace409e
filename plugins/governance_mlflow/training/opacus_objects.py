"""What the objects of an Opacus training tell of it, and what Opacus leaves on the module it trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.domain.mechanism import Sampling

Writes = Mapping[str, tuple[Any, int]]
"""Tensors by name, each with the number of in-place writes it had seen."""

ON_PARAMETERS = ("grad_sample", "summed_grad", "_forward_counter", "_current_grad_sample", "_norm_sample")
ON_LAYERS = ("activations", "max_batch_len")


def sampling(loaders: Sequence[Any]) -> Sampling:
    """How the loaders draw batches, by their samplers; one that shuffles makes all of it `SHUFFLED`."""
    from opacus.utils.uniform_sampler import (
        DistributedUniformWithReplacementSampler,
        UniformWithReplacementSampler,
    )

    poisson = (UniformWithReplacementSampler, DistributedUniformWithReplacementSampler)
    every = all(isinstance(loader.batch_sampler, poisson) for loader in loaders)
    return Sampling.POISSON if every else Sampling.SHUFFLED


def tensors(module: Any) -> Writes:
    """Every parameter and buffer of a module."""
    return {name: (t, t._version) for name, t in [*module.named_parameters(), *module.named_buffers()]}


def written(before: Writes) -> list[str]:
    """The tensors that were written to since."""
    return [name for name, (tensor, count) in before.items() if tensor._version != count]


def unprotected(module: Any, optimizer: Any) -> Writes:
    """The tensors of a module that its optimizer does not own: what changes them bypasses the noise."""
    owned = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    return {name: seen for name, seen in tensors(module).items() if id(seen[0]) not in owned}


def hazards(module: Any, optimizer: Any, others: Writes) -> Iterator[str]:
    """What the objects show that the accounting does not cover, in words."""
    from torch.nn.modules.batchnorm import _BatchNorm

    if optimizer.loss_reduction == "mean":
        yield (
            f"gradients are divided by {optimizer.expected_batch_size}, the rounded expected batch size: "
            "it follows the exact number of records, and Opacus does not account for that (its issue 819)"
        )
    for name in written(others):
        yield f"{name} was written to during training without clipping and noise"
    for name, layer in module.named_modules():
        if isinstance(layer, _BatchNorm):
            yield f"{name} is a BatchNorm layer: in training it mixes the records of a batch"


def clean(wrapped: Any) -> None:
    """Take hooks, per-sample gradients, un-noised sums and kept inputs off a module.

    Opacus leaves them as attributes, and PyTorch pickles a parameter's attributes with it: saving the
    module as it stands would save what the noise is there to hide.
    """
    # `cleanup` came with Opacus 1.6, and hooks without a wrapper have nothing else.
    wrapped.cleanup() if hasattr(wrapped, "cleanup") else wrapped.to_standard_module()
    for parts, left in (
        (wrapped._module.parameters(), ON_PARAMETERS),
        (wrapped._module.modules(), ON_LAYERS),
    ):
        for part in parts:
            for name in left:
                if hasattr(part, name):
                    delattr(part, name)
