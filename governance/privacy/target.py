"""What is attacked: records, what the target told about them, and how its shadows are asked and paid for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.privacy.attacks import label_only
from governance.privacy.attacks.subject_level import Subjects
from governance.privacy.escalation import Step, plan_looks
from governance.privacy.pool import Pool
from governance.privacy.reading.readings import Readings, Task, Told
from governance.privacy.signals import read
from governance.privacy.verdict import Limits

LABEL_QUERIES = 50
"""Asked about each record where a model tells nothing but its label."""

NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class ShadowBudget:
    """What may be spent on shadow models: looks are taken while the verdict is open."""

    refits: int = 16
    seconds: float | None = None
    shadows: int | None = None
    """Exactly so many, in one look."""

    def steps(self) -> tuple[Step, ...]:
        """The looks that it pays for."""
        return plan_looks(self.refits) if self.shadows is None else (Step(self.shadows, 1.0),)


@dataclass(frozen=True, slots=True)
class Workers:
    """Where shadows are trained; see `shadows.train`."""

    n_jobs: int | None = -1
    backend: str = "processes"
    address: str | None = None
    cache: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The records under attack, what the target told about them, and how the answer is to be judged."""

    pool: Pool
    told: Readings
    seed: int
    fprs: tuple[float, ...] = (0.001, 0.01)
    confidence: float = 0.95
    limits: Limits = NO_LIMITS
    attacks: tuple[str, ...] = ()
    """Judged beside the one chosen beforehand; every one more makes all bounds wider."""
    columns: tuple[str, ...] = ()
    """Whose values, or quarters, are slices."""
    subjects: Subjects | None = None

    @property
    def signal(self) -> NDArray[np.float32]:
        """(n,) the target's."""
        return self.told.likelihood().astype(np.float32)

    def sides(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Values of the members, and of the non-members: of records, or of whole subjects."""
        n = self.pool.n_members if self.subjects is None else self.subjects.n_members
        return values[:n], values[n:]


@dataclass(frozen=True, slots=True)
class LabelReader:
    """Reads a model that tells only its label, by asking about disturbed copies too."""

    seed: int
    queries: int = LABEL_QUERIES

    def __call__(self, model: Any, X: Any, y: ArrayLike) -> Readings:
        """The boundary attack's signal; target and shadows are asked the very same questions."""
        found = label_only.signal(model.predict, X, y, seed=self.seed, queries=self.queries)
        return Readings(found.astype(np.float32), np.asarray(model.predict(X)) == np.asarray(y), Told.LABELS)


def read_target(
    model: Any, pool: Pool, seed: int, task: Task | None = None
) -> tuple[Readings, Callable[..., Readings]]:
    """What a model tells about the pool, and how its shadows are to be asked."""
    told = read(model, pool.X, pool.y, task=task)
    if told.signal is not None:
        return told, partial(read, task=told.task.value)
    reader = LabelReader(seed)
    return reader(model, pool.X, pool.y), reader
