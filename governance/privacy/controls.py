"""Whether a measurement means anything: checks on the records and the shadows, not on the target."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from governance.privacy.pool import Pool, features
from governance.privacy.scoring import Interval, auc, mean_bounds

ACCURACY_TOLERANCE = 0.05
"""How far shadows and target may be apart beyond the error of measuring, as a share of records."""


@dataclass(frozen=True, slots=True)
class BlindBaseline:
    """How well members and non-members are told apart without the target model."""

    auc: Interval

    @property
    def passed(self) -> bool:
        """Whether no difference was found; with one, no attack's result means anything."""
        return self.auc.low <= 0.5


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


def blind_baseline(pool: Pool, seed: int, confidence: float = 0.95) -> BlindBaseline:
    """Cross-fit a forest that guesses membership from (X, y) alone, in two halves.

    Each half is scored by the forest grown on the other; the point is the mean of the two AUCs. The
    halves share a convex bound: by Cauchy–Schwarz the mean of two dependent averages of k terms
    concentrates at least like one average of k terms, so the interval of half a pool holds for it.
    """
    from sklearn.ensemble import RandomForestClassifier

    table, is_member = features(pool), np.arange(len(pool.y)) < pool.n_members
    split, *growing = np.random.SeedSequence(seed).spawn(3)
    random = np.random.default_rng(split)
    half = np.zeros(len(table), dtype=np.bool_)
    for side in (np.flatnonzero(is_member), np.flatnonzero(~is_member)):
        half[random.permutation(side)[: len(side) // 2]] = True
    points = []
    for grown, sequence in zip((half, ~half), growing, strict=True):
        forest = RandomForestClassifier(
            n_estimators=100, min_samples_leaf=10, random_state=int(sequence.generate_state(1)[0])
        ).fit(table[grown], is_member[grown])
        score = forest.predict_proba(table[~grown])[:, 1]
        points.append(auc(score[is_member[~grown]], score[~is_member[~grown]]).point)
    point = float(np.mean(points))
    k = min(pool.n_members, pool.n_non_members) // 2
    return BlindBaseline(Interval(point, *mean_bounds(point, k, confidence)))
