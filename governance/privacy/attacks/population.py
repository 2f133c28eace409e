"""The population attack: one threshold on the target's confidence for everybody, no shadow models.

It cannot tell a memorised record from an easy one, so at low false-positive rates it finds up to ten
times less than an attack with shadows: it can show a leak, but not that there is none.
"""

from __future__ import annotations

from governance.privacy.attacks.interface import Observations, Scores, ThreatModel
from governance.privacy.attacks.worlds import logit


class Population:
    """Ranks records by the log-odds of the target's confidence in their true label (the loss attack).

    Yeom et al., arXiv:1709.01604, §3.2, with the sign so that a smaller loss is a larger score.
    """

    name = "population"
    needs_shadows = False
    threat_model = ThreatModel(
        access="black box: confidence in the true label",
        knowledge="the records with their labels",
        queries=1,
    )

    def score(self, observed: Observations) -> Scores:
        """Score every record; shadows, if there are any, are not looked at."""
        return Scores(logit(observed.target), self.name, self.threat_model)
