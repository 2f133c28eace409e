"""Measure what a model tells about the people in its training data, with every attack that the data allow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from governance.domain.evidence import Evidence, EvidenceType
from governance.privacy.asked import CLASSES as CLASSES
from governance.privacy.asked import MEMBERSHIP as MEMBERSHIP
from governance.privacy.asked import Asked as Asked
from governance.privacy.measurement import Measurement, NotRun
from governance.privacy.outcome import Outcome
from governance.privacy.records import Data as Data
from governance.privacy.records import as_data

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from governance.privacy.other_attacks import Case, Stages
    from governance.privacy.reading.readings import Task
    from governance.privacy.record_risk import Worst
    from governance.privacy.target import ShadowBudget, Target, Workers
    from governance.privacy.training import Trainer
    from governance.privacy.verdict import Limits

LIBRARIES = ("mlflow-governance", "numpy", "scipy", "scikit-learn", "joblib")


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
    from governance.privacy.other_attacks import Case
    from governance.privacy.pool import make_pool
    from governance.privacy.reading.readings import Task

    asked = asked or Asked()
    asked.check()
    sides = as_data(members, column, name="members"), as_data(non_members, column, name="non_members")
    pool = make_pool(*sides)
    case = Case(model, *sides, pool, None if task is None else Task(task), seed, asked, stages, trainer)
    outcomes, not_run = case.others()
    if not asked.wants(MEMBERSHIP):
        return Assessment(None, outcomes, (*not_run, NotRun(MEMBERSHIP, "not asked for")))
    target, found_trainer, reader, without = _target(case, subjects, limits)
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


def assess_told(
    kind: str,
    members: ArrayLike,
    non_members: ArrayLike,
    *,
    labels: tuple[ArrayLike, ArrayLike] | None = None,
    classes: ArrayLike | None = None,
    asked: Asked | None = None,
) -> Assessment:
    """Attack membership by what a model told of both sides, without the model and the records.

    Args:
        kind: `probabilities`, `logits`, `losses` or `scores`; see `governance.privacy.reading.recorded`.
        members: (n,) or (n, classes), of records that the model was trained on.
        non_members: The same, of records that it never saw.
        labels: True labels of both sides, where there is a column for each class.
        classes: The label of each column.
        asked: At which rates and confidence.

    Raises:
        UsageError: the arrays do not fit the kind or each other.
        Undecided: some are not finite.
    """
    from governance.privacy.membership import measure_told
    from governance.privacy.reading.recorded import from_arrays

    asked = asked or Asked()
    asked.check()
    told, n_members = from_arrays(kind, members, non_members, labels=labels, classes=classes)
    not_run = tuple(NotRun(what, "neither model nor records were given") for what in CLASSES[1:])
    measured = measure_told(
        told,
        n_members,
        fprs=tuple(sorted(asked.fprs)),
        confidence=asked.confidence,
        not_run=not_run,
        versions=_versions(),
    )
    return Assessment(measured, (), not_run)


def _target(
    case: Case, subjects: tuple[ArrayLike, ArrayLike] | None, limits: Limits | None
) -> tuple[Target, Trainer | None, Any, tuple[NotRun, ...]]:
    """What membership attacks look at, who trains shadows, and what cannot run without them."""
    import numpy as np

    from governance.privacy.attacks.subject_level import subjects_of
    from governance.privacy.target import NO_LIMITS, Target, read_target

    told, reader = read_target(case.model, case.pool, case.seed, case.task)
    trainer, without = case.retrainer()
    whose = None
    if subjects is not None:
        keys = np.concatenate([np.asarray(side) for side in subjects])
        whose = subjects_of(keys[case.pool.positions], case.pool.n_members)
    target = Target(
        pool=case.pool,
        told=told,
        seed=case.seed,
        fprs=tuple(sorted(case.asked.fprs)),
        confidence=case.asked.confidence,
        limits=limits or NO_LIMITS,
        attacks=tuple(case.asked.beside),
        columns=tuple(case.asked.slices),
        subjects=whose,
    )
    return target, trainer, reader, without


def _versions() -> tuple[tuple[str, str], ...]:
    from importlib.metadata import version

    return tuple((name, version(name)) for name in LIBRARIES)
