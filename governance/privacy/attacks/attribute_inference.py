"""Attribute inference as lift: how much better a guess is with the model than without it.

The attacker knows a record's other columns and its label, and wants one attribute. Without the model
they impute it: that alone is often right, and says nothing about the model (Jayaraman and Evans 2022,
arXiv:2209.01292). The attack is therefore measured record by record against an imputer with the same
knowledge. What remains is measured a second time on records that the model was never trained on: a
lift found there too is knowledge of the population, a lift of members alone is memory of the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance.privacy.answers import ask, likelihoods
from governance.privacy.attacks.attribute_values import Values, choose_values, column_of, replace_column
from governance.privacy.attacks.imputation import Imputer, fit_imputer, reference_forest
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.outcome import Outcome
from governance.privacy.paired import difference, largest, lift, permutation_p, share
from governance.privacy.pool import Pool, Records, features, make_pool, take
from governance.privacy.scoring import Interval
from governance.privacy.shadows import Progress, Trainer
from governance.privacy.verdict import POWER, Leakage

DETECTABLE_LIFT = 0.1
"""How large a lift may at most be needed to be found; a weaker measurement stays undecided."""

RULES = ("posterior", "calibrated", "confidence")
"""How a guess is made; see `_guesses`."""


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Records under attack."""

    X: Any
    y: NDArray[Any]
    table: NDArray[np.float32]
    """(n, columns + 1) as numbers, the label last; the attribute is still in it."""
    true: NDArray[np.intp]
    """(n,) the attribute's group."""


def infer_attributes(
    model: Any,
    members: Records,
    non_members: Records,
    attributes: Sequence[Any],
    *,
    seed: int,
    confidence: float = 0.95,
    trainer: Trainer | None = None,
    imputer: Imputer | None = None,
    bins: int = 4,
    tolerance: float | None = None,
    most: int = 2000,
    progress: Progress | None = None,
) -> tuple[Outcome, ...]:
    """One outcome for each sensitive attribute: accuracy over imputation on members, in [−1, 1].

    Half of the non-members are the attacker's own data; the other half is the control.

    Args:
        model: A classifier or regressor as `answers.ask` has it.
        members: Records it was trained on.
        non_members: Records of the same distribution that it never saw.
        attributes: Column names of a DataFrame, or column numbers of an array.
        seed: The only source of chance.
        confidence: Of each two-sided interval.
        trainer: Trains the attacker's reference model, (X, y, seed) → fitted; a forest without it.
        imputer: Makes the baseline; a forest or boosting, whichever is better, without it.
        bins: Bins of a number with more distinct values than that.
        tolerance: Instead of `bins`: a guess of a number counts when it is this close.
        most: Records attacked on each side; more are left out by chance.
        progress: Called with (finished, all) after each attribute.

    Raises:
        UsageError: a column is not there or has missing values, or the records do not fit together.
        Undecided: the model failed on records with a replaced value.
    """
    pool = make_pool(members, non_members)
    chance = np.random.SeedSequence(seed).spawn(1 + len(attributes))
    random = np.random.default_rng(chance[0])
    outside = pool.n_members + random.permutation(pool.n_non_members)
    half = len(outside) // 2
    parts = (outside[:half], random.permutation(pool.n_members)[:most], outside[half:][:most])
    outcomes = []
    for attribute, sequence in zip(attributes, chance[1:], strict=True):
        attack = _Attack(
            model, pool, attribute, trainer, imputer or fit_imputer, bins, tolerance, confidence, seed
        )
        outcomes.append(attack.run(parts, sequence))
        if progress is not None:
            progress(len(outcomes), len(attributes))
    return tuple(outcomes)


