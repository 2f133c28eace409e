"""Model extraction: how good a copy can be made from so many answers.

The attacker asks for the answers to records of their own, fits a surrogate to them, and uses it
instead of the model, without limits and without being seen (Tramèr et al. 2016, arXiv:1609.02943;
Knockoff nets: Orekondy et al. 2019, arXiv:1812.02766). Fidelity is agreement with the model, not with
the truth (Jagielski et al. 2020, arXiv:1909.01838, §3). A surrogate fitted to true labels of the same
records agrees a good deal, too: what is above that is what the answers gave away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance.privacy.answers import Answers, ask, columns
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.attacks.surrogate import KINDS, Surrogate, fit_each, fit_surrogate
from governance.privacy.outcome import Outcome
from governance.privacy.paired import lift, share, smallest
from governance.privacy.pool import Records, take
from governance.privacy.scoring import Interval, mean_bounds
from governance.privacy.shadows import Progress
from governance.privacy.verdict import POWER, Leakage

DETECTABLE_AGREEMENT = 0.1
"""How much agreement above the baseline may at most be needed to be found."""

CLOSE = 0.1
"""A regressor's number is agreed on within this share of the standard deviation of its answers."""

FEWEST_HELD_OUT = 100


@dataclass(frozen=True, slots=True, eq=False)
class _Copy:
    """One surrogate, measured on records that nobody asked about."""

    agrees: NDArray[np.bool_]
    """(n,) whether it answers like the model."""
    distance: float
    """Mean total-variation distance of the probabilities; NaN for a regressor."""
    r2: float
    """Share of the variance of the model's answers that it explains."""


def extract(
    model: Any,
    population: Records,
    *,
    seed: int,
    confidence: float = 0.95,
    budgets: Sequence[int] = (100, 300, 1000, 3000),
    queries: Literal["population", "random"] = "population",
    held_out: float = 0.5,
    kinds: Sequence[str] = KINDS,
    progress: Progress | None = None,
) -> Outcome:
    """Agreement of the best surrogate with the model, for each budget of queries.

    Args:
        model: A classifier or regressor as `answers.ask` has it.
        population: Records of the attacker with true labels, none of them a member.
        seed: The only source of chance.
        confidence: Of each two-sided interval, all budgets at once.
        budgets: Queries; those beyond the records that are not held out are left away.
        queries: Ask about records of the population, or about records of columns shuffled at random.
        held_out: Share of the population on which agreement is measured.
        kinds: Of surrogate: `linear`, `forest`; the best of them is taken.
        progress: Called with (finished, all) after each budget.

    Raises:
        UsageError: fewer than 100 records are held out, or no budget is left.
        Undecided: the model failed on some records.
    """
    n = len(population.X)
    splitting, mixing, *fitting = np.random.SeedSequence(seed).spawn(2 + len(budgets))
    order = np.random.default_rng(splitting).permutation(n)
    n_held = int(n * held_out)
    possible = sorted({int(one) for one in budgets if 10 <= one <= n - n_held})
    if n_held < FEWEST_HELD_OUT or not possible:
        raise UsageError(
            f"{n} records: {n_held} held out, {n - n_held} to ask about; no budget fits, or too few held out",
            f"Hold out at least {FEWEST_HELD_OUT} records, and ask for budgets of at least 10.",
        )
    kept = np.sort(order[:n_held])
    test, truth = take(population.X, kept), ask(model, take(population.X, kept))
    labels = np.asarray(population.y)
    copies: list[tuple[_Copy, ...]] = []
    for budget, chance in zip(possible, fitting, strict=False):
        rows = order[n_held : n_held + budget]
        own = take(population.X, rows)
        asked = own if queries == "population" else _shuffled(own, np.random.default_rng(mixing))
        word = int(chance.generate_state(1)[0])
        told = fit_surrogate(asked, _like(ask(model, asked), truth), word, kinds)
        alone = fit_each(own, _as_answers(labels[rows], truth), word, kinds)
        copies.append(tuple(_measured(one, test, truth) for one in (told, *alone)))
        if progress is not None:
            progress(len(copies), len(possible))
    return _conclude(copies, possible, truth, queries, seed, confidence)


