"""RMIA (Zarifzadeh et al., arXiv:2312.03262): a record's ratio among those of a population of non-members.

Score(x) = Pr_z[LR(x, z) > γ] with LR(x, z) = r(x) / r(z) and r = p_θ / p, the ratio of `log_ratio`. For one
target that is a step function of r(x): it ranks as r does, with ties where r lies above the whole
population. So records are ranked by r (`log_ratio`), their p-values come from `record_risk`, and RMIA is
here for comparison. |X| + |Z| numbers are sorted; the |X| × |Z| matrix of the definition is never made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations, Scores, ThreatModel
from governance.privacy.attacks.log_ratio import offline, online, tuned
from governance.privacy.attacks.worlds import OFFLINE, ONLINE, likelihoods


def rmia_scores(ratios: ArrayLike, population: ArrayLike, gamma: float = 1.0) -> NDArray[np.float64]:
    """(n,) share of the population that each record's ratio exceeds more than γ times.

    Args:
        ratios: (n,) r(x) > 0.
        population: (m,) r(z) > 0 of records that are not members.
        gamma: At least 1 in the paper.
    """
    x, z = np.asarray(ratios), np.sort(np.asarray(population))
    if x.ndim != 1 or z.ndim != 1 or not len(z) or not gamma > 0:
        raise UsageError("RMIA needs two lists of ratios, the second not empty, and a γ above 0")
    # r(x)/r(z) > γ exactly where r(z) < r(x)/γ. Looked up in order, neighbours in the population are near.
    order = np.argsort(x)
    scores = np.empty(len(x))
    scores[order] = np.searchsorted(z, x[order] / gamma, side="left") / len(z)
    return scores


@dataclass(frozen=True, eq=False)
class Rmia:
    """RMIA's own score, from a population that the attacker brings along."""

    needs_shadows: ClassVar[bool] = True

    population: Observations
    """The population's signals under the target and the same shadows; none of it is a member."""
    gamma: float = 1.0
    trained_on: bool = True
    """Online, with shadows trained on the attacked records; otherwise offline."""
    a: float | None = None
    """As for `log_ratio.LogRatioOffline`."""

    @property
    def name(self) -> str:
        """The attack's name."""
        return "rmia-online" if self.trained_on else "rmia-offline"

    @property
    def threat_model(self) -> ThreatModel:
        """Who could run it: whoever could run the log-ratio attack."""
        return ONLINE if self.trained_on else OFFLINE

    def score(self, observed: Observations) -> Scores:
        """Score every record.

        Raises:
            UsageError: there are no shadows, or a record is in none or in all of them.
        """
        a = tuned(observed) if self.a is None else self.a
        seen, unseen = likelihoods(observed, self.name, online=self.trained_on)
        ratio = online(seen, unseen) if self.trained_on else offline(observed.target, unseen, a)
        # The population is OUT everywhere. Its scale matters little: it only sets where the steps lie.
        _, reference = likelihoods(self.population, self.name, online=False)
        population = offline(self.population.target, reference, a)
        values = rmia_scores(np.exp(ratio), np.exp(population), self.gamma)
        return Scores(values, self.name, self.threat_model)
