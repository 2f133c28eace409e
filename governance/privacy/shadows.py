"""Shadow models: trained like the target on halves of the pool, and asked about all of it.

The models themselves are not kept: of each there remain one float32 a record and its accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import GovernanceError, Undecided, UsageError
from governance.privacy.backends import Backend, Threads, WorkersLost, open_backend
from governance.privacy.plan import Plan, pair_plan
from governance.privacy.pool import take
from governance.privacy.shadow_cache import ShadowCache, Told
from governance.privacy.signals import Readings, read
from governance.privacy.training import GroupTrainer, SklearnTrainer, Trainer, sklearn_trainer

__all__ = [
    "Plan",
    "Progress",
    "Shadows",
    "SklearnTrainer",
    "Trainer",
    "pair_plan",
    "sklearn_trainer",
    "train",
]

Progress = Callable[[int, int], None]
"""Told (finished, all) after each shadow."""

Reader = Callable[[Any, Any, Any], Readings]
"""(model, X, y) → what the model tells about these records."""

TRIES = 3
"""How often workers may die in a row before anything more is finished."""


@dataclass(frozen=True, slots=True, eq=False)
class Shadows:
    """What K shadow models told about the n records of the pool."""

    plan: Plan
    signals: NDArray[np.float32]
    """(K, n) log-likelihood of the true answer."""
    accuracies: NDArray[np.float64]
    """(K,) each one's accuracy on the records that it was not trained on."""
    how: str
    """Whether they were trained stacked or one by one, and why."""

    @property
    def accuracy(self) -> float:
        """Mean accuracy on the records that a shadow was not trained on."""
        return float(self.accuracies.mean())

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(K, n) likelihood of the true answer: the label's probability if the models are classifiers."""
        return np.exp(self.signals.astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Job:
    """What all shadows have in common. It has no repr: clusters log those, and this one holds records."""

    trainer: Trainer
    X: Any
    y: NDArray[Any]
    reader: Reader


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Unit:
    """Shadows that are trained together."""

    numbers: tuple[int, ...]
    inside: NDArray[np.bool_]
    seeds: tuple[int, ...]


Results = dict[int, Told]


def train(
    plan: Plan,
    X: Any,
    y: NDArray[Any],
    trainer: Trainer,
    *,
    n_jobs: int | None = -1,
    backend: str | Backend = "processes",
    address: str | None = None,
    cache: Path | None = None,
    before: Shadows | None = None,
    progress: Progress | None = None,
    reader: Reader = read,
) -> Shadows:
    """Train every shadow of the plan and read its signals.

    Where a shadow is trained changes nothing but the time. If workers die on the way, what they had not
    finished is trained again. A `GroupTrainer` trains several in one go.

    Args:
        plan: From `pair_plan` over the same records.
        X: (n, …) records.
        y: (n,) labels.
        trainer: Makes one shadow.
        n_jobs: As joblib has it: 1 for none but this process, −1 for all cores.
        backend: `processes` (for forests threads, which need no start), `dask` or `ray`, or an opened one.
        address: Of a running Dask or Ray cluster; None for a new one on this machine.
        cache: A folder in which finished shadows are kept and found again; None keeps nothing.
        before: Shadows of the first rows of this plan, of the same records and trainer: not trained again.
        progress: Called after each shadow, and first with how many were there already, if any were.
        reader: Asks one shadow; it must be picklable.

    Raises:
        UsageError: the backend is not installed, a shadow tells nothing that can be read, or `before`
            follows another plan.
        Undecided: a shadow could not be trained, or workers died again and again.
    """
    if isinstance(backend, str):
        alone = n_jobs == 1 or backend != "processes" or not getattr(trainer, "in_threads", False)
        backend = open_backend(backend, n_jobs, address) if alone else Threads(n_jobs)
    if before is not None and not plan.starts_with(before.plan):
        raise UsageError("The shadows given are not the first of this plan", "Use the same labels and seed.")
    job = _Job(trainer, X, np.asarray(y), reader)
    kept = None if cache is None else ShadowCache(cache, (trainer, reader, X, job.y))
    signals = np.empty(plan.inside.shape, dtype=np.float32)
    accuracies = np.empty(len(plan.seeds))
    missing = set(range(len(plan.seeds)))
    ways: set[str] = set()

    def take_in(number: int, told: Told) -> None:
        signals[number], accuracies[number], how = told
        ways.add(how)
        missing.discard(number)

    for number in sorted(missing):
        found = _known(before, number) or (kept and kept.load(plan.inside[number], plan.seeds[number]))
        if found:
            take_in(number, found)
    if progress is not None and len(missing) < len(plan.seeds):
        progress(len(plan.seeds) - len(missing), len(plan.seeds))
    for number, told in _trained(backend, job, _units(plan, trainer, sorted(missing))):
        if kept is not None:
            kept.store(plan.inside[number], plan.seeds[number], told)
        take_in(number, told)
        if progress is not None:
            progress(len(plan.seeds) - len(missing), len(plan.seeds))
    return Shadows(plan, signals, accuracies, "; ".join(sorted(ways)))


def _known(before: Shadows | None, number: int) -> Told | None:
    if before is None or number >= len(before.signals):
        return None
    return before.signals[number], float(before.accuracies[number]), before.how


def _units(plan: Plan, trainer: Trainer, missing: Sequence[int]) -> list[_Unit]:
    size = trainer.group if isinstance(trainer, GroupTrainer) else 1
    parts = [missing[i : i + size] for i in range(0, len(missing), size)]
    return [_Unit(tuple(p), plan.inside[list(p)], tuple(plan.seeds[number] for number in p)) for p in parts]


def _trained(backend: Backend, job: _Job, units: Sequence[_Unit]) -> Iterator[tuple[int, Told]]:
    """Every shadow's number and what it told, as they are finished."""
    left = {unit.numbers: unit for unit in units}
    tries = 0
    while left:
        try:
            for numbers, results in backend.run(_train_unit, job, list(left.values())):
                if isinstance(results, GovernanceError):
                    raise results
                tries = 0
                del left[numbers]
                yield from results.items()
        except WorkersLost:
            tries += 1
            if tries == TRIES:
                raise Undecided(
                    f"Workers died {TRIES} times while they trained shadow models",
                    "Most often memory ran out: train fewer at a time, or on larger machines.",
                ) from None


def _train_unit(job: _Job, unit: _Unit) -> tuple[tuple[int, ...], Results | GovernanceError]:
    """What the unit's shadows told, or what went wrong: raised, a cluster would log it with its arguments."""
    try:
        models, how = _models(job, unit)
        told = [_read(job, model, inside, how) for model, inside in zip(models, unit.inside, strict=True)]
    except GovernanceError as error:
        return unit.numbers, error
    return unit.numbers, dict(zip(unit.numbers, told, strict=True))


def _models(job: _Job, unit: _Unit) -> tuple[list[Any], str]:
    rows = [_shuffled(inside, seed) for inside, seed in zip(unit.inside, unit.seeds, strict=True)]
    try:
        if isinstance(job.trainer, GroupTrainer):
            return job.trainer.train_group(job.X, job.y, rows, unit.seeds)
        return [job.trainer(take(job.X, rows[0]), job.y[rows[0]], unit.seeds[0])], "one by one"
    except GovernanceError:
        raise
    except Exception as error:  # noqa: BLE001  # any failure of a foreign trainer is this one answer
        # Its message may quote a record, so only its type goes on.
        raise Undecided(
            f"A shadow model could not be trained: {type(error).__name__}",
            "Call trainer(X, y, seed) on half of the records to see the cause.",
        ) from None


def _shuffled(inside: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """The rows to train on, in an order of their own: members stand first, and ties would tell."""
    return np.random.default_rng(seed).permutation(np.flatnonzero(inside))


def _read(job: _Job, model: Any, inside: NDArray[np.bool_], how: str) -> Told:
    readings = job.reader(model, job.X, job.y)
    correct = readings.correct
    accuracy = float("nan") if correct is None else float(correct[~inside].mean())
    return readings.likelihood().astype(np.float32), accuracy, how