def _shuffled(X: Any, random: np.random.Generator) -> Any:
    """Records of which every column is right and none is a record: what an attacker without data asks."""
    changed = X.copy()
    for column in range(X.shape[1]):
        shuffled = random.permutation(len(X))
        if hasattr(X, "iloc"):
            changed[X.columns[column]] = X.iloc[shuffled, column].to_numpy()
        else:
            changed[:, column] = X[shuffled, column]
    return changed


def _like(answers: Answers, truth: Answers) -> Answers:
    """Answers with the columns of others: a model that gives labels alone does not name its classes."""
    return _as_answers(answers.labels, truth) if answers.kind == "labels" else answers


def _as_answers(labels: NDArray[Any], like: Answers) -> Answers:
    """True labels in the form of the model's answers."""
    if like.classes is None:
        return Answers(labels.astype(np.float64)[:, None], None, "values")
    one_hot = np.zeros((len(labels), len(like.classes)))
    column = columns(like.classes, labels)
    one_hot[np.flatnonzero(column >= 0), column[column >= 0]] = 1.0
    return Answers(one_hot, like.classes, "labels")


def _measured(surrogate: Surrogate, test: Any, truth: Answers) -> _Copy:
    values = surrogate.answer(test)
    spread = ((truth.values - truth.values.mean(axis=0)) ** 2).sum()
    r2 = (
        1 - float(((truth.values - values) ** 2).sum() / spread)
        if spread > 0
        else float((values == truth.values).all())
    )
    if truth.classes is None:
        near = CLOSE * truth.values.std()
        return _Copy(np.abs(values - truth.values)[:, 0] <= near, float("nan"), r2)
    agrees = values.argmax(axis=1) == truth.values.argmax(axis=1)
    return _Copy(agrees, float(0.5 * np.abs(values - truth.values).sum(axis=1).mean()), r2)


def _conclude(
    copies: list[tuple[_Copy, ...]],
    budgets: list[int],
    truth: Answers,
    queries: str,
    seed: int,
    confidence: float,
) -> Outcome:
    n = len(truth.values)
    each = 1 - (1 - confidence) / len(budgets)
    by_budget, gains = [], []
    for budget, (told, *without) in zip(budgets, copies, strict=True):
        alone = max(without, key=lambda one: int(one.agrees.sum()))
        gain = smallest([lift(told.agrees, one.agrees, 1 - (1 - each) / len(without)) for one in without])
        gains.append(gain)
        row: dict[str, Any] = {
            "queries": budget,
            "agreement": _json(share(int(told.agrees.sum()), n, each)),
            "baseline": _json(share(int(alone.agrees.sum()), n, each)),
            "gain": _json(gain),
            "r2": told.r2,
            "baseline_r2": alone.r2,
        }
        if truth.classes is not None:
            low, high = mean_bounds(min(max(told.distance, 0.0), 1.0), n, each)
            row["distance"] = _json(Interval(told.distance, low, high))
            row["baseline_distance"] = alone.distance
        by_budget.append(row)
    best, alone = copies[-1][0], max(copies[-1][1:], key=lambda one: int(one.agrees.sum()))
    apart = float((best.agrees != alone.agrees).mean()) or 1 / n
    detectable = float((norm.isf((1 - each) / 8) + norm.ppf(POWER)) * np.sqrt(apart / n))
    alarm = any(gain.low > 0 for gain in gains)
    silent = Leakage.NONE_SHOWN if detectable <= DETECTABLE_AGREEMENT else Leakage.UNDECIDED
    return Outcome(
        type=EvidenceType.EXTRACTION,
        attack="surrogate",
        threat_model=ThreatModel(
            access=f"black box: {truth.kind}",
            knowledge="records of the same distribution"
            if queries == "population"
            else "the range of each column",
            queries=budgets[-1],
        ),
        measure="agreement of a surrogate with the model on records it never asked about",
        estimate=share(int(best.agrees.sum()), n, each),
        null=float(alone.agrees.mean()),
        confidence=confidence,
        verdict=Leakage.SHOWN if alarm else silent,
        power=POWER,
        detectable=float(alone.agrees.mean()) + detectable,
        counts={"held_out": n, "queries": budgets[-1], "budgets": len(budgets)},
        controls={
            "baseline": "surrogates fitted to true labels instead of answers; the one that agrees more"
        },
        details={"queries": queries, "answers": truth.kind, "budgets": by_budget},
        seed=seed,
    )


def _json(interval: Interval) -> dict[str, float]:
    return {"point": interval.point, "low": interval.low, "high": interval.high}
