"""Worlds in which a real target was trained on neither members nor non-members, attacked end to end."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from benchmarks.null_worlds import CONFIDENCE, FPR, ONE_SIDED, SILENT, Errors, Study
from governance.privacy import controls, escalation, pool, slices, twins, verdict
from governance.privacy.attacks import label_only, subject_level
from governance.privacy.attacks.catalogue import ATTACKS, headline
from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.quantile import Quantile
from governance.privacy.attacks.rmia import Rmia
from governance.privacy.plan import pair_plan
from governance.privacy.signals import read

SIDE = 200
"""Records on each side, and in the target's own training set."""

BLIND = "blind baseline fails"
NEGATIVE = "negative control fails"
POSITIVE = "positive control finds nothing"
ANY = "leak shown, any of these attacks"
SLICES = "leak shown, any slice by class, correctness, outlier decile"
ESCALATED = "leak shown at any look, 2 to 4 to 8 shadows"

PERSONS = "leak shown, persons as a whole"

OTHERS = ("quantile", "rmia-online", "label-gap", "label-boundary")


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A pool that the target never saw, the target, and a way to train shadows on it."""

    records: pool.Pool
    target: Any
    make: Callable[[int], Any]
    extra: pool.Pool
    """Records outside the pool, for attacks that bring a population."""

    def observe(self, shadows: int, seed: int) -> tuple[Observations, Observations]:
        """What the attacks see of the pool, and of the population."""
        X, y = self.records.X, self.records.y
        plan = pair_plan(y, shadows, seed)
        trained = [
            self.make(one).fit(X[inside], y[inside])
            for one, inside in zip(plan.seeds, plan.inside, strict=True)
        ]
        models = [self.target, *trained]
        signals = [
            [read(model, part.X, part.y).likelihood() for model in models]
            for part in (self.records, self.extra)
        ]
        outside = np.zeros((shadows, len(self.extra.y)), dtype=np.bool_)
        return (
            Observations(signals[0][0], np.stack(signals[0][1:]), plan.inside),
            Observations(signals[1][0], np.stack(signals[1][1:]), outside),
        )


def draw(random: np.random.Generator, make: Callable[[int], Any]) -> World:
    """Five normal columns, one of them behind the label, half of it noise."""
    X = random.normal(size=(4 * SIDE, 5))
    y = (X[:, 0] + random.normal(size=len(X)) > 0).astype(np.int64)
    numbers: list[NDArray[Any]] = [np.arange(i * SIDE, (i + 1) * SIDE) for i in range(4)]
    members, non_members, own, extra = numbers
    kept = np.concatenate([members, non_members])
    target = make(int(random.integers(1 << 31))).fit(X[own], y[own])
    return World(
        pool.Pool(X[kept], y[kept], SIDE, 0, kept), target, make, pool.Pool(X[extra], y[extra], 0, 0, extra)
    )


def every_attack(make: Callable[[int], Any]) -> Callable[[np.random.Generator], Errors]:
    """Each attack that there is, by itself and all together, at four shadows."""

    def one(random: np.random.Generator) -> Errors:
        world, seed = draw(random, make), int(random.integers(1 << 31))
        observed, population = world.observe(4, seed)
        X, y = world.records.X, world.records.y
        found = [attack.score(observed) for attack in ATTACKS.values()]
        quantile = Quantile(pool.features(world.records), np.arange(2 * SIDE) >= SIDE, seed)
        found += [quantile.score(observed), Rmia(population).score(observed)]
        found += [
            label_only.gap(world.target.predict, X, y),
            label_only.boundary(world.target.predict, X, y, seed=seed, queries=10),
        ]
        sides = {one.attack: world.records.split(one.values) for one in found}
        alone = {name: verdict.leak_shown(*side, (FPR,), CONFIDENCE) for name, side in sides.items()}
        judged = verdict.judge(sides, (FPR,), CONFIDENCE, able={})
        return {f"leak shown by {name}": shown for name, shown in alone.items()} | {
            ANY: verdict.overall(judged) is verdict.Leakage.SHOWN
        }

    return one


@dataclass(frozen=True, slots=True)
class Found:
    """One look."""

    leakage: verdict.Leakage
    below_limits: bool = False


def escalated(make: Callable[[int], Any]) -> Callable[[np.random.Generator], Errors]:
    """The headline attack with 2, 4 and 8 shadows, until a look shows a leak."""
    steps = escalation.plan_looks(8, (2, 4, 8))

    def one(random: np.random.Generator) -> Errors:
        world, seed = draw(random, make), int(random.integers(1 << 31))

        def attempt(shadows: int, confidence: float) -> Found:
            observed, _ = world.observe(shadows, seed)
            scores = headline(observed).score(observed)
            sides = {"headline": world.records.split(scores.values)}
            return Found(verdict.judge(sides, (FPR,), confidence, able={})["headline"].leakage)

        result = escalation.escalate(attempt, steps, CONFIDENCE, clock=itertools.count().__next__)
        return {ESCALATED: result.last.found.leakage is verdict.Leakage.SHOWN}

    return one


def controlled(make: Callable[[int], Any]) -> Callable[[np.random.Generator], Errors]:
    """The controls, which must not void an honest split, and slices."""

    def one(random: np.random.Generator) -> Errors:
        world, seed = draw(random, make), int(random.integers(1 << 31))
        observed, _ = world.observe(4, seed)
        scores = headline(observed).score(observed).values
        y, table = world.records.y, pool.features(world.records)
        cut = [
            slices.by_column("class", y, SIDE),
            slices.by_correctness(world.target.predict(world.records.X) == y),
            slices.by_unusualness(table, seed),
        ]
        found = slices.measure_slices(scores, SIDE, cut, (FPR,), CONFIDENCE)
        half = twins.halve(len(y), seed)
        grown = twins.overfitted(table[:, :-1], y, half, seed, classes=True)
        return {
            BLIND: not controls.blind_baseline(world.records, seed, CONFIDENCE).passed,
            NEGATIVE: twins.negative_control(observed, SIDE, (FPR,), CONFIDENCE).shown,
            POSITIVE: not twins.positive_control(observed, grown, half, (FPR,), CONFIDENCE).shown,
            SLICES: any(part.leakage is verdict.Leakage.SHOWN for part in found),
        }

    return one


def persons(random: np.random.Generator) -> Errors:
    """Four records a person, much alike; the split is by person, and so is the question."""
    each, people = 4, SIDE // 2
    traits = np.repeat(random.normal(size=(3 * people, 5)), each, axis=0)
    X = traits + 0.2 * random.normal(size=traits.shape)
    y = (traits[:, 0] + np.repeat(random.normal(size=3 * people), each) > 0).astype(np.int64)
    n = 2 * people * each
    target = forest(int(random.integers(1 << 31))).fit(X[n:], y[n:])
    subjects = subject_level.subjects_of(np.repeat(np.arange(2 * people), each), n // 2)
    plan = subject_level.subject_plan(subjects, 2, int(random.integers(1 << 31)))
    trained = [
        forest(one).fit(X[:n][inside], y[:n][inside])
        for one, inside in zip(plan.seeds, plan.inside, strict=True)
    ]
    signals = [read(model, X[:n], y[:n]).likelihood() for model in (target, *trained)]
    observed = Observations(signals[0], np.stack(signals[1:]), plan.inside)
    scores = headline(observed).score(observed)
    values = subject_level.subject_scores(scores, subjects).values
    return {PERSONS: verdict.leak_shown(values[:people], values[people:], (FPR,), CONFIDENCE)}


def tree(seed: int) -> Any:
    """Memorises: every leaf is pure."""
    return DecisionTreeClassifier(max_features=2, random_state=seed)


def forest(seed: int) -> Any:
    """Memorises, with some doubt."""
    return RandomForestClassifier(n_estimators=10, random_state=seed)


def logistic(seed: int) -> Any:
    """Does not memorise."""
    return LogisticRegression(random_state=seed)


_CONTROLS = {BLIND: ONE_SIDED, NEGATIVE: ONE_SIDED, POSITIVE: SILENT, SLICES: ONE_SIDED}
_EVERY = {f"leak shown by {name}": ONE_SIDED for name in (*ATTACKS, *OTHERS)} | {ANY: ONE_SIDED}

MODEL_STUDIES = (
    Study("untrained forest of 10 trees", _EVERY, every_attack(forest)),
    Study("untrained logistic regression", {ESCALATED: ONE_SIDED}, escalated(logistic)),
    Study("untrained decision tree", {ESCALATED: ONE_SIDED}, escalated(tree)),
    Study("untrained forest, four records a person", {PERSONS: ONE_SIDED}, persons),
    Study("untrained forest of 10 trees, controls", _CONTROLS, controlled(forest)),
)
