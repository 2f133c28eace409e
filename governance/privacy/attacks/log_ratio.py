"""The online log-ratio attack: how much surer the target is of a record than models of its kind are.

S(x) = ln p_θ(x) − ln mean_k p_k(x), the mean over shadows of which exactly half were trained on x
(BASE, arXiv:2505.24089, with the online estimate of p(x) of RMIA, arXiv:2312.03262). RMIA's own score
is a monotone step function of S: its population Z only groups records and so makes ties at the top.
Z therefore has no part in the ranking here.
"""

from __future__ import annotations

import numpy as np

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations, Scores, ThreatModel


class LogRatioOnline:
    """Ranks records by target confidence over mean shadow confidence."""

    name = "log-ratio-online"
    needs_shadows = True
    threat_model = ThreatModel(
        access="black box: confidence in the true label",
        knowledge=(
            "the records with their labels, the training procedure, and records of the same distribution"
        ),
        queries=1,
    )

    def score(self, observed: Observations) -> Scores:
        """Score every record.

        Raises:
            UsageError: there are no shadows, or they are not in pairs.
        """
        if observed.shadows is None or len(observed.shadows) < 2 or len(observed.shadows) % 2:
            raise UsageError(
                "The online log-ratio attack needs shadow models in complementary pairs",
                "Train an even number of them over `governance.privacy.shadows.pair_plan`.",
            )
        values = np.log(observed.target) - np.log(observed.shadows.mean(axis=0))
        return Scores(values, self.name, self.threat_model)
