"""Every attack class but membership inference, on one model: its outcomes, or why it did not run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from governance.errors import GovernanceError, UsageError
from governance.privacy.asked import (
    ATTRIBUTE,
    EXTRACTION,
    INVERSION,
    MEMORISATION,
    PROPERTY,
    RECONSTRUCTION,
    Asked,
)
from governance.privacy.attacks.attribute_inference import infer_attributes
from governance.privacy.attacks.model_extraction import extract
from governance.privacy.attacks.property_inference import infer_property
from governance.privacy.inversion.black_box import invert
from governance.privacy.inversion.gradient import invert_by_gradient
from governance.privacy.inversion.prior import invert_with_prior
from governance.privacy.measurement import NotRun
from governance.privacy.multiplicity import part
from governance.privacy.outcome import Outcome
from governance.privacy.pool import Pool, take
from governance.privacy.reading.adapting import as_estimator
from governance.privacy.reading.networks import module_of
from governance.privacy.reading.reader import read
from governance.privacy.reading.readings import Task
from governance.privacy.records import Data
from governance.privacy.refitting import trainer_for
from governance.privacy.shadows import Progress
from governance.privacy.structure.examine import examine
from governance.privacy.training import Trainer

SHADOW_ATTACK = "membership-inference with shadow models"

Invert = Callable[..., Outcome]

FEW = 100
"""Records by which it is found out what a model predicts."""

Stages = Callable[[str], Progress]
"""Given what begins, the callback that is told (finished, all) of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A model, its records, and what is asked."""

    model: Any
    members: Data
    non_members: Data
    pool: Pool
    task: Task | None
    seed: int
    asked: Asked
    stages: Stages | None
    trainer: Trainer | None

    def progress(self, words: str) -> Progress | None:
        """What is told how far a stage is; None if nobody listens."""
        return None if self.stages is None else self.stages(words)

    def retrainer(self) -> tuple[Trainer | None, tuple[NotRun, ...]]:
        """Who trains such models anew; or None, and what therefore does not run."""
        if self.trainer is not None:
            return self.trainer, ()
        try:
            return trainer_for(self.model), ()
        except UsageError as error:
            return None, (NotRun(SHADOW_ATTACK, f"{error.message}, and no trainer was given"),)

    def others(self) -> tuple[tuple[Outcome, ...], tuple[NotRun, ...]]:
        """Every other attack class: its outcomes, or why it did not run."""
        ways: tuple[tuple[str, Callable[[], Sequence[Outcome]]], ...] = (
            (ATTRIBUTE, self._attributes),
            (RECONSTRUCTION, self._structure),
            (INVERSION, self._class_search),
            *((INVERSION, partial(self._network_inversion, way)) for way in self._network_ways()),
            (EXTRACTION, self._extraction),
            (PROPERTY, self._property),
            (MEMORISATION, _text_only),
        )
        outcomes, not_run = list[Outcome](), list[NotRun]()
        for what, way in ways:
            if not self.asked.wants(what):
                not_run.append(NotRun(what, "not asked for"))
                continue
            try:
                outcomes += way()
            except GovernanceError as error:
                # What one attack cannot do must not cost what the others found.
                not_run.append(NotRun(what, error.message))
        return tuple(outcomes), tuple(not_run)

    @property
    def _estimator(self) -> Any:
        """The model with `predict`, and with `predict_proba` where it tells that much."""
        few = slice(0, FEW)
        task = self.task or read(self.model, take(self.pool.X, few), self.pool.y[few]).task
        return as_estimator(self.model, task)

    def _attributes(self) -> Sequence[Outcome]:
        if not self.asked.sensitive:
            raise UsageError("no sensitive column was named")
        return infer_attributes(
            self._estimator,
            self.members,
            self.non_members,
            self.asked.sensitive,
            seed=self.seed,
            # All of them together: each column is one more chance of a false alarm.
            confidence=part(self.asked.confidence, 1 / len(self.asked.sensitive)),
            progress=self.progress("guessing attributes"),
        )

    def _structure(self) -> Sequence[Outcome]:
        return examine(
            self.model,
            self.members,
            self.non_members,
            artifact=self.asked.artifact,
            k=self.asked.smallest_group,
            seed=self.seed,
            confidence=self.asked.confidence,
        )

    def _network_ways(self) -> tuple[Invert, ...]:
        """White-box inversions that the model allows: by gradient, and for images with a generative prior."""
        if not self.asked.wants(INVERSION) or module_of(self.model) is None:
            return ()
        images = np.ndim(self.pool.X) > 2
        return (invert_by_gradient, invert_with_prior) if images else (invert_by_gradient,)

    @property
    def _each_inversion(self) -> float:
        """The confidence of each inversion, so that all of them together keep the one asked for."""
        return part(self.asked.confidence, 1 / (1 + len(self._network_ways())))

    def _network_inversion(self, way: Invert) -> Sequence[Outcome]:
        numbers = (
            Data(np.asarray(side.X, dtype=np.float32), side.y) for side in (self.members, self.non_members)
        )
        found = way(
            module_of(self.model),
            *numbers,
            seed=self.seed,
            confidence=self._each_inversion,
            progress=self.progress("reconstructing classes"),
        )
        return (found,)

    def _class_search(self) -> Sequence[Outcome]:
        found = invert(
            self._estimator,
            self.members,
            self.non_members,
            seed=self.seed,
            confidence=self._each_inversion,
            progress=self.progress("reconstructing classes"),
        )
        return (found,)

    def _extraction(self) -> Sequence[Outcome]:
        found = extract(
            self._estimator,
            self.non_members,
            seed=self.seed,
            confidence=self.asked.confidence,
            progress=self.progress("copying the model"),
        )
        return (found,)

    def _property(self) -> Sequence[Outcome]:
        if self.asked.group is None:
            raise UsageError("no group was named whose share could be told")
        trainer, without = self.retrainer()
        if trainer is None:
            raise UsageError(without[0].reason)
        name, mask = self.asked.group
        found = infer_property(
            self._estimator,
            self.non_members,
            mask,
            trainer,
            seed=self.seed,
            confidence=self.asked.confidence,
            target_size=len(self.members.X),
            progress=self.progress("training on other shares"),
        )
        return (replace(found, details={**found.details, "property": name}),)


def _text_only() -> Sequence[Outcome]:
    raise UsageError("the model was not assessed as one that writes or scores text")
