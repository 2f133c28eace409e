"""Property inference: whether a model tells what share of its training data had a property.

The property may be anything of a record, also what the model never sees. Shadow models are trained on
resampled data with one share or another, and a meta-classifier learns to tell these apart from their
answers to fixed queries (black-box distribution inference: Zhang, Tople and Ohrimenko 2021,
arXiv:2006.07267; formalised by Suri and Evans 2022, arXiv:2109.06024). How well it does on shadows
that it never saw is the measure: it concerns the training procedure, and needs no share to be right.

The shadows measured on share no record with each other or with those learned from. Otherwise any mark,
even one thrown by a coin, would be told apart: by which of the attacker's records happen to bear it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, binom

from governance.domain.evidence import EvidenceType
from governance.errors import Undecided, UsageError
from governance.privacy.answers import Answers, ask
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.outcome import Outcome
from governance.privacy.paired import share
from governance.privacy.pool import Records, take
from governance.privacy.shadows import Progress, Trainer
from governance.privacy.verdict import POWER, Leakage

DETECTABLE_ADVANTAGE = 0.3
"""How far above chance an accuracy may at most have to be to be found; else silence says nothing."""

FEWEST_REFITS = 8
"""Shadows for each hypothesis, half of them to learn from and half to be measured on."""


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """Which records each shadow is trained on; the first half of the shadows is to learn from."""

    rows: list[NDArray[np.intp]]
    hypotheses: NDArray[np.intp]
    """(shadows,) the share that each stands for."""
    learning: NDArray[np.bool_]
    """(shadows,) whether it is learned from, or measured on."""
    size: int


def infer_property(
    model: Any,
    auxiliary: Records,
    has_property: ArrayLike,
    trainer: Trainer,
    *,
    seed: int,
    confidence: float = 0.95,
    shares: Sequence[float] = (0.3, 0.7),
    true_share: float | None = None,
    target_size: int | None = None,
    size: int | None = None,
    refits: int = 64,
    queries: int = 200,
    progress: Progress | None = None,
) -> Outcome:
    """Accuracy with which the share of a property in the training data is told from a model's answers.

    Args:
        model: The target, as `answers.ask` has it; asked `queries` records.
        auxiliary: Records of the attacker, none of them a member.
        has_property: (n,) booleans: which of them have the property.
        trainer: Trains a model of the target's kind: (X, y, seed) → fitted.
        seed: The only source of chance.
        confidence: Of each two-sided interval.
        shares: Two or more hypotheses on the share, in (0, 1).
        true_share: The share in the target's training data, if it is known: then the guess is judged.
        target_size: How many records the target was trained on: silence of smaller shadows says nothing.
        size: Training records of each shadow; as many as `auxiliary` allows, if not given. Shadows
            measured on need refits / 2 × size records, because none is used twice.
        refits: Shadows in all, at least 8 for each hypothesis.
        queries: Records asked, drawn from `auxiliary` and kept out of all training.
        progress: Called with (finished, all) after each shadow.

    Raises:
        UsageError: shares, sizes or refits do not fit the records.
        Undecided: the trainer failed, or answers of different shadows cannot be compared.
    """
    mask, shares = np.asarray(has_property, dtype=np.bool_), tuple(float(one) for one in shares)
    each = refits // max(len(shares), 1)
    if len(shares) < 2 or len(set(shares)) < len(shares) or not all(0 < one < 1 for one in shares):
        raise UsageError("Property inference needs two or more different shares between 0 and 1")
    if len(mask) != len(auxiliary.X) or each < FEWEST_REFITS:
        raise UsageError(
            f"{refits} refits for {len(shares)} shares, {len(mask)} marks for {len(auxiliary.X)} records",
            f"Mark every record, and ask for at least {FEWEST_REFITS} refits for each share.",
        )
    asking, drawing, training = np.random.SeedSequence(seed).spawn(3)
    order = np.random.default_rng(asking).permutation(len(mask))
    queried = np.sort(order[:queries])
    draws = _draw(order[queries:], mask, shares, each // 2, size, np.random.default_rng(drawing))
    about = take(auxiliary.X, queried)
    told = []
    for rows, word in zip(draws.rows, training.generate_state(len(draws.rows)), strict=True):
        told.append(_shadow(trainer, auxiliary, rows, about, int(word)))
        if progress is not None:
            progress(len(told), len(draws.rows))
    answers = _aligned([*told, ask(model, about)])
    return _conclude(
        answers[:-1], answers[-1], draws, shares, true_share, target_size, len(queried), seed, confidence
    )


def _draw(
    records: NDArray[np.intp],
    mask: NDArray[np.bool_],
    shares: tuple[float, ...],
    each: int,
    size: int | None,
    random: np.random.Generator,
) -> _Draws:
    """A third of the records for shadows to learn from, drawn anew each time; the rest used up once."""
    having, lacking = records[mask[records]], records[~mask[records]]
    sides = [(side[: len(side) // 3], side[len(side) // 3 :]) for side in (having, lacking)]
    most = min(
        # To learn from, each shadow is drawn from at least twice as many.
        *(len(sides[0][0]) / (2 * one) for one in shares),
        *(len(sides[1][0]) / (2 * (1 - one)) for one in shares),
        len(sides[0][1]) / (each * sum(shares)),
        len(sides[1][1]) / (each * sum(1 - one for one in shares)),
    )
    # A share of a record is rounded to a whole one.
    size = max(int(most) - 1, 0) if size is None else size
    if size < 5 or size > most:
        raise UsageError(
            f"{len(having)} auxiliary records have the property and {len(lacking)} lack it:"
            f" shadows of at most {int(most)} records can be trained, {size} are wanted",
            "Give more auxiliary records, fewer refits, or shares nearer to theirs.",
        )
    rows, used = [], [0, 0]
    hypotheses = np.tile(np.arange(len(shares)), 2 * each)
    learning = np.arange(len(hypotheses)) < len(hypotheses) // 2
    for hypothesis, learned in zip(hypotheses.tolist(), learning.tolist(), strict=True):
        n = round(shares[hypothesis] * size)
        drawn = []
        for kind, count in enumerate((n, size - n)):
            if learned:
                drawn.append(random.choice(sides[kind][0], count, replace=False))
            else:
                drawn.append(sides[kind][1][used[kind] : used[kind] + count])
                used[kind] += count
        rows.append(random.permutation(np.concatenate(drawn)))
    return _Draws(rows, hypotheses, learning, size)


def _shadow(trainer: Trainer, data: Records, rows: NDArray[np.intp], about: Any, seed: int) -> Answers:
    try:
        shadow = trainer(take(data.X, rows), np.asarray(data.y)[rows], seed)
    except Exception as error:  # noqa: BLE001  # any failure of a foreign trainer is this one answer
        raise Undecided(
            f"A shadow model could not be trained: {type(error).__name__}",
            "Call trainer(X, y, seed) on some of the records to see the cause.",
        ) from None
    return ask(shadow, about)


def _aligned(answers: list[Answers]) -> NDArray[np.float64]:
    """(models, features) scaled answers; a class that one model does not know has its lowest value."""
    if answers[0].classes is None:
        return np.stack([one.scaled.reshape(-1) for one in answers])
    classes = sorted({label for one in answers for label in _named(one)}, key=str)
    features = []
    for one in answers:
        scaled = np.full((len(one.values), len(classes)), -13.82)
        scaled[:, [classes.index(label) for label in _named(one)]] = one.scaled
        features.append(scaled.reshape(-1))
    return np.stack(features)


def _named(answers: Answers) -> list[Any]:
    return [] if answers.classes is None else answers.classes.tolist()


def _conclude(
    answers: NDArray[np.float64],
    target: NDArray[np.float64],
    draws: _Draws,
    shares: tuple[float, ...],
    true_share: float | None,
    target_size: int | None,
    queries: int,
    seed: int,
    confidence: float,
) -> Outcome:
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learning, hypotheses = draws.learning, draws.hypotheses
    meta = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-2, 6, 9)))
    meta.fit(answers[learning], hypotheses[learning])
    unseen, truth = answers[~learning], hypotheses[~learning]
    right = int((meta.predict(unseen) == truth).sum())
    accuracy = share(right, len(truth), confidence)
    chance = 1 / len(shares)
    alarm = accuracy.low > chance
    detectable = _detectable(len(truth), chance, confidence)
    scores, own = _margins(meta, unseen), _margins(meta, target[None])[0]
    fits = {
        # Exact if the target was trained like a shadow of this share: it is one more of them.
        f"{one:g}": (1 + int((scores[truth == i, i] <= own[i]).sum())) / (1 + int((truth == i).sum()))
        for i, one in enumerate(shares)
    }
    guess = shares[int(meta.predict(target[None])[0])]
    as_large = target_size is not None and draws.size >= target_size
    able = as_large and detectable - chance <= DETECTABLE_ADVANTAGE
    details: dict[str, Any] = {
        "shares": list(shares),
        "guess": guess,
        "p_by_share": fits,
        "shares_not_rejected": [one for one in shares if fits[f"{one:g}"] > 1 - confidence],
    }
    if true_share is not None:
        nearest = min(shares, key=lambda one: abs(one - true_share))
        details |= {"true_share": true_share, "nearest": nearest, "guessed_right": guess == nearest}
    return Outcome(
        type=EvidenceType.PROPERTY_INFERENCE,
        attack="shadow-meta-classifier",
        threat_model=ThreatModel(
            access="black box: answers to chosen records",
            knowledge=(
                "the training procedure, candidate shares, and records of the same distribution marked by"
                " whether they have the property"
            ),
            queries=queries,
        ),
        measure="accuracy of telling the share of the property in the training data, on unseen shadows",
        estimate=accuracy,
        null=chance,
        confidence=confidence,
        verdict=Leakage.SHOWN if alarm else Leakage.NONE_SHOWN if able else Leakage.UNDECIDED,
        power=POWER,
        detectable=detectable,
        counts={
            "shadows": len(hypotheses),
            "measured_on": len(truth),
            "training_size": draws.size,
        },
        controls={
            "accuracy_on_learning_shadows": float(
                (meta.predict(answers[learning]) == hypotheses[learning]).mean()
            ),
            "as_large_as_target": as_large,
        },
        details=details,
        seed=seed,
    )


def _margins(meta: Any, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """(models, hypotheses) how much the meta-classifier believes in each."""
    decision = np.asarray(meta.decision_function(answers))
    return np.column_stack([-decision, decision]) if decision.ndim == 1 else decision


def _detectable(n: int, chance: float, confidence: float) -> float:
    """The least true accuracy whose lower bound beats chance with probability `POWER`, exactly."""
    hits = np.arange(n + 1)
    lows = beta.ppf((1 - confidence) / 2, np.maximum(hits, 1), n - hits + 1)
    enough = np.flatnonzero((lows > chance) & (hits > 0))
    if not len(enough):
        return float("inf")
    grid = np.linspace(chance, 1.0, 1001)
    found = grid[binom.sf(enough[0] - 1, n, grid) >= POWER]
    return float(found[0])
