"""What a differentially private training did: facts from which ε is computed, never ε itself.

The vocabulary only grows and a word never changes its meaning, so that a record written today can
be judged by a better accountant in two years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class Sampling(str, Enum):
    """How batches were drawn. Amplification by sampling holds for `POISSON` only."""

    POISSON = "poisson"
    SHUFFLED = "shuffled"


class Neighbouring(str, Enum):
    """Which pairs of datasets the guarantee speaks of."""

    ADD_OR_REMOVE_ONE = "add_or_remove_one"
    REPLACE_ONE = "replace_one"


@dataclass(frozen=True, slots=True)
class SampledGaussian:
    """`steps` releases of a clipped sum with Gaussian noise, each over a random sample.

    `noise_multiplier` is the standard deviation divided by the clipping norm; `sample_rate` is the
    probability with which one unit enters a batch (Abadi et al. 2016, arXiv:1607.00133).
    """

    noise_multiplier: float
    sample_rate: float
    steps: int


@dataclass(frozen=True, slots=True)
class DpTraining:
    """One DP-SGD training as its own code recorded it."""

    phases: tuple[SampledGaussian, ...]
    delta: float
    max_grad_norm: float
    sampling: Sampling
    """What the data loader did, not what the accountant assumed."""
    neighbouring: Neighbouring
    unit: str
    unit_is_data_subject: bool
    max_records_per_subject: int | None
    n_units: int
    datasets: tuple[str, ...]
    """Catalogued names whose records the guarantee covers; anything else is not covered."""
    covers: str
    """`final_model` or `all_checkpoints`."""
    secure_rng: bool
    libraries: tuple[tuple[str, str], ...]
    """(name, version) of what did the training, sorted."""
    key: str
    """The training's own identity; charging the same key twice charges once."""
    hazards: tuple[str, ...] = field(default=())
    """What the recorder noticed that the accounting does not cover, in words."""

    def to_json(self) -> dict[str, Any]:
        """The facts as JSON values; `from_json` is its inverse."""
        data = asdict(self)
        return data | {
            "phases": [asdict(phase) for phase in self.phases],
            "sampling": self.sampling.value,
            "neighbouring": self.neighbouring.value,
            "datasets": list(self.datasets),
            "libraries": [list(pair) for pair in self.libraries],
            "hazards": list(self.hazards),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> DpTraining:
        """The inverse of `to_json`.

        Raises:
            ValueError: a fact is missing, unknown, of the wrong type or outside its range.
        """
        try:
            training = DpTraining(
                **{
                    **data,
                    "phases": tuple(SampledGaussian(**phase) for phase in data["phases"]),
                    "sampling": Sampling(data["sampling"]),
                    "neighbouring": Neighbouring(data["neighbouring"]),
                    "datasets": _texts(data["datasets"]),
                    "libraries": tuple((name, version) for name, version in data["libraries"]),
                    "hazards": _texts(data.get("hazards", ())),
                }
            )
            training.check()
        except (TypeError, KeyError) as error:
            raise ValueError(f"not the facts of a DP training: {error}") from error
        return training

    def check(self) -> None:
        """Refuse facts that no training can have produced.

        Raises:
            ValueError: a number is outside its range; the message says which.
        """
        for words in (self.unit, self.covers, self.key, *self.datasets):
            if not isinstance(words, str):
                raise ValueError(f"{words!r} is no text")
        if not self.phases:
            raise ValueError("a DP training has at least one phase")
        for phase in self.phases:
            # Written so that NaN fails each comparison.
            if not 0 < phase.noise_multiplier < 1e6:
                raise ValueError(f"noise_multiplier {phase.noise_multiplier} is not in (0, 1e6)")
            if not 0 < phase.sample_rate <= 1:
                raise ValueError(f"sample_rate {phase.sample_rate} is not in (0, 1]")
            if not _counts(phase.steps):
                raise ValueError(f"steps {phase.steps} is not a positive whole number")
        if not 0 < self.delta < 1:
            raise ValueError(f"delta {self.delta} is not in (0, 1)")
        if not 0 < self.max_grad_norm < float("inf"):
            raise ValueError(f"max_grad_norm {self.max_grad_norm} is not positive")
        if not _counts(self.n_units):
            raise ValueError(f"n_units {self.n_units} is not a positive whole number")
        if self.max_records_per_subject is not None and not _counts(self.max_records_per_subject):
            raise ValueError(
                f"max_records_per_subject {self.max_records_per_subject} is not a positive whole number"
            )


def _counts(number: object) -> bool:
    """Whether it is a positive whole number that JSON can carry exactly."""
    return isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 2**53


def _texts(data: Any) -> tuple[str, ...]:
    # A text is a sequence too, of its letters.
    if not isinstance(data, (list, tuple)):
        raise TypeError(f"{data!r} is no list")
    return tuple(data)
