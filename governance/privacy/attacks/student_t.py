"""Student-t attacks: LiRA with the spread of each record learned, not trusted (normal–inverse-gamma prior).

A record's variance has an inverse-gamma prior with ν₀ = 4 and the pooled within-record variance σ² as its
scale; its mean has a flat one. Then n signals with mean m and squares SS predict a Student-t with
ν = ν₀ + n − 1 and scale² = (ν₀σ² + SS)/ν · (1 + 1/n) (conjugate normal model; BaVarIA, arXiv:2603.11799).
With few shadows that is LiRA with pooled variance, with many LiRA with each record's own.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, stdtr

from governance.privacy.attacks.interface import Observations, Scores
from governance.privacy.attacks.worlds import LEAST_VARIANCE, OFFLINE, ONLINE, Floats, World, worlds

PRIOR = 4.0
"""ν₀: how many shadows the prior is worth."""


class StudentTOnline:
    """ln t_ν(φ; IN) − ln t_ν(φ; OUT)."""

    name = "student-t-online"
    needs_shadows = True
    threat_model = ONLINE

    def score(self, observed: Observations) -> Scores:
        """Score every record.

        Raises:
            UsageError: there are no shadows, or a record is in none or in all of them.
        """
        return Scores(log_ratio(*worlds(observed, self.name)), self.name, self.threat_model)


class StudentTOffline:
    """T_ν's distribution function at φ, given as ln T/(1 − T): the same order, no ties at either end."""

    name = "student-t-offline"
    needs_shadows = True
    threat_model = OFFLINE

    def score(self, observed: Observations) -> Scores:
        """Score every record; shadows trained on it are not looked at.

        Raises:
            UsageError: there are no shadows, or a record is in all of them.
        """
        _, outside = worlds(observed, self.name, online=False)
        # With one shadow a record, half of the gap to the target, most of whose like is no member's.
        alone = float(np.square(1.4826 * np.median(np.abs(outside.mean)))) / 2
        freedom, scale = _predicted(outside, outside.variance or max(alone, LEAST_VARIANCE))
        z = -outside.mean / scale
        values = np.log(stdtr(freedom, z)) - np.log(stdtr(freedom, -z))
        return Scores(np.asarray(values, dtype=np.float64), self.name, self.threat_model)


def log_ratio(inside: World, outside: World) -> Floats:
    """(n,) the log-likelihood ratio of the target's signal between the two worlds."""
    # With one shadow a world, what lies between the worlds bounds the spread within: then it is LiRA.
    between = max(float(np.square(inside.mean - outside.mean).mean()) / 2, LEAST_VARIANCE)
    pooled = inside.variance or outside.variance or between, outside.variance or inside.variance or between
    return _density(inside, pooled[0]) - _density(outside, pooled[1])


def _predicted(world: World, pooled: float) -> tuple[Floats, Floats]:
    """(n,) degrees of freedom and scale of the next model's signal."""
    freedom = PRIOR + world.count - 1
    squares = (PRIOR * pooled + world.squares) / freedom
    scale = np.sqrt(squares * (1 + 1 / world.count))
    return np.asarray(freedom, np.float64), np.asarray(scale, np.float64)


def _density(world: World, pooled: float) -> Floats:
    """(n,) ln t at the target's signal, which is the origin."""
    freedom, scale = _predicted(world, pooled)
    constant = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - 0.5 * np.log(np.pi * freedom)
    tail = (freedom + 1) / 2 * np.log1p(np.square(world.mean / scale) / freedom)
    return np.asarray(constant - np.log(scale) - tail, dtype=np.float64)
