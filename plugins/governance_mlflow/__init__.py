"""The MLflow rim: translates between MLflow and `governance`, and decides nothing.

What a data scientist uses: `log_input` and `private_training`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governance_mlflow.inputs import log_input
    from governance_mlflow.training.opacus import private_training

__all__ = ["log_input", "private_training"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: MLflow imports this package for its plugins while it is half imported itself.
    if name == "log_input":
        from governance_mlflow.inputs import log_input

        return log_input
    if name == "private_training":
        from governance_mlflow.training.opacus import private_training

        return private_training
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
