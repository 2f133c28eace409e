"""The demo's network. PyTorch is imported with this module, so import it only where a network is needed."""

from __future__ import annotations

import torch
from torch import nn

SCALES = (2.0, 1.0, 3.0, 4.0, 1.0, 10.0, 1.0, 1.0, 1.0)
"""What each column is divided by: from the ranges its codebook gives, not from the records.

A scaler fitted on the records would be a second look at them, which the noise does not cover.
"""


class Classifier(nn.Module):
    """Two classes from the nine columns of RAND HIE as they stand: (n, 9) floats to (n, 2) logits."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(len(SCALES), hidden), nn.Tanh(), nn.Linear(hidden, 2))

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """The logits of the two classes."""
        scaled: torch.Tensor = self.network(columns / columns.new_tensor(SCALES))
        return scaled
