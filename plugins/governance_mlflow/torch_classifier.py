"""A PyTorch module that gives logits, with the methods of a scikit-learn classifier."""

from __future__ import annotations

from typing import Any


class TorchClassifier:
    """Classes are column numbers: record i is of class j where logit (i, j) is the largest.

    The module is used as it stands. What MLflow loads is in evaluation mode already, and an exported
    graph has no other.
    """

    def __init__(self, module: Any) -> None:
        self.module = module

    def predict_proba(self, X: Any) -> Any:
        """Class probabilities, (n_records, n_classes)."""
        import numpy as np
        import torch

        with torch.no_grad():
            logits = self.module(torch.from_numpy(np.asarray(X, dtype=np.float32)))
        # In single precision confident records would tie at 1.
        return logits.double().softmax(dim=1).numpy()

    def predict(self, X: Any) -> Any:
        """The likeliest class of each record, (n_records,)."""
        return self.predict_proba(X).argmax(axis=1)
