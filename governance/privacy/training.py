"""Training a model of the target's kind anew, from its parameters and never from what it learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError


class Trainer(Protocol):
    """Trains a model of the target's kind; must be picklable to train in several processes."""

    def __call__(self, X: Any, y: Any, seed: int) -> Any:
        """A new fitted model; every choice by chance follows from `seed`."""


@runtime_checkable
class GroupTrainer(Protocol):
    """A trainer that can also train several models in one go."""

    group: int
    """How many models go together at most."""

    def __call__(self, X: Any, y: Any, seed: int) -> Any:
        """As `Trainer`."""

    def train_group(
        self, X: Any, y: Any, rows: Sequence[NDArray[np.intp]], seeds: Sequence[int]
    ) -> tuple[list[Any], str]:
        """A model for each set of rows, equal to one trained alone on it, and how they were trained."""


@dataclass(frozen=True, slots=True)
class SklearnTrainer:
    """Clones an estimator with its parameters and fits the clone; what was learned is not copied."""

    estimator: Any

    def __call__(self, X: Any, y: Any, seed: int) -> Any:
        """The fitted clone, with `seed` in every `random_state`, a pipeline's steps included."""
        from sklearn.base import clone

        model = clone(self.estimator)
        given = model.get_params()
        states = [name for name in given if name.split("__")[-1] == "random_state"]
        # Shadows are trained side by side, each on one core; more threads in each would only wait.
        jobs = [name for name in given if name.split("__")[-1] == "n_jobs" and given[name] is not None]
        model.set_params(**dict.fromkeys(states, seed), **dict.fromkeys(jobs, 1))
        return model.fit(X, y)

    @property
    def in_threads(self) -> bool:
        """Whether fits side by side in one process do not wait for each other, as those of forests."""
        from sklearn import ensemble

        kinds = (
            "RandomForestClassifier",
            "RandomForestRegressor",
            "ExtraTreesClassifier",
            "ExtraTreesRegressor",
        )
        return type(self.estimator) in {getattr(ensemble, kind) for kind in kinds}


def sklearn_trainer(model: Any) -> SklearnTrainer:
    """A trainer that refits a scikit-learn estimator (XGBoost's and LightGBM's wrappers are such, too).

    Raises:
        UsageError: scikit-learn cannot clone the model.
    """
    from sklearn.base import clone

    try:
        return SklearnTrainer(clone(model))
    except (TypeError, RuntimeError):
        raise UsageError(
            f"{type(model).__name__} cannot be trained again from its parameters",
            "Pass trainer=, a function (X, y, seed) that returns a fitted classifier.",
        ) from None