@dataclass(frozen=True, slots=True, eq=False)
class _Attack:
    model: Any
    pool: Pool
    attribute: Any
    trainer: Trainer | None
    imputer: Imputer
    bins: int
    tolerance: float | None
    confidence: float
    seed: int

    def run(self, parts: tuple[NDArray[np.intp], ...], chance: np.random.SeedSequence) -> Outcome:
        """Fit the imputer on the first part, guess on the second (members) and the third (control)."""
        column = column_of(self.pool.X, self.attribute)
        table = np.delete(features(self.pool), self._position(), axis=1)
        values = choose_values(column[parts[0]], self.bins, self.tolerance)
        if values.n_groups < 2:
            raise UsageError(f"Column {self.attribute} has one value only", "Nothing is to be inferred.")
        true = values.groups(column)
        own, inside, outside = (
            _Side(take(self.pool.X, part), self.pool.y[part], table[part], true[part]) for part in parts
        )
        words = [int(word) for word in chance.generate_state(3)]
        tried = own.true >= 0
        prior = self.imputer(own.table[tried], own.true[tried], values.n_groups, words[0])
        reference = self._reference(own, words[1])
        asked = [(one, _residual(one, own)) for one in (self.model, reference)]
        right: list[NDArray[np.bool_]] = []
        for side in (inside, outside):
            known = prior(side.table)
            told = [self._told(one, side, values, scale) for one, scale in asked]
            guesses = np.stack([known.argmax(axis=1), *_guesses(known, told[0], told[1], values)])
            right.append(guesses == side.true)
        return self._conclude(right, values, np.random.default_rng(words[2]))

    def _reference(self, own: _Side, seed: int) -> Any:
        """What a model of somebody else's records says: what is more in the target's answers is its own."""
        if self.trainer is not None:
            return self.trainer(own.X, own.y, seed)
        regression = ask(self.model, own.X).classes is None
        return reference_forest(own.X, regression, seed).fit(own.X, own.y)

    def _position(self) -> int:
        if hasattr(self.pool.X, "iloc"):
            return int(self.pool.X.columns.get_loc(self.attribute))
        return int(self.attribute)

    def _told(self, model: Any, side: _Side, values: Values, scale: float) -> NDArray[np.float64]:
        """(n, v) ln likelihood of the true answer with each value put in."""
        return np.column_stack(
            [
                likelihoods(model, replace_column(side.X, self.attribute, value), side.y, scale)
                for value in values.tried.tolist()
            ]
        )

    def _conclude(
        self, right: list[NDArray[np.bool_]], values: Values, random: np.random.Generator
    ) -> Outcome:
        inside, outside = right
        gained = np.concatenate([side[1:].T.astype(int) - side[0][:, None] for side in right])
        each = 1 - (1 - self.confidence) / len(RULES)
        rules = [
            _measure(name, inside[[0, i]], outside[[0, i]], gained[:, [i - 1]], each, random)
            for i, name in enumerate(RULES, 1)
        ]
        best = max(rules, key=lambda one: one.members.point)
        # What the imputer alone knows differs between the sides only if the records do.
        tail = 1 - (1 - self.confidence) / 2
        alone = [share(int(side[0].sum()), side.shape[1], tail) for side in right]
        alike = alone[0].low <= alone[1].high and alone[1].low <= alone[0].high
        detectable = _detectable(gained, inside.shape[1], self.confidence)
        names = ("imputation", *RULES)
        return Outcome(
            type=EvidenceType.ATTRIBUTE_INFERENCE,
            attack="imputation-lift",
            threat_model=ThreatModel(
                access="black box: confidence in the true label"
                if hasattr(self.model, "predict_proba")
                else "black box: the answer",
                knowledge="all other columns and the label of a record, and records of the same distribution",
                queries=len(values.tried),
            ),
            measure="accuracy on members over imputation without the model",
            estimate=largest([one.members for one in rules]),
            null=0.0,
            confidence=self.confidence,
            verdict=_verdict(any(one.shown(1 - each) for one in rules), alike, detectable),
            power=POWER,
            detectable=detectable,
            counts={
                "members": inside.shape[1],
                "non_members": outside.shape[1],
                "auxiliary": self.pool.n_non_members // 2,
                "groups": values.n_groups,
                "values": len(values.tried),
            },
            controls={
                "lift_non_members": _json(best.non_members),
                "imputation_alike": {
                    "members": _json(alone[0]),
                    "non_members": _json(alone[1]),
                    "passed": alike,
                },
            },
            details={
                "attribute": str(self.attribute),
                "kind": "categories" if values.edges is None else "bins",
                "rule": best.name,
                "memorised": {**_json(best.memorised), "p": best.p},
                "accuracy_members": dict(zip(names, inside.mean(axis=1).tolist(), strict=True)),
                "accuracy_non_members": dict(zip(names, outside.mean(axis=1).tolist(), strict=True)),
                "rules": {one.name: one.body() for one in rules},
            },
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one rule of guessing gains over imputation."""

    name: str
    members: Interval
    non_members: Interval
    memorised: Interval
    """The lift of members less that of non-members."""
    p: float
    """Of so much more lift of members, were they exchangeable with non-members."""

    def shown(self, alpha: float) -> bool:
        """Whether guesses of members are better than imputed ones, and that by memory of the training.

        Without the second, knowledge of the population would be called a leak of it; without the
        first, a rule that remembers and is still worse than no model at all.
        """
        return self.members.low > 0 and self.p <= alpha / 2

    def body(self) -> dict[str, Any]:
        """As JSON."""
        intervals = {"members": self.members, "non_members": self.non_members, "memorised": self.memorised}
        return {**{name: _json(one) for name, one in intervals.items()}, "p": self.p}


def _measure(
    name: str,
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    gained: NDArray[np.int_],
    confidence: float,
    random: np.random.Generator,
) -> _Rule:
    """Each side (2, n): whether imputation, and whether the rule was right."""
    halved = 1 - (1 - confidence) / 2
    members, others = (lift(side[1], side[0], halved) for side in (inside, outside))
    return _Rule(
        name,
        lift(inside[1], inside[0], confidence),
        lift(outside[1], outside[0], confidence),
        difference(members, others),
        permutation_p(gained, inside.shape[1], random),
    )


def _guesses(
    known: NDArray[np.float64], target: NDArray[np.float64], reference: NDArray[np.float64], values: Values
) -> list[NDArray[np.intp]]:
    """The three rules' guesses (n,) of a group; each (n, v) likelihood is averaged over a group's values.

    * posterior: P(v | rest, y) · p_θ(y | v), model inversion by maximum a posteriori (Fredrikson et
      al. 2014, algorithm 1, with a prior that depends on the record);
    * calibrated: P(v | rest, y) · p_θ(y | v) / p(y | v), the record completed by v attacked for
      membership by its log-ratio (Yeom et al. 2018, arXiv:1709.01604, §5, with the ratio of BASE,
      arXiv:2505.24089): what y alone says of v is already in the prior;
    * confidence: p_θ(y | v), Yeom et al.'s and, among values that the model gets right, the confidence
      rule of CSMIA (Mehnaz et al. 2022, arXiv:2201.09370); ties go to the prior.
    """
    prior = np.log(np.clip(known, 1e-6, 1.0))
    plain = _by_group(target, values)
    ratio = _by_group(target - reference, values)
    return [np.argmax(rule, axis=1) for rule in (prior + plain, prior + ratio, plain + 1e-9 * prior)]


def _by_group(logs: NDArray[np.float64], values: Values) -> NDArray[np.float64]:
    """(n, groups) ln of the mean likelihood over the values tried of each group."""
    means = [
        logsumexp(logs[:, values.group_of == group], axis=1) - np.log((values.group_of == group).sum())
        if (values.group_of == group).any()
        else np.full(len(logs), -np.inf)
        for group in range(values.n_groups)
    ]
    return np.column_stack(means)


def _residual(model: Any, own: _Side) -> float:
    """Standard deviation of a regressor's error on records it never saw; 1 for a classifier."""
    answers = ask(model, own.X)
    if answers.classes is not None:
        return 1.0
    return float(np.std(own.y.astype(np.float64) - answers.values[:, 0])) or 1.0


def _detectable(gained: NDArray[np.int_], n_inside: int, confidence: float) -> float:
    """The least lift of memory that the permutation finds with probability `POWER`.

    By the normal limit, at the variance observed and with Bonferroni's threshold over the rules.
    """
    spread = float(gained.var(axis=0).max()) or 1.0
    error = np.sqrt(spread * (1 / n_inside + 1 / (len(gained) - n_inside)))
    return float((norm.isf((1 - confidence) / 2 / gained.shape[1]) + norm.ppf(POWER)) * error)


def _verdict(alarm: bool, alike: bool, detectable: float) -> Leakage:
    if not alike:
        return Leakage.UNDECIDED
    if alarm:
        return Leakage.SHOWN
    return Leakage.NONE_SHOWN if detectable <= DETECTABLE_LIFT else Leakage.UNDECIDED


def _json(interval: Interval) -> dict[str, float]:
    return {"point": interval.point, "low": interval.low, "high": interval.high}
