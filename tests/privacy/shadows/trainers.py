"""Trainers that worker processes import; each notes where and when it was called."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Slow:
    """Takes a while, and leaves a file named for the process and the seed in `folder`."""

    folder: Path
    seconds: float = 0.0

    def __call__(self, X: Any, y: Any, seed: int) -> Any:  # noqa: ARG002  the words of `Trainer`
        (self.folder / f"{os.getpid()}-{seed}-{time.monotonic_ns()}").touch()
        time.sleep(self.seconds)
        return Mean(float(np.mean(X)), seed)


@dataclass(frozen=True)
class Mean:
    """A model that follows from the mean of its records and its seed."""

    mean: float
    seed: int

    def predict_proba(self, X: Any) -> Any:
        own = 1 / (1 + np.exp(-(X[:, 0] - self.mean + self.seed % 7)))
        return np.column_stack([1 - own, own])


if __name__ == "__main__":
    import sys

    from governance.privacy.plan import pair_plan
    from governance.privacy.shadows import train

    notes, cache, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    values = np.random.default_rng(0).normal(size=(50, 2))
    labels = np.arange(50) % 2
    found = train(pair_plan(labels, 6, 0), values, labels, Slow(notes, seconds), n_jobs=1, cache=cache)
    np.save(notes.parent / "signals.npy", found.signals)
