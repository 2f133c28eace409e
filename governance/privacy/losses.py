"""What a training of PyTorch modules minimises, record by record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Loss = Literal["cross_entropy", "binary", "squared"]


def losses(outputs: torch.Tensor, answers: torch.Tensor, loss: Loss) -> torch.Tensor:
    """(m,) the loss of each of m records."""
    from torch.nn import functional

    if loss == "cross_entropy":
        return functional.cross_entropy(outputs, answers, reduction="none")
    flat = outputs.reshape(answers.shape)
    if loss == "binary":
        return functional.binary_cross_entropy_with_logits(flat, answers, reduction="none")
    return functional.mse_loss(flat, answers, reduction="none")
