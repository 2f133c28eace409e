"""The blend: six scores of one record, weighted as they best tell the members of shadow models.

The log-ratio is best where confidences move little, the Student-t where they move much, and which a model
is can be seen from its shadows: one after the other stands in for the target, its members are known, and
a logistic regression finds the weights (a stacked generalisation, Wolpert 1992), none below zero: each
component is larger for members, and on shadows that memorise nothing a free fit would take its signs from
noise. They are fixed before the target is looked at, so it is one attack decided on in advance, not the
best of several.
"""

from __future__ import annotations

import numpy as np

from governance.errors import UsageError
from governance.privacy.attacks import log_ratio, student_t
from governance.privacy.attacks.interface import Observations, Scores
from governance.privacy.attacks.pseudo import pseudo_targets
from governance.privacy.attacks.worlds import ONLINE, Floats, likelihoods, logit, worlds

FEWEST = 4
"""Shadows: one pair to stand in for the target, one to measure it with."""

LARGEST_EXPONENT = 700.0


class BlendOnline:
    """Weighs log-ratios, one in log-odds, and Student-t; from four shadows on."""

    name = "blend-online"
    needs_shadows = True
    threat_model = ONLINE

    def score(self, observed: Observations) -> Scores:
        """Score every record.

        Raises:
            UsageError: there are too few shadows to tune on, or a record is in none or in all of them.
        """
        parts = components(observed)
        weights = _weights(observed)
        # Summed part by part: a matrix product may round equal rows differently, and break ties.
        values = sum((w * part for w, part in zip(weights, parts, strict=True)), np.zeros(len(parts[0])))
        return Scores(np.asarray(values, dtype=np.float64), self.name, self.threat_model)


def components(observed: Observations) -> tuple[Floats, ...]:
    """What is blended, (n,) each.

    ln p_θ/p for p = ½(p_IN + p_OUT), p_IN, p_OUT and ½(p_OUT + 1); the first of them in log-odds instead
    of logarithms; and the Student-t's log-likelihood ratio.
    """
    inside, outside = likelihoods(observed, BlendOnline.name)
    ratio = log_ratio.online(inside, outside)
    target = observed.target.astype(np.float64)
    return (
        ratio,
        -inside,
        -outside,
        log_ratio.offline(target, outside, 0.0),
        logit(target) - logit(target - ratio),
        student_t.log_ratio(*worlds(observed, BlendOnline.name)),
    )


def _weights(observed: Observations) -> Floats:
    """One weight a component, of 0 or more; a constant term would not change the order."""
    trials = [(components(one), members) for one, members in pseudo_targets(observed, online=True)]
    if not trials:
        raise UsageError(
            f"The {BlendOnline.name} attack needs at least {FEWEST} shadow models in complementary pairs",
            "Train more of them, or use the log-ratio attack.",
        )
    table = np.concatenate([np.stack(parts, axis=1) for parts, _ in trials])
    members = np.concatenate([members for _, members in trials])
    spread = table.std(axis=0)
    spread[spread == 0] = 1.0
    weights = _fitted((table - table.mean(axis=0)) / spread, np.where(members, 1.0, -1.0))
    return np.asarray(weights / spread, dtype=np.float64)


def _fitted(parts: Floats, sign: Floats) -> Floats:
    """(c,) weights ≥ 0 of the logistic regression of sign (n,) on parts (n, c) with a penalty of ½|w|²."""
    from scipy.optimize import minimize

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = sign * (parts @ weights[1:] + weights[0])
        slope = -sign / (1 + np.exp(np.minimum(margin, LARGEST_EXPONENT)))
        penalty = weights[1:] @ weights[1:] / 2
        gradient = np.append(slope.sum(), parts.T @ slope + weights[1:])
        return float(np.logaddexp(0, -margin).sum() + penalty), gradient

    n = parts.shape[1]
    bounds = [(None, None), *[(0, None)] * n]
    found = minimize(loss, np.zeros(n + 1), jac=True, method="L-BFGS-B", bounds=bounds).x[1:]
    # Where nothing tells members apart, the log-ratio is as good as anything, and no tie of all.
    return np.asarray(found if found.any() else np.eye(n)[0], dtype=np.float64)
