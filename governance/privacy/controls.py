"""Whether a measurement means anything: checks on the records and the shadows, not on the target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance.privacy.attacks.subject_level import Subjects
from governance.privacy.exact import rank_p_value
from governance.privacy.pool import Pool, features
from governance.privacy.scoring import Interval, auc, chernoff_bounds
from governance.privacy.twins import Twin

ACCURACY_TOLERANCE = 0.05
"""How far shadows and target may be apart beyond the error of measuring, as a share of records."""


@dataclass(frozen=True, slots=True)
class BlindBaseline:
    """How well members and non-members are told apart without the target model."""

    auc: Interval
    p_value: float
    """Of "both sides are alike": the exact rank tests of the two halves, with Bonferroni."""
    confidence: float

    @property
    def passed(self) -> bool:
        """Whether no difference was found; with one, no attack's result means anything."""
        return self.p_value > (1 - self.confidence) / 2


@dataclass(frozen=True, slots=True)
class AccuracyMatch:
    """Accuracy of the target and of the shadows, each on records that it was not trained on."""

    target: float
    shadows: float
    n: int
    """Records behind the smaller of the two."""

    @property
    def passed(self) -> bool:
        """Whether the shadows are models of the target's kind, as far as accuracy tells."""
        error = 2 * math.sqrt(self.target * (1 - self.target) / self.n)
        return abs(self.target - self.shadows) <= ACCURACY_TOLERANCE + error


def blind_baseline(
    pool: Pool, seed: int, confidence: float = 0.95, *, subjects: Subjects | None = None
) -> BlindBaseline:
    """Cross-fit a forest that guesses membership from (X, y) alone, in two halves.

    Each half is scored by the forest grown on the other; the point is the mean of the two AUCs. The
    halves share a convex bound: by Cauchy–Schwarz the mean of two dependent averages of k terms
    concentrates at least like one average of k terms, so the interval of half a pool holds for it.
    Given the other half and all features, who is a member in one half is pure chance if the sides are
    alike; so each half has an exact test of its own. With subjects, whole subjects are halved and
    scored: a forest that knew one record of a person would know the next.
    """
    from sklearn.ensemble import RandomForestClassifier

    table, is_member = features(pool), np.arange(len(pool.y)) < pool.n_members
    unit = np.arange(len(pool.y)) if subjects is None else subjects.of_record
    n, n_inside = (len(pool.y), pool.n_members) if subjects is None else (subjects.n, subjects.n_members)
    inside = np.arange(n) < n_inside
    chance, *growing = np.random.SeedSequence(seed).spawn(3)
    random = np.random.default_rng(chance)
    half = np.zeros(n, dtype=np.bool_)
    for side in (np.flatnonzero(inside), np.flatnonzero(~inside)):
        half[random.permutation(side)[: len(side) // 2]] = True
    points, tests = [], []
    for chosen, sequence in zip((half, ~half), growing, strict=True):
        grown, state = chosen[unit], int(sequence.generate_state(1)[0])
        forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=10, random_state=state).fit(
            table[grown], is_member[grown]
        )
        told = forest.predict_proba(table[~grown])[:, 1]
        total = np.bincount(unit[~grown], weights=told, minlength=n)
        score = total / np.maximum(np.bincount(unit[~grown], minlength=n), 1)
        sides = score[inside & ~chosen], score[~inside & ~chosen]
        points.append(auc(*sides).point)
        tests.append(rank_p_value(*sides))
    point = float(np.mean(points))
    k = min(n_inside, n - n_inside) // 2
    interval = Interval(point, *chernoff_bounds(point, k, confidence))
    return BlindBaseline(interval, min(1.0, 2 * min(tests)), confidence)


def inflation(pool_fraction: float) -> float:
    """1/√(1 − f): by about this factor d′ is overstated when a share f of the pool are members.

    The rest of a small pool varies less from training to training than the population does
    (arXiv:2605.25819); a pool much larger than the training set brings it to 1.
    """
    return 1 / math.sqrt(1 - pool_fraction)


@dataclass(frozen=True, slots=True)
class Controls:
    """Every check of the measurement itself, and those that it lacks."""

    blind: BlindBaseline | None
    negative: Twin | None
    positive: Twin | None
    own_kind: Twin | None
    accuracy: AccuracyMatch | None
    pool_fraction: float
    repeated_records: int
    reason: str = "no shadow models were trained"
    """Why a control that is None did not run."""

    @property
    def shift_found(self) -> bool:
        """Whether members and non-members differ without the target: then nothing can be concluded."""
        shifted = self.blind is not None and not self.blind.passed
        return shifted or (self.negative is not None and self.negative.shown)

    @property
    def matched(self) -> bool:
        """Whether there are shadows, and they are of the target's kind."""
        return self.accuracy is not None and self.accuracy.passed

    @property
    def capable(self) -> bool:
        """Whether silence may mean something: shadows match the target, and a planted leak was found."""
        return self.matched and self.positive is not None and self.positive.shown

    @property
    def lacking(self) -> tuple[str, ...]:
        """The controls that did not run."""
        controls = {
            "blind_baseline": self.blind,
            "negative_control": self.negative,
            "positive_control": self.positive,
            "own_kind": self.own_kind,
            "shadow_accuracy": self.accuracy,
        }
        return tuple(name for name, control in controls.items() if control is None)

    def body(self) -> dict[str, Any]:
        """For the evidence."""
        body: dict[str, Any] = {
            # More than none is refused before anything is measured.
            "duplicates": 0,
            "repeated_records": self.repeated_records,
            "pool_fraction": self.pool_fraction,
            "inflation": inflation(self.pool_fraction),
            "lacking": [{"control": name, "reason": self.reason} for name in self.lacking],
        }
        if self.blind is not None:
            interval = self.blind.auc
            body["blind_baseline"] = {
                "auc": interval.point,
                "low": interval.low,
                "high": interval.high,
                "p_value": self.blind.p_value,
                "passed": self.blind.passed,
            }
        if self.negative is not None:
            body["negative_control"] = _twin(self.negative) | {"passed": not self.negative.shown}
        if self.positive is not None:
            body["positive_control"] = _twin(self.positive) | {"passed": self.positive.shown}
        if self.own_kind is not None:
            body["own_kind"] = _twin(self.own_kind)
        if self.accuracy is not None:
            body["shadow_accuracy"] = {
                "target": self.accuracy.target,
                "shadows": self.accuracy.shadows,
                "passed": self.accuracy.passed,
            }
        return body


def _twin(twin: Twin) -> dict[str, Any]:
    interval = {"auc": twin.auc.point, "low": twin.auc.low, "high": twin.auc.high}
    return {"attack": twin.attack, **interval, "p_value": twin.p_value}
