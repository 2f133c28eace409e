"""Which modules can be trained stacked, and what one forward pass of K of them is.

Two ways are tried. The first takes a module apart and gives every part one more dimension; the second is
`torch.func.vmap`, which takes any forward that does not depend on the data and makes more calls. Neither
is believed: both must give, on a sample and with disturbed parameters, what the modules give one by one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

ACTIVATIONS = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.Identity, nn.LeakyReLU,
    nn.LogSigmoid, nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softsign,
    nn.Tanh,
)  # fmt: skip
"""Parts that work number by number."""

PARTS = (
    *ACTIVATIONS, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.Conv1d,
    nn.Conv2d, nn.Conv3d, nn.Embedding, nn.Flatten, nn.GroupNorm, nn.LayerNorm, nn.Linear, nn.MaxPool1d,
    nn.MaxPool2d, nn.Unflatten, nn.Sequential, nn.ModuleList, nn.ModuleDict,
)  # fmt: skip
"""torch's parts without chance and without memory."""

Stack = dict[str, Tensor]
"""Each parameter of K modules in one tensor (K, …), by its name."""

Forward = Callable[[Stack, Tensor], Tensor]
"""(parameters, (K, B, …) records) → (K, B, …) outputs."""


class NotStackable(Exception):
    """Why modules of this architecture must be trained one by one."""


def one_block(modules: Sequence[nn.Module]) -> tuple[Stack, nn.Parameter]:
    """The parameters as views of one tensor, and their gradients of another: one step for all of them."""
    named = [dict(module.named_parameters()) for module in modules]
    first = next(iter(named[0].values()))
    length = sum(p.numel() for parameters in named for p in parameters.values())
    whole = nn.Parameter(torch.empty(length, dtype=first.dtype, device=first.device))
    gradient = torch.zeros_like(whole)
    whole.grad = gradient
    stack: Stack = {}
    begin = 0
    for name in named[0]:
        together = torch.stack([parameters[name].detach() for parameters in named])
        part = slice(begin, begin + together.numel())
        begin = part.stop
        whole.data[part] = together.reshape(-1)
        stack[name] = whole.data[part].view(together.shape).requires_grad_()
        stack[name].grad = gradient[part].view(together.shape)
    return stack, whole


def stacked_forward(module: nn.Module, sample: Tensor) -> Forward:
    """The forward of modules of this architecture, stacked.

    Args:
        module: One of them.
        sample: (m, …) a few records.

    Raises:
        NotStackable: with the reason.
    """
    _check(module)
    pair = [_disturbed(module, seed) for seed in (1, 2)]
    stack, _ = one_block(pair)
    batches = torch.stack([sample, sample.flip(0)])
    with torch.no_grad():
        expected = torch.stack([one(batch) for one, batch in zip(pair, batches, strict=True)])
        fewer = torch.stack([one(batch[:-1]) for one, batch in zip(pair, batches, strict=True)])
        if not _same(fewer, expected[:, :-1]):
            raise NotStackable("what it says of a record depends on the others in the batch")
        # A foreign forward must be mapped even if it is not used so: mapped, it cannot let the data decide
        # what is computed.
        mapped = _mapped_and_seen(module, stack, batches, expected) if _has_own_forward(module) else None
        replaced = _replaced_and_seen(module, stack, batches, expected)
        return replaced or mapped or _mapped_and_seen(module, stack, batches, expected)


def _has_own_forward(module: nn.Module) -> bool:
    """Whether any part is not torch's."""
    return any(type(part) not in PARTS for part in module.modules())


def _mapped_and_seen(module: nn.Module, stack: Stack, batches: Tensor, expected: Tensor) -> Forward:
    mapped = _mapped(module)
    try:
        found = mapped(stack, batches)
    except Exception as error:  # noqa: BLE001  # whatever a foreign forward does, one by one it may work
        raise NotStackable(f"its forward cannot be mapped ({type(error).__name__})") from None
    if not _same(found, expected):
        raise NotStackable("stacked, it gives something else")
    return mapped


def _replaced_and_seen(module: nn.Module, stack: Stack, batches: Tensor, expected: Tensor) -> Forward | None:
    try:
        replaced = _replaced(module)
        return replaced if _same(replaced(stack, batches), expected) else None
    except Exception:  # noqa: BLE001  # a foreign forward may count dimensions
        return None


