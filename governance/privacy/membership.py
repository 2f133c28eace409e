"""Attacks on membership, put together: shadows, one attack that bears the verdict, controls, slices, records.

The records are attacked in looks, each with more shadows, until a verdict stands (`escalation`). Which
attack bears it follows from the number of shadows alone; all that a look says holds at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError
from governance.privacy import scoring
from governance.privacy.attacks.catalogue import ATTACKS, SUMMED, headline
from governance.privacy.attacks.interface import Attack, Observations, Scores
from governance.privacy.attacks.quantile import Quantile
from governance.privacy.attacks.subject_level import subject_plan, subject_scores
from governance.privacy.binning import histogram
from governance.privacy.controls import AccuracyMatch, BlindBaseline, Controls, blind_baseline
from governance.privacy.escalation import Escalation, Step, escalate
from governance.privacy.measurement import Accuracy, Measurement, NotRun
from governance.privacy.multiplicity import Family, split
from governance.privacy.plan import Plan, pair_plan
from governance.privacy.pool import features
from governance.privacy.reading.readings import Readings, Task, Told
from governance.privacy.record_risk import record_risk
from governance.privacy.shadows import Progress, Shadows, train
from governance.privacy.signals import read
from governance.privacy.slices import (
    Slice,
    Slicing,
    by_column,
    by_correctness,
    by_unusualness,
    measure_slices,
)
from governance.privacy.target import LABEL_QUERIES, NO_LIMITS, ShadowBudget, Target, Workers
from governance.privacy.training import Trainer
from governance.privacy.twins import (
    Choice,
    Twin,
    halve,
    negative_control,
    overfitted,
    own_kind,
    positive_control,
)
from governance.privacy.verdict import Leakage, Limits, Verdict, judge, overall, resolved

FEWEST_FOR_QUANTILE = 500
"""Non-members from which the quantile attack learns something."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One look."""

    scores: Scores
    verdicts: dict[str, Verdict]
    controls: Controls
    slices: tuple[Slice, ...]
    shadows: Shadows | None
    limits: Limits
    members: int
    """How many of the scores are members'."""

    @property
    def leakage(self) -> Leakage:
        """The verdict of all attacks together."""
        return overall(self.verdicts)

    @property
    def below_limits(self) -> bool:
        """Whether every upper end of every attack lies below its limit."""
        return all(verdict.below(self.limits) for verdict in self.verdicts.values())


def measure(
    target: Target,
    trainer: Trainer | None,
    *,
    clock: Callable[[], float],
    reader: Callable[..., Readings] = read,
    budget: ShadowBudget | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
    not_run: Sequence[NotRun] = (),
    versions: tuple[tuple[str, str], ...] = (),
) -> tuple[Measurement, Scores]:
    """Attack, in as many looks as the verdict needs and the budget pays for.

    Args:
        target: Records, answers, and what is asked of them.
        trainer: Trains a model of the target's kind; None for attacks without shadows, in one look.
        clock: Seconds from any start.
        reader: Asks one shadow, as the target was asked.
        budget: For shadows.
        workers: That train them.
        progress: Called after each shadow with (finished, all of this look).
        not_run: What the evidence is to name as not tried.
        versions: Of the libraries that do it.

    Returns:
        The measurement, and the score of each record or subject, which stays on this machine.
    """
    budget, workers = budget or ShadowBudget(), workers or Workers()
    ground = _Ground.of(target)
    trained: list[Shadows] = []

    def attempt(shadows: int, level: float) -> Seen:
        if trainer is None:
            return _look(target, ground, None, level)
        plan = _plan(target, shadows)
        found = train(
            plan,
            target.pool.X,
            target.pool.y,
            trainer,
            n_jobs=workers.n_jobs,
            backend=workers.backend,
            address=workers.address,
            cache=workers.cache,
            before=trained[-1] if trained else None,
            progress=progress,
            reader=reader,
        )
        _refuse_untrained(target, found)
        trained.append(found)
        return _look(target, ground, found, level)

    steps = budget.steps() if trainer is not None else (Step(0, 1.0),)
    escalation = escalate(attempt, steps, target.confidence, clock=clock, seconds=budget.seconds)
    unit = "record" if target.subjects is None else "subject"
    found = _Found(escalation, target.told, target.fprs, target.confidence, target.seed, unit)
    return found.measurement(target.pool.n_members, tuple(not_run), versions)


