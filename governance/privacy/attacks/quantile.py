"""Quantile regression: how sure should a model be of such a record, had it not been trained on it?

Bertran et al., arXiv:2307.03694: the target's log-odds φ on known non-members are regressed on (x, y), and
a record is a member if φ lies above a high quantile of what is predicted for it. No model is trained
again. Here the family is location and scale (their Gaussian heads): gradient boosting predicts μ(x, y),
a second one the mean deviation σ(x, y), and records are ranked by (φ − μ)/σ, which stands for all
quantiles at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations, Scores, ThreatModel
from governance.privacy.attacks.worlds import Floats, logit

LEAST_DEVIATION = 1e-3
"""Of log-odds; below it, a regressor has nothing left to divide by."""


@dataclass(frozen=True, eq=False)
class Quantile:
    """Regresses in folds: no record, member or not, is scored by a regressor that saw it.

    Members are dealt over the folds like non-members, and each is scored by its fold's regressor alone.
    So within a fold both sides were scored by one function that knew neither of them: where the target
    treats them alike, their scores are exchangeable.
    """

    features: NDArray[np.floating]
    """(n, d) records with their labels as numbers, NaN where missing; `pool.features` makes them."""
    non_members: NDArray[np.bool_]
    """(n,) which records the attacker knows to be no members; regressors see only these."""
    seed: int
    folds: int = 5

    name: ClassVar[str] = "quantile"
    needs_shadows: ClassVar[bool] = False
    threat_model: ClassVar[ThreatModel] = ThreatModel(
        access="black box: confidence in the true label",
        knowledge="the records with their labels, and records of the same distribution that are not members",
        queries=1,
    )

    def score(self, observed: Observations) -> Scores:
        """Score every record; shadows, if there are any, are not looked at.

        Raises:
            UsageError: features or non-members do not fit the records, or there are too few non-members.
        """
        n = len(observed.target)
        if len(self.features) != n or self.non_members.shape != (n,) or self.non_members.dtype != np.bool_:
            raise UsageError(f"Features and non-members do not describe the {n} records observed")
        if self.folds < 2 or np.count_nonzero(self.non_members) < 10 * self.folds:
            raise UsageError(
                f"{self.folds} folds need at least 2 folds and 10 non-members in each",
                "Hold out more records, or ask for fewer folds.",
            )
        phi = logit(observed.target)
        chance, *growing = np.random.SeedSequence(self.seed).spawn(1 + self.folds)
        fold = self._dealt(np.random.default_rng(chance))
        values = np.empty(n)
        for number, sequence in enumerate(growing):
            scored = fold == number
            seen = self.non_members & ~scored
            states = [int(word) for word in sequence.generate_state(2)]
            values[scored] = self._standardised(phi, seen, scored, states)
        return Scores(values, self.name, self.threat_model)

    def _dealt(self, random: np.random.Generator) -> NDArray[np.intp]:
        """(n,) the fold of each record; each side is spread evenly."""
        fold = np.empty(len(self.non_members), dtype=np.intp)
        for side in (self.non_members, ~self.non_members):
            rows = random.permutation(np.flatnonzero(side))
            fold[rows] = np.arange(len(rows)) % self.folds
        return fold

    def _standardised(
        self, phi: Floats, seen: NDArray[np.bool_], scored: NDArray[np.bool_], states: list[int]
    ) -> Floats:
        from sklearn.ensemble import HistGradientBoostingRegressor

        def fitted(values: Floats, state: int) -> HistGradientBoostingRegressor:
            return HistGradientBoostingRegressor(
                max_iter=60, max_leaf_nodes=15, l2_regularization=1.0, random_state=state
            ).fit(self.features[seen], values)

        middle = fitted(phi[seen], states[0])
        deviation = fitted(np.abs(phi[seen] - middle.predict(self.features[seen])), states[1])
        expected = middle.predict(self.features[scored])
        spread = np.maximum(deviation.predict(self.features[scored]), LEAST_DEVIATION)
        return np.asarray((phi[scored] - expected) / spread, dtype=np.float64)
