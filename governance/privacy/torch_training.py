"""Training PyTorch modules from scratch, one at a time or several stacked.

torch is imported inside the functions: without the extra `torch` nothing here is called.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError
from governance.privacy.losses import Loss, losses

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class TorchTrainer:
    """Trains a new module by mini-batches; calls with equal arguments train equal modules."""

    build: Callable[[], Any]
    """Makes an untrained module. torch's random numbers are seeded before; keep it importable or small."""
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: float = 0.0
    """Of `sgd`."""
    weight_decay: float = 0.0
    loss: Loss = "cross_entropy"
    """`cross_entropy`: logits (n, c), labels 0 … c−1; `binary`: one log-odds a record, labels 0 and 1;
    `squared`: one value a record."""
    device: str = "cpu"
    """Where to train: `cpu`, `cuda`, or `auto` for CUDA where there is any."""
    group: int = 16
    """How many models are trained stacked at most; 1 for one by one."""

    def __call__(self, X: Any, y: Any, seed: int) -> Any:
        """The trained module, on the CPU and in evaluation mode."""
        import torch

        module = self.untrained(seed).to(self.place()).train()
        records, answers = self.tensors(X, y)
        optimiser = self.optimiser_of(module.parameters())
        devices = [records.device] if records.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            # For what leaves something to chance in training, such as dropout.
            torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(2)[1]))
            for order in self.orders(len(answers), seed):
                for batch in torch.split(order.to(records.device), self.batch_size):
                    optimiser.zero_grad()
                    loss = losses(module(records[batch]), answers[batch], self.loss).mean()
                    torch.autograd.backward(loss)
                    optimiser.step()
        return module.eval().cpu()

    def train_group(
        self, X: Any, y: Any, rows: Sequence[NDArray[np.intp]], seeds: Sequence[int]
    ) -> tuple[list[Any], str]:
        """See `GroupTrainer`: stacked where the architecture allows, which gives the same to rounding."""
        from governance.privacy.pool import take
        from governance.privacy.stackable import NotStackable
        from governance.privacy.stacked import train_stacked

        try:
            return train_stacked(self, X, y, rows, seeds), "stacked"
        except NotStackable as why:
            labels = np.asarray(y)
            models = [self(take(X, r), labels[r], s) for r, s in zip(rows, seeds, strict=True)]
            return models, f"one by one: {why}"

    def untrained(self, seed: int) -> torch.nn.Module:
        """A module that knows nothing, initialised from `seed` without disturbing other random numbers."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self.build()
        if not isinstance(module, torch.nn.Module):
            raise UsageError("TorchTrainer's build() returned no PyTorch module")
        return module

    def orders(self, n: int, seed: int) -> Iterator[torch.Tensor]:
        """(n,) the records in a new order, for each epoch."""
        import torch

        # Not the seed that initialised the module: those numbers are used up.
        shuffling = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        for _ in range(self.epochs):
            yield torch.randperm(n, generator=shuffling)

    def place(self) -> torch.device:
        """The device to train on."""
        import torch

        wished = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        return torch.device(wished)

    def tensors(self, X: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Records and answers on the device: whole numbers stay whole where a module may look them up."""
        import torch

        values = np.asarray(X)
        if values.dtype.kind not in "iu" or not self._looks_up():
            values = values.astype(np.float32)
        answers = np.asarray(y).astype(np.int64 if self.loss == "cross_entropy" else np.float32)
        place = self.place()
        return torch.from_numpy(np.array(values)).to(place), torch.from_numpy(np.array(answers)).to(place)

    def optimiser_of(self, parameters: Iterable[Any]) -> torch.optim.Optimizer:
        """The optimiser over these parameters; all of them work number by number."""
        import torch

        # One call for all parameters, since torch 2.4 also on the CPU.
        new = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 4)
        settings: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        settings |= {"fused": True} if new else {}
        if self.optimiser == "sgd":
            return torch.optim.SGD(parameters, momentum=self.momentum, **settings)
        kind = torch.optim.AdamW if self.optimiser == "adamw" else torch.optim.Adam
        return kind(parameters, **settings)

    def _looks_up(self) -> bool:
        import torch

        kinds = (torch.nn.Embedding, torch.nn.EmbeddingBag)
        return any(isinstance(part, kinds) for part in self.untrained(0).modules())


@dataclass(frozen=True, slots=True, eq=False)
class Renewed:
    """Makes modules of a given one's architecture that know nothing of what it learned."""

    template: Any

    def __call__(self) -> Any:
        """A copy with every part initialised anew."""
        module = copy.deepcopy(self.template)
        for part in module.modules():
            own = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
            elif own:
                raise UsageError(
                    f"{type(part).__name__} has parameters and no reset_parameters()",
                    "Give TorchTrainer a function that builds a new module.",
                )
        return module.train()


def torch_trainer(module: Any, **settings: Any) -> TorchTrainer:
    """A trainer of modules with this one's architecture.

    Args:
        module: A PyTorch module whose parts can be initialised anew.
        settings: The fields of `TorchTrainer`, as the module was trained.

    Raises:
        UsageError: a part has parameters, and no `reset_parameters()`.
    """
    build = Renewed(module)
    build()
    return TorchTrainer(build, **settings)
