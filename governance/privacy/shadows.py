"""Shadow models: trained like the target on halves of the pool, in complementary pairs.

Every record is IN exactly one shadow of each pair, so each record's mean over the shadows weighs
"trained on it" and "not trained on it" equally, and no record needs a model of its own.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import Undecided, UsageError
from governance.privacy.pool import take
from governance.privacy.signals import Readings, read

Progress = Callable[[int, int], None]
"""Told (finished, all) after each shadow."""


class Trainer(Protocol):
    """Trains a model of the target's kind; must be picklable to train in several processes."""

    def __call__(self, X: Any, y: Any, seed: int) -> Any:
        """A new fitted classifier; every choice by chance follows from `seed`."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Which shadow is trained on which records."""

    inside: NDArray[np.bool_]
    """(K, n); rows 2i and 2i + 1 are each other's complement."""
    seeds: tuple[int, ...]
    """(K,) one training seed a shadow."""


@dataclass(frozen=True, slots=True, eq=False)
class Shadows:
    """What K shadow models told about the n records of the pool."""

    confidence: NDArray[np.float64]
    """(K, n) probability of the true label."""
    accuracy: float
    """Mean accuracy on the records that a shadow was not trained on."""


def pair_plan(y: ArrayLike, shadows: int, seed: int) -> Plan:
    """Random halves, the two halves of each class differing by at most one record.

    Args:
        y: (n,) labels of the pool.
        shadows: How many shadow models, an even number.
        seed: The only source of chance; equal seeds give equal plans.
    """
    if shadows < 2 or shadows % 2:
        raise UsageError(
            f"{shadows} shadow models make no complementary pairs", "Ask for 2, 4 or another even number."
        )
    import pandas as pd

    codes = pd.factorize(np.asarray(y))[0]
    chance, training = np.random.SeedSequence(seed).spawn(2)
    inside = np.zeros((shadows, len(codes)), dtype=np.bool_)
    for pair, sequence in enumerate(chance.spawn(shadows // 2)):
        random = np.random.default_rng(sequence)
        order = random.permutation(len(codes))
        # Every second record of the list sorted by class: halves every class and the whole at once.
        by_class = order[np.argsort(codes[order], kind="stable")]
        inside[2 * pair, by_class[random.integers(2) :: 2]] = True
        inside[2 * pair + 1] = ~inside[2 * pair]
    return Plan(inside, tuple(int(word) for word in training.generate_state(shadows)))


def train(
    plan: Plan,
    X: Any,
    y: NDArray[Any],
    trainer: Trainer,
    *,
    n_jobs: int | None = -1,
    progress: Progress | None = None,
) -> Shadows:
    """Train every shadow of the plan and read its confidences; the models themselves are not kept.

    Training runs on joblib's active backend: processes unless `joblib.parallel_config` says otherwise.

    Args:
        plan: From `pair_plan` over the same records.
        X: (n, …) records.
        y: (n,) labels.
        trainer: Makes one shadow.
        n_jobs: As joblib has it: 1 for none but this process, −1 for all cores.
        progress: Called after each shadow.

    Raises:
        Undecided: a shadow could not be trained.
    """
    from joblib import Parallel, delayed

    tasks = [
        delayed(_train_one)(trainer, X, y, inside, seed)
        for inside, seed in zip(plan.inside, plan.seeds, strict=True)
    ]
    readings: list[Readings] = []
    with _starting_workers():
        trained = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    for reading in trained:
        readings.append(reading)
        if progress is not None:
            progress(len(readings), len(tasks))
    unseen = [r.correct[~inside].mean() for r, inside in zip(readings, plan.inside, strict=True)]
    return Shadows(np.stack([r.confidence for r in readings]), float(np.mean(unseen)))


@contextmanager
def _starting_workers() -> Iterator[None]:
    """Processes that start inside never see Ctrl-C: this one does, ends them, and none prints a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored stays ignored in a new process; a mask would not do, joblib lifts it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _train_one(trainer: Trainer, X: Any, y: NDArray[Any], inside: NDArray[np.bool_], seed: int) -> Readings:
    rows = np.flatnonzero(inside)
    try:
        shadow = trainer(take(X, rows), y[rows], seed)
    except Exception as error:  # noqa: BLE001  # any failure of a foreign trainer is this one answer
        # Its message may quote a record, so only its type goes on.
        raise Undecided(
            f"A shadow model could not be trained: {type(error).__name__}",
            "Call trainer(X, y, seed) on half of the records to see the cause.",
        ) from None
    return read(shadow, X, y)


@dataclass(frozen=True, slots=True)
class SklearnTrainer:
    """Clones an estimator with its parameters and fits the clone; what was learned is not copied."""

    estimator: Any

    def __call__(self, X: Any, y: Any, seed: int) -> Any:
        """The fitted clone, with `seed` in every `random_state`, a pipeline's steps included."""
        from sklearn.base import clone

        model = clone(self.estimator)
        states = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
        model.set_params(**dict.fromkeys(states, seed))
        return model.fit(X, y)


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