def measure_told(
    told: Readings,
    n_members: int,
    *,
    fprs: Sequence[float] = (0.001, 0.01),
    confidence: float = 0.95,
    not_run: Sequence[NotRun] = (),
    versions: tuple[tuple[str, str], ...] = (),
) -> Measurement:
    """Attack what a model told, members first, where neither the model nor the records are at hand.

    It can show a leak, never its absence; and as nothing can be asked without the model, a difference
    between the two sides themselves looks like a leak. The controls that it lacks are named.
    """
    observed = Observations(told.likelihood())
    found = headline(observed).score(observed)
    found = replace(found, threat_model=replace(found.threat_model, access=told.told.value))
    sides = found.values[:n_members], found.values[n_members:]
    controls = Controls(
        None, None, None, None, None, n_members / len(found.values), 0, "neither model nor records were given"
    )
    verdicts = judge({found.attack: sides}, fprs, confidence, able={})
    seen = Seen(found, verdicts, controls, (), None, NO_LIMITS, n_members)
    escalation = escalate(lambda *_: seen, (Step(0, 1.0),), confidence, clock=lambda: 0.0)
    asked = _Found(escalation, told, tuple(fprs), confidence, 0, "record")
    return asked.measurement(n_members, tuple(not_run), versions)[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What every look shares, because it does not depend on shadows."""

    blind: BlindBaseline
    slicings: tuple[Slicing, ...]
    table: NDArray[np.float32]
    half: NDArray[np.bool_]
    twin: NDArray[np.float64]
    """(n,) what an over-fitted model tells that was trained on `half`."""

    @staticmethod
    def of(target: Target) -> _Ground:
        table, seed = features(target.pool), target.seed
        half = halve(len(target.pool.y), seed, target.subjects)
        classes = target.told.task is Task.CLASSES
        return _Ground(
            blind_baseline(target.pool, seed, target.confidence, subjects=target.subjects),
            () if target.subjects is not None else _slicings(target, table),
            table,
            half,
            overfitted(table[:, :-1], target.pool.y, half, seed, classes=classes),
        )


def _slicings(target: Target, table: NDArray[np.float32]) -> tuple[Slicing, ...]:
    pool, found = target.pool, []
    if target.told.task is Task.CLASSES:
        found.append(by_column("class", pool.y, pool.n_members, categorical=True))
    if target.told.correct is not None:
        found.append(by_correctness(target.told.correct))
    for name in target.columns:
        if not hasattr(pool.X, "columns") or name not in pool.X.columns:
            raise UsageError(
                f"There is no column {name!r} to slice by",
                f"Name one of: {', '.join(map(str, getattr(pool.X, 'columns', ())))}",
            )
        found.append(by_column(str(name), pool.X[name].to_numpy(), pool.n_members))
    return (*found, by_unusualness(table, target.seed))


def _plan(target: Target, shadows: int) -> Plan:
    if target.subjects is not None:
        return subject_plan(target.subjects, shadows, target.seed)
    return pair_plan(_strata(target), shadows, target.seed)


def _strata(target: Target) -> NDArray[Any]:
    """What halves are balanced by: the label, and nothing for numbers, of which each is its own class."""
    return target.pool.y if target.told.task is Task.CLASSES else np.zeros(len(target.pool.y), dtype=np.intp)


def _look(target: Target, ground: _Ground, shadows: Shadows | None, level: float) -> Seen:
    inside = None if shadows is None else shadows.plan.inside
    observed = Observations(target.signal, None if shadows is None else shadows.signals, inside)
    whole, each = split(level, slices=bool(ground.slicings))
    controls = _controls(target, ground, observed, shadows)
    chosen, *others = _attacks(target, ground, observed)
    scores = [_scored(target, attack, observed) for attack in (chosen, *others)]
    verdicts = judge(
        {one.attack: target.sides(one.values) for one in scores},
        target.fprs,
        whole,
        able={
            one.attack: controls.matched and _able(target, ground, observed, attack)
            for one, attack in zip(scores, (chosen, *others), strict=True)
        },
        shift_found=controls.shift_found,
    )
    slices = measure_slices(
        scores[0].values,
        target.pool.n_members,
        ground.slicings,
        target.fprs,
        each,
        shift_found=controls.shift_found,
    )
    n_members = len(target.sides(scores[0].values)[0])
    return Seen(scores[0], verdicts, controls, slices, shadows, target.limits, n_members)


def _attacks(target: Target, ground: _Ground, observed: Observations) -> tuple[Attack, ...]:
    """The one that bears the verdict, then those judged beside it."""
    chosen = _chosen(target, observed)
    wanted = [ATTACKS[name] for name in target.attacks if name != chosen.name]
    beside: list[Attack] = [one for one in wanted if observed.shadows is not None or not one.needs_shadows]
    if observed.shadows is None and target.pool.n_non_members >= FEWEST_FOR_QUANTILE:
        outside = np.arange(len(target.pool.y)) >= target.pool.n_members
        beside.append(Quantile(ground.table, outside, target.seed))
    return (chosen, *beside)


def _chosen(target: Target, observed: Observations) -> Attack:
    return headline(observed) if target.subjects is None or observed.shadows is None else SUMMED


def _scored(target: Target, attack: Attack, observed: Observations) -> Scores:
    found = attack.score(observed)
    queries = LABEL_QUERIES if target.told.told is Told.LABELS else found.threat_model.queries
    threat_model = replace(found.threat_model, access=target.told.told.value, queries=queries)
    found = replace(found, threat_model=threat_model)
    return found if target.subjects is None else subject_scores(found, target.subjects)


def _controls(target: Target, ground: _Ground, observed: Observations, shadows: Shadows | None) -> Controls:
    pool, told = target.pool, target.told
    plain = Controls(
        ground.blind, None, None, None, None, pool.n_members / len(pool.y), repeated_records=pool.repeated
    )
    if shadows is None:
        return plain
    match = None
    if told.correct is not None:
        outside = float(pool.split(told.correct)[1].mean())
        match = AccuracyMatch(outside, shadows.accuracy, pool.n_non_members)
    fprs, confidence, subjects = target.fprs, target.confidence, target.subjects
    choose = partial(_chosen, target)
    return replace(
        plain,
        negative=negative_control(
            observed, pool.n_members, fprs, confidence, choose=choose, subjects=subjects
        ),
        positive=_positive(target, ground, observed, choose),
        own_kind=own_kind(observed, fprs, confidence, choose=choose, subjects=subjects),
        accuracy=match,
    )


def _positive(target: Target, ground: _Ground, observed: Observations, choose: Choice) -> Twin:
    fprs, confidence, subjects = target.fprs, target.confidence, target.subjects
    twin, half = ground.twin, ground.half
    return positive_control(observed, twin, half, fprs, confidence, choose=choose, subjects=subjects)


def _able(target: Target, ground: _Ground, observed: Observations, attack: Attack) -> bool:
    """Whether an attack's silence may mean something: it uses shadows, and finds a leak that is planted."""
    if observed.shadows is None or not attack.needs_shadows:
        return False
    return _positive(target, ground, observed, lambda _: attack).shown


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Everything that a measurement is made of."""

    escalation: Escalation[Seen]
    told: Readings
    fprs: tuple[float, ...]
    confidence: float
    seed: int
    unit: str

    def measurement(
        self, n_members: int, not_run: tuple[NotRun, ...], versions: tuple[tuple[str, str], ...]
    ) -> tuple[Measurement, Scores]:
        """The measurement, of so many member records, and the scores that it is of."""
        seen, values = self.escalation.last.found, self.escalation.last.found.scores.values
        inside, outside = values[: seen.members], values[seen.members :]
        right = self.told.correct
        sides = (None, None) if right is None else (right[:n_members], right[n_members:])
        family = Family(
            attacks=len(seen.verdicts),
            statistics=1 + len(resolved(len(outside), self.fprs)),
            slices=len(seen.slices),
            looks=len(self.escalation.planned),
            alpha=(1 - self.confidence) / 2,
        )
        measured = Measurement(
            attack=seen.scores.attack,
            threat_model=seen.scores.threat_model,
            unit=self.unit,
            shadows=0 if seen.shadows is None else len(seen.shadows.signals),
            how="" if seen.shadows is None else seen.shadows.how,
            n_members=len(inside),
            n_non_members=len(outside),
            confidence=self.confidence,
            verdicts=seen.verdicts,
            roc=scoring.curve(inside, outside, self.confidence),
            histogram=histogram(inside, outside),
            accuracy=Accuracy(*(None if side is None else float(side.mean()) for side in sides)),
            controls=seen.controls,
            slices=seen.slices,
            records=record_risk(inside, outside),
            family=family,
            looks=self.escalation.body(),
            not_run=not_run,
            seed=self.seed,
            versions=versions,
        )
        return measured, seen.scores


def _refuse_untrained(target: Target, shadows: Shadows) -> None:
    """A trainer that hands the target back would tie all scores, which looks like no leak."""
    own = target.signal.astype(shadows.signals.dtype)
    if len(np.unique(own)) <= len(np.unique(target.pool.y)):
        # A model that says the same of everybody may well be equalled by its shadows.
        return
    if any((one == own).all() for one in shadows.signals):
        raise UsageError(
            "A shadow model is identical to the model assessed: the trainer did not train it anew",
            "Pass trainer=, a function (X, y, seed) that fits a new model on exactly these records.",
        )
