"""Log-ratio attacks (BASE): how much surer the target is of a record than models of its kind are.

S(x) = ln p_θ(x) − ln p(x) (BASE, arXiv:2505.24089; p(x) as in RMIA, arXiv:2312.03262). RMIA's own score is
a monotone step function of S: its population Z only groups records and so makes ties at the top.
Z therefore has no part in the ranking here; `rmia` uses it for p-values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from governance.errors import UsageError
from governance.privacy.attacks.interface import Observations, Scores, ThreatModel
from governance.privacy.attacks.pseudo import pseudo_targets
from governance.privacy.attacks.worlds import OFFLINE, ONLINE, Floats, likelihoods

UNTUNED = 0.3
"""RMIA's `a` where no shadow can stand in for the target (its value for CIFAR-10)."""

GRID = tuple(i / 10 for i in range(11))


class LogRatioOnline:
    """Ranks records by the target's confidence over the shadows' mean; two shadows are enough.

    p(x) = ½ mean over the shadows trained on x + ½ mean over the others, so that both weigh the same in
    any plan, not only in complementary pairs.
    """

    name = "log-ratio-online"
    needs_shadows = True
    threat_model = ONLINE

    def score(self, observed: Observations) -> Scores:
        """Score every record.

        Raises:
            UsageError: there are no shadows, or a record is in none or in all of them.
        """
        return Scores(online(*likelihoods(observed, self.name)), self.name, self.threat_model)


@dataclass(frozen=True)
class LogRatioOffline:
    """The same from shadows that never saw the record, whose confidence had they seen it is assumed.

    p_IN = a·p_OUT + (1 − a), hence p(x) = ½[(1 + a)·mean p_OUT(x) + (1 − a)] (RMIA, appendix B.2.2).
    """

    a: float | None = None
    """In [0, 1]: 1 for a model that does not memorise. None tunes it; see `tuned`."""

    name: ClassVar[str] = "log-ratio-offline"
    needs_shadows: ClassVar[bool] = True
    threat_model: ClassVar[ThreatModel] = OFFLINE

    def score(self, observed: Observations) -> Scores:
        """Score every record; shadows trained on it are not looked at, but for tuning `a`.

        Raises:
            UsageError: there are no shadows, or a record is in all of them.
        """
        _, outside = likelihoods(observed, self.name, online=False)
        a = tuned(observed) if self.a is None else self.a
        return Scores(offline(observed.target, outside, a), self.name, self.threat_model)


def online(inside: Floats, outside: Floats) -> Floats:
    """(n,) ln p_θ − ln ½(p_IN + p_OUT), from the two results of `likelihoods`."""
    return np.asarray(np.log(2) - np.logaddexp(inside, outside), dtype=np.float64)


def offline(target: NDArray[np.floating], outside: Floats, a: float) -> Floats:
    """(n,) ln p_θ − ln ½[(1 + a)·p_OUT + (1 − a)], from the target and the second result of `likelihoods`."""
    if not 0 <= a <= 1:
        raise UsageError(f"a = {a} is not between 0 and 1")
    with np.errstate(divide="ignore"):
        assumed = np.log((1 - a) / 2)
    return np.asarray(-np.logaddexp(np.log((1 + a) / 2) + outside, assumed - target), dtype=np.float64)


def tuned(observed: Observations) -> float:
    """The `a` with the best AUC when shadows, whose training records are known, stand in for the target.

    Each pseudo-target is measured against the other shadows that are OUT for a record, never against
    its complement, which would give its members away. The target's signals are not looked at.
    `UNTUNED` where there are too few shadows for that, or none was trained on the records.
    """
    trials = []
    for one, member in pseudo_targets(observed, online=False):
        _, outside = likelihoods(one, LogRatioOffline.name, online=False)
        scores = (offline(one.target, outside, a) for a in GRID)
        trials.append([_auc(values, member) for values in scores])
    return GRID[int(np.mean(trials, axis=0).argmax())] if trials else UNTUNED


def _auc(values: Floats, member: NDArray[np.bool_]) -> float:
    """The point alone: `scoring.auc` takes far longer for its interval."""
    m = np.count_nonzero(member)
    return float((rankdata(values)[member].sum() / m - (m + 1) / 2) / (len(member) - m))
