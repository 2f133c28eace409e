"""Attacks as our peers run them, written out from their source, on the signals that ours get."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from governance.privacy.attacks.interface import Observations
from governance.privacy.attacks.log_ratio import LogRatioOffline, LogRatioOnline
from governance.privacy.attacks.population import Population
from governance.privacy.attacks.rmia import rmia_scores
from governance.privacy.attacks.student_t import StudentTOnline
from governance.privacy.attacks.worlds import logit, worlds

Score = Callable[[Observations, Observations], "NDArray[np.float64] | None"]
"""Observations of the records and of a population of non-members → scores, or None with too few shadows."""

A = 0.3
"""Of offline RMIA, not tuned."""


def loss(observed: Observations, _: Observations) -> NDArray[np.float64]:
    """One threshold for everybody."""
    return Population().score(observed).values


def lira_fixed(observed: Observations, _: Observations) -> NDArray[np.float64]:
    """LiRA online with one variance a world, centred by record: the better form, not the reference code's."""
    inside, outside = worlds(observed, "LiRA")
    pooled = inside.variance or 1.0, outside.variance or 1.0
    return np.square(outside.mean) / (2 * pooled[1]) - np.square(inside.mean) / (2 * pooled[0])


def lira_per_record(observed: Observations, _: Observations) -> NDArray[np.float64] | None:
    """SACRO-ML's default: LiRA online with a variance for each record."""
    shadows, inside = _shadows(observed)
    if len(shadows) < 4:
        return None
    phi, target = logit(shadows), logit(observed.target)
    densities = []
    for chosen in (inside, ~inside):
        one = np.where(chosen, phi, np.nan)
        mean, spread = np.nanmean(one, axis=0), np.maximum(np.nanstd(one, axis=0), 1e-6)
        densities.append(-0.5 * np.square((target - mean) / spread) - np.log(spread))
    return np.asarray(densities[0] - densities[1])


def student_t(observed: Observations, _: Observations) -> NDArray[np.float64]:
    """BaVarIA's Student-t."""
    return StudentTOnline().score(observed).values


def rmia_online(observed: Observations, population: Observations) -> NDArray[np.float64]:
    """RMIA with shadows of both kinds, the plain mean for the population, too."""
    ratios = [np.exp(one.target) / np.exp(_shadows(one)[0]).mean(axis=0) for one in (observed, population)]
    return rmia_scores(*ratios)


def rmia_offline(observed: Observations, population: Observations) -> NDArray[np.float64]:
    """RMIA with shadows that did not see the record."""
    return rmia_scores(_offline(observed), _population(population, top=False))


def base_online(observed: Observations, _: Observations) -> NDArray[np.float64]:
    """BASE with shadows of both kinds; our log-ratio is the same."""
    return LogRatioOnline().score(observed).values


def base_offline(observed: Observations, _: Observations) -> NDArray[np.float64]:
    """BASE: offline RMIA's ratio without a population."""
    return LogRatioOffline(A).score(observed).values


def privacy_meter(observed: Observations, population: Observations) -> NDArray[np.float64]:
    """Privacy Meter's offline RMIA: of a population record's shadows only the surer half is averaged."""
    return rmia_scores(_offline(observed), _population(population, top=True))


PEERS: dict[str, Score] = {
    "loss": loss,
    "LiRA, fixed σ": lira_fixed,
    "LiRA, σ per record": lira_per_record,
    "Student-t": student_t,
    "RMIA online": rmia_online,
    "RMIA offline": rmia_offline,
    "BASE online": base_online,
    "BASE offline": base_offline,
    "Privacy Meter": privacy_meter,
}


def _offline(observed: Observations) -> NDArray[np.float64]:
    return np.exp(LogRatioOffline(A).score(observed).values)


def _population(population: Observations, *, top: bool) -> NDArray[np.float64]:
    shadows = np.exp(_shadows(population)[0])
    averaged = np.sort(shadows, axis=0)[len(shadows) // 2 :] if top else shadows
    return np.asarray(np.exp(population.target) / (0.5 * ((1 + A) * averaged.mean(axis=0) + 1 - A)))


def _shadows(observed: Observations) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    if observed.shadows is None or observed.inside is None:
        raise AssertionError("the benchmark always trains shadows")
    return observed.shadows, observed.inside
