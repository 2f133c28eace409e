"""LiRA (Carlini et al., arXiv:2112.03570): the target's log-odds under two normals, IN and OUT.

Below 32 shadows one variance a world is pooled over all records, each centred by itself; from 32 on each
record has its own. (The reference code mixes the two worlds up, pools without centring, and offline uses
a density where the paper has a tail; none of that is repeated here.)
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from governance.privacy.attacks.interface import Observations, Scores
from governance.privacy.attacks.worlds import OFFLINE, ONLINE, Floats, World, worlds

PER_RECORD = 32
"""From so many shadows on a record's own variance is better than the pooled one."""

LEAST_SHARE = 1e-3
"""Of the pooled variance that a record's own must have: forests may agree on a record by chance."""


class LiraOnline:
    """Λ = ln N(φ; μ_IN, σ_IN²) − ln N(φ; μ_OUT, σ_OUT²) (algorithm 1)."""

    name = "lira-online"
    needs_shadows = True
    threat_model = ONLINE

    def score(self, observed: Observations) -> Scores:
        """Score every record.

        Raises:
            UsageError: there are no shadows, or a record is in none or in all of them.
        """
        inside, outside = worlds(observed, self.name)
        # With one shadow a world there is no spread to measure; any common one gives the same ranking.
        pooled = inside.variance or outside.variance or 1.0, outside.variance or inside.variance or 1.0
        densities = [
            -0.5 * (np.square(world.mean) / variance + np.log(variance))
            for world, variance in zip(
                (inside, outside), map(_variance, (inside, outside), pooled), strict=True
            )
        ]
        return Scores(densities[0] - densities[1], self.name, self.threat_model)


class LiraOffline:
    """Λ = Pr[N(μ_OUT, σ_OUT²) ≤ φ] (§V.E), given as ln Λ/(1 − Λ): the same order, no ties at the top."""

    name = "lira-offline"
    needs_shadows = True
    threat_model = OFFLINE

    def score(self, observed: Observations) -> Scores:
        """Score every record; shadows trained on it are not looked at.

        Raises:
            UsageError: there are no shadows, or a record is in all of them.
        """
        _, outside = worlds(observed, self.name, online=False)
        z = -outside.mean / np.sqrt(_variance(outside, outside.variance or 1.0))
        return Scores(np.asarray(log_ndtr(z) - log_ndtr(-z)), self.name, self.threat_model)


def _variance(world: World, pooled: float) -> Floats:
    """(n,) σ²; a world has half of the shadows."""
    own = np.maximum(world.squares / np.maximum(world.count - 1, 1), LEAST_SHARE * pooled)
    return np.where(world.count >= PER_RECORD // 2, own, pooled)