def _check(module: nn.Module) -> None:
    for part in module.modules():
        kind = type(part)
        if kind.__module__.startswith("torch.") and kind not in PARTS:
            raise NotStackable(f"{kind.__name__} is not among the parts that can be stacked")
        if list(part.buffers(recurse=False)):
            raise NotStackable(f"{kind.__name__} keeps buffers")
    parameters = list(module.parameters())
    if not parameters or not all(p.requires_grad and p.dtype == torch.float32 for p in parameters):
        raise NotStackable("not every parameter is a float32 that is trained")
    if len(parameters) != sum(1 for _ in module.named_parameters(remove_duplicate=False)):
        raise NotStackable("parts share parameters")


def _disturbed(module: nn.Module, seed: int) -> nn.Module:
    """A copy in which no parameter is as it was initialised: ones and zeros would hide a mistake."""
    copied = copy.deepcopy(module)
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=chance).to(parameter.device))
    return copied


def _same(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


def _mapped(module: nn.Module) -> Forward:
    # Importing it takes longer than training a small network.
    from torch.func import functional_call, vmap

    bare = copy.deepcopy(module).to("meta")

    def one(parameters: Stack, records: Tensor) -> Any:
        return functional_call(bare, parameters, (records,))

    return vmap(one)


def _replaced(module: nn.Module) -> Forward:
    bare = copy.deepcopy(module)
    weighted: list[tuple[str, Linear | LayerNorm]] = []
    for name, part in module.named_modules():
        if list(part.children()):
            if list(part.parameters(recurse=False)):
                raise NotStackable("a part that has parts has parameters, too")
            continue
        above, _, last = name.rpartition(".")
        new = _with_one_more_dimension(part)
        setattr(bare.get_submodule(above), last, new)
        if isinstance(new, Linear | LayerNorm):
            weighted.append((name, new))

    def forward(stack: Stack, records: Tensor) -> Tensor:
        for name, part in weighted:
            for key in ("weight", "bias"):
                # Past nn.Module, which would take a tensor for a buffer.
                object.__setattr__(part, key, stack.get(f"{name}.{key}"))
        outputs: Tensor = bare(records)
        return outputs

    return forward


def _with_one_more_dimension(part: nn.Module) -> nn.Module:
    if type(part) is nn.Linear:
        return Linear()
    if type(part) is nn.LayerNorm:
        return LayerNorm(part)
    if type(part) is nn.Flatten and (part.start_dim, part.end_dim) == (1, -1):
        return nn.Flatten(2)
    if type(part) in ACTIVATIONS:
        return part
    raise NotStackable(f"{type(part).__name__} takes no further dimension")


class Linear(nn.Module):
    """K linear layers."""

    weight: Tensor
    bias: Tensor | None

    def forward(self, records: Tensor) -> Tensor:
        """(K, B, …, in) → (K, B, …, out)."""
        flat, turned, bias = records.flatten(1, -2), self.weight.transpose(1, 2), self.bias
        outputs = torch.bmm(flat, turned) if bias is None else torch.baddbmm(bias.unsqueeze(1), flat, turned)
        return outputs.reshape(*records.shape[:-1], outputs.shape[-1])


class LayerNorm(nn.Module):
    """K layer normalisations."""

    weight: Tensor | None
    bias: Tensor | None

    def __init__(self, one: nn.LayerNorm) -> None:
        super().__init__()
        self.shape = one.normalized_shape
        self.eps = one.eps

    def forward(self, records: Tensor) -> Tensor:
        """(K, B, …) → the same shape."""
        outputs = nn.functional.layer_norm(records, list(self.shape), eps=self.eps)
        weight, bias = _beside(outputs, self.weight), _beside(outputs, self.bias)
        outputs = outputs if weight is None else outputs * weight
        return outputs if bias is None else outputs + bias


def _beside(outputs: Tensor, own: Tensor | None) -> Tensor | None:
    """K parameters in the shape in which each meets its own outputs."""
    if own is None:
        return None
    between = (1,) * (outputs.ndim - own.ndim)
    return own.reshape(len(own), *between, *own.shape[1:])
