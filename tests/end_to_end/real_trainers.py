"""Trainers that `governance assess --trainer real_trainers:…` names, as somebody's own project has them."""

from __future__ import annotations

from typing import Any

from governance.privacy.torch_training import TorchTrainer


def network() -> Any:
    """A small convolutional network over rows of 64 grey values."""
    from torch import nn

    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(72, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )


digits = TorchTrainer(network, epochs=30, batch_size=64, learning_rate=3e-3)


def progression(X: Any, y: Any, seed: int) -> Any:
    """Boosted trees that know their patients well."""
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=60, max_depth=6, random_state=seed, n_jobs=1).fit(X, y)
