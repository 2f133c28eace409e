"""Measure what a model tells about the people in its training data, with every attack that the data allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.domain.evidence import Evidence, EvidenceType
from governance.errors import GovernanceError, UsageError
from governance.privacy.measurement import Measurement, NotRun
from governance.privacy.outcome import Outcome
from governance.privacy.records import Data as Data
from governance.privacy.records import as_data

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from governance.privacy.pool import Pool
    from governance.privacy.reading.readings import Task
    from governance.privacy.record_risk import Worst
    from governance.privacy.shadows import Progress
    from governance.privacy.target import ShadowBudget, Target, Workers
    from governance.privacy.training import Trainer
    from governance.privacy.verdict import Limits

MEMBERSHIP = EvidenceType.MEMBERSHIP_INFERENCE.value
ATTRIBUTE = EvidenceType.ATTRIBUTE_INFERENCE.value
RECONSTRUCTION = EvidenceType.RECONSTRUCTION.value
INVERSION = EvidenceType.MODEL_INVERSION.value
EXTRACTION = EvidenceType.EXTRACTION.value
PROPERTY = EvidenceType.PROPERTY_INFERENCE.value
MEMORISATION = EvidenceType.MEMORISATION.value

CLASSES = (MEMBERSHIP, ATTRIBUTE, RECONSTRUCTION, INVERSION, EXTRACTION, PROPERTY, MEMORISATION)
"""The attack classes, as evidence names them."""

AUTO = (MEMBERSHIP, ATTRIBUTE, RECONSTRUCTION)
"""Those that `auto` runs: they need nothing but the records, and take no longer than the shadows do."""

SHADOW_ATTACK = "membership-inference with shadow models"

LIBRARIES = ("mlflow-governance", "numpy", "scipy", "scikit-learn", "joblib")

Stages = Callable[[str], "Progress"]
"""Given what begins, the callback that is told (finished, all) of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an assessment is asked, beside the model and its records."""

    attacks: Sequence[str] | str = "auto"
    """`auto`, `all`, or names of `CLASSES`."""
    fprs: Sequence[float] = (0.001, 0.01)
    confidence: float = 0.95
    beside: Sequence[str] = ()
    """Membership attacks judged beside the one that is chosen beforehand; see `attacks.catalogue`."""
    slices: Sequence[str] = ()
    """Columns whose values, or quarters, are looked at one by one."""
    sensitive: Sequence[Any] = ()
    """Columns that attribute inference tries to guess."""
    group: ArrayLike | None = None
    """(n,) booleans: which non-members belong to the group whose share property inference tells."""
    artifact: Path | None = None
    """The folder of the model's files."""
    smallest_group: int = 10
    """Groups of fewer training records than this are reported."""
    worst: int = 0
    """How many of the members most at risk are named for the restricted file."""

    def wants(self, what: str) -> bool:
        """Whether an attack class is to run."""
        if isinstance(self.attacks, str):
            return what in (AUTO if self.attacks == "auto" else CLASSES)
        return what in self.attacks

    def check(self) -> None:
        """Raise `UsageError` for what cannot be asked."""
        from governance.privacy.attacks.catalogue import ATTACKS

        if not self.fprs or not all(0 < f < 1 for f in self.fprs) or not 0 < self.confidence < 1:
            raise UsageError("fprs and confidence are numbers between 0 and 1, with at least one FPR")
        named = [self.attacks] if isinstance(self.attacks, str) else list(self.attacks)
        known: Collection[str] = ("auto", "all") if isinstance(self.attacks, str) else CLASSES
        for what, allowed in ((named, known), (self.beside, ATTACKS)):
            unknown = [name for name in what if name not in allowed]
            if unknown:
                raise UsageError(
                    f"There is no attack {unknown[0]!r}", f"Choose among: {', '.join(sorted(allowed))}"
                )


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that was found, and what was not tried."""

    membership: Measurement | None
    outcomes: tuple[Outcome, ...]
    not_run: tuple[NotRun, ...]
    worst: Worst | None = field(default=None, repr=False, compare=False)
    """The members most at risk: for the restricted file alone."""

    def evidence(
        self, subject_digest: str, producer: str, now: datetime, max_age_days: int | None
    ) -> tuple[Evidence, ...]:
        """All of it as evidence about exactly the bytes `subject_digest`, good for so many days."""
        found = [(one.type, one.body()) for one in self.outcomes]
        if self.membership is not None:
            found.insert(0, (EvidenceType.MEMBERSHIP_INFERENCE, self.membership.body()))
        return tuple(
            Evidence(
                type=kind,
                subject_digest=subject_digest,
                producer=producer,
                created_at=now,
                expires_at=None if max_age_days is None else now + timedelta(days=max_age_days),
                body=body,
            )
            for kind, body in found
        )


def assess(
    model: Any,
    members: Any,
    non_members: Any,
    *,
    seed: int,
    column: str | int | None = None,
    task: Task | str | None = None,
    trainer: Trainer | None = None,
    subjects: tuple[ArrayLike, ArrayLike] | None = None,
    budget: ShadowBudget | None = None,
    limits: Limits | None = None,
    workers: Workers | None = None,
    asked: Asked | None = None,
    stages: Stages | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Assessment:
    """Attack a model's privacy and say what the attacks did and did not show.

    If models of its kind can be trained, membership is attacked with shadow models on halves of the
    records, more of them while the verdict is open; otherwise from the target's answers alone, which can
    show a leak but never its absence. Equal arguments give equal results, but for a budget of seconds.

    Args:
        model: A fitted model; see `governance.privacy.reading.reader.read` for what it must offer.
        members: Records it was trained on, in any form that `governance.privacy.records.as_data` takes.
        non_members: Records of the same distribution that it never saw; 10 / f of them for an FPR f.
        seed: The only source of chance.
        column: The column that the model predicts, where the records do not say so themselves.
        task: `classifier` or `regressor`, where the model's answers do not tell.
        trainer: Trains a model of the same kind: (X, y, seed) → fitted model. Not needed for
            scikit-learn estimators, XGBoost and LightGBM, which are trained anew from their parameters.
        subjects: Whose record each is, of members and of non-members: then persons are attacked.
        budget: What may be spent on shadow models.
        limits: What the policy asks of upper ends: looks go on until they are kept or all is spent.
        workers: Where shadows are trained.
        asked: Which attacks, at which rates, on which slices.
        stages: Told what begins, and how far it is.
        clock: Seconds from any start; for the budget alone.

    Raises:
        UsageError: the records do not fit together, a record is on both sides, a side has fewer than
            100 distinct records, or nothing can be read from the model.
        Undecided: the model or the trainer failed on these records.
    """
    from governance.privacy.pool import make_pool
    from governance.privacy.reading.readings import Task

    asked = asked or Asked()
    asked.check()
    sides = as_data(members, column, name="members"), as_data(non_members, column, name="non_members")
    pool = make_pool(*sides)
    case = _Case(model, *sides, pool, None if task is None else Task(task), seed, asked, stages, trainer)
    outcomes, not_run = case.others()
    if not asked.wants(MEMBERSHIP):
        return Assessment(None, outcomes, (*not_run, NotRun(MEMBERSHIP, "not asked for")))
    target, found_trainer, reader, without = case.target(subjects, limits)
    from governance.privacy.membership import measure
    from governance.privacy.record_risk import worst_records

    measured, scores = measure(
        target,
        found_trainer,
        reader=reader,
        clock=clock,
        budget=budget,
        workers=workers,
        progress=case.progress("training shadow models"),
        not_run=(*without, *not_run),
        versions=_versions(),
    )
    worst = None
    if asked.worst and subjects is None:
        inside, outside = target.sides(scores.values)
        worst = worst_records(inside, outside, asked.worst, pool.rows)
    return Assessment(measured, outcomes, (*without, *not_run), worst)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
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
        return None if self.stages is None else self.stages(words)

    def target(
        self, subjects: tuple[ArrayLike, ArrayLike] | None, limits: Limits | None
    ) -> tuple[Target, Trainer | None, Any, tuple[NotRun, ...]]:
        """What membership attacks look at, who trains shadows, and what cannot run without them."""
        import numpy as np

        from governance.privacy.attacks.subject_level import subjects_of
        from governance.privacy.target import NO_LIMITS, Target, read_target

        told, reader = read_target(self.model, self.pool, self.seed, self.task)
        trainer, without = self._trainer()
        whose = None
        if subjects is not None:
            keys = np.concatenate([np.asarray(side) for side in subjects])
            whose = subjects_of(keys[self.pool.positions], self.pool.n_members)
        target = Target(
            pool=self.pool,
            told=told,
            seed=self.seed,
            fprs=tuple(sorted(self.asked.fprs)),
            confidence=self.asked.confidence,
            limits=limits or NO_LIMITS,
            attacks=tuple(self.asked.beside),
            columns=tuple(self.asked.slices),
            subjects=whose,
        )
        return target, trainer, reader, without

    def _trainer(self) -> tuple[Trainer | None, tuple[NotRun, ...]]:
        from governance.privacy.refitting import trainer_for

        if self.trainer is not None:
            return self.trainer, ()
        try:
            return trainer_for(self.model), ()
        except UsageError as error:
            return None, (NotRun(SHADOW_ATTACK, f"{error.message}, and no trainer was given"),)

    def others(self) -> tuple[tuple[Outcome, ...], tuple[NotRun, ...]]:
        """Every other attack class: its outcomes, or why it did not run."""
        ways: dict[str, Callable[[], Sequence[Outcome]]] = {
            ATTRIBUTE: self._attributes,
            RECONSTRUCTION: self._structure,
            INVERSION: self._inversion,
            EXTRACTION: self._extraction,
            PROPERTY: self._property,
            MEMORISATION: _text_only,
        }
        outcomes, not_run = list[Outcome](), list[NotRun]()
        for what, way in ways.items():
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
        from governance.privacy.reading.adapting import as_estimator
        from governance.privacy.reading.reader import read

        few = slice(0, 100)
        from governance.privacy.pool import take

        task = self.task or read(self.model, take(self.pool.X, few), self.pool.y[few]).task
        return as_estimator(self.model, task)

    def _attributes(self) -> Sequence[Outcome]:
        from governance.privacy.attacks.attribute_inference import infer_attributes

        if not self.asked.sensitive:
            raise UsageError("no sensitive column was named")
        return infer_attributes(
            self._estimator,
            self.members,
            self.non_members,
            self.asked.sensitive,
            seed=self.seed,
            confidence=self.asked.confidence,
            progress=self.progress("guessing attributes"),
        )

    def _structure(self) -> Sequence[Outcome]:
        from governance.privacy.structure.examine import examine

        return examine(
            self.model,
            self.members,
            self.non_members,
            artifact=self.asked.artifact,
            k=self.asked.smallest_group,
            seed=self.seed,
            confidence=self.asked.confidence,
        )

    def _inversion(self) -> Sequence[Outcome]:
        from governance.privacy.inversion.black_box import invert

        found = invert(
            self._estimator,
            self.members,
            self.non_members,
            seed=self.seed,
            confidence=self.asked.confidence,
            progress=self.progress("reconstructing classes"),
        )
        return (found,)

    def _extraction(self) -> Sequence[Outcome]:
        from governance.privacy.attacks.model_extraction import extract

        found = extract(
            self._estimator,
            self.non_members,
            seed=self.seed,
            confidence=self.asked.confidence,
            progress=self.progress("copying the model"),
        )
        return (found,)

    def _property(self) -> Sequence[Outcome]:
        from governance.privacy.attacks.property_inference import infer_property

        if self.asked.group is None:
            raise UsageError("no group was named whose share could be told")
        trainer, without = self._trainer()
        if trainer is None:
            raise UsageError(without[0].reason)
        found = infer_property(
            self._estimator,
            self.non_members,
            self.asked.group,
            trainer,
            seed=self.seed,
            confidence=self.asked.confidence,
            target_size=len(self.members.X),
            progress=self.progress("training on other shares"),
        )
        return (found,)


def _text_only() -> Sequence[Outcome]:
    raise UsageError("the model was not assessed as one that writes or scores text")


def _versions() -> tuple[tuple[str, str], ...]:
    from importlib.metadata import version

    return tuple((name, version(name)) for name in LIBRARIES)
