"""Controls on the attack itself: models whose members are known, made from the shadows that are there.

The attack is judged by what it says of three models about which the truth is known: an over-fitted one
(it must find the leak), models that saw none of the records that they are asked about (it must find
nothing), and a shadow in the target's place (what is found on models of this kind). With subjects, all
is said of whole persons, as it must be where the split is by person; halves must then be, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.attacks.catalogue import headline
from governance.privacy.attacks.interface import Attack, Observations, Scores
from governance.privacy.attacks.subject_level import Subjects, subject_scores
from governance.privacy.exact import p_values
from governance.privacy.scoring import Interval, auc
from governance.privacy.signals import CLIP
from governance.privacy.verdict import resolved

TREES = 50

Choice = Callable[[Observations], Attack]
"""Which attack these observations allow, decided without looking at the target's signals."""


@dataclass(frozen=True, slots=True)
class Twin:
    """What an attack says of a model about which the truth is known."""

    auc: Interval
    p_value: float
    """Bonferroni's, over AUC and the resolved false-positive rates."""
    confidence: float
    attack: str

    @property
    def shown(self) -> bool:
        """Whether the attack shows a leak."""
        return self.p_value <= (1 - self.confidence) / 2


def unseen(observed: Observations) -> Observations:
    """A target that was trained on neither half, at no further training.

    Each record is judged by the one of the first two shadows that was not trained on it; the other
    pairs stay as shadows. The halves were drawn without looking at who is a member, so members and
    non-members are alike to this target unless they differ in themselves.

    Raises:
        UsageError: there are no shadows in pairs.
    """
    shadows, inside = _pairs(observed)
    signal = np.where(inside[0], shadows[1], shadows[0])
    if len(shadows) == 2:
        return Observations(signal)
    return replace(observed, target=signal, shadows=shadows[2:], inside=inside[2:])


def negative_control(
    observed: Observations,
    n_members: int,
    fprs: Sequence[float] = (),
    confidence: float = 0.95,
    *,
    choose: Choice = headline,
    subjects: Subjects | None = None,
) -> Twin:
    """Attack models that saw none of the records, with the target's own members and non-members.

    A leak shown here cannot be the target's: the two sides differ in how hard they are to predict, so
    that no attack on this split means anything. On an honest split that happens with a probability of at
    most (1 − confidence) / 2. One pair of shadows is spent on it: from a single pair none are left, and
    the attack is the one without shadows.
    """
    twin = unseen(observed)
    found = choose(twin).score(twin)
    inside = np.arange(len(twin.target)) < n_members
    return _judged(found, inside, fprs, confidence, subjects)


def own_kind(
    observed: Observations,
    fprs: Sequence[float] = (),
    confidence: float = 0.95,
    *,
    choose: Choice = headline,
    subjects: Subjects | None = None,
) -> Twin:
    """Attack the first shadow as if it were the target, with the other pairs as shadows.

    What comes out is what such an attack finds on a model that the trainer makes of half the pool.
    """
    shadows, inside = _pairs(observed)
    twin = Observations(shadows[0])
    if len(shadows) > 2:
        twin = replace(observed, target=shadows[0], shadows=shadows[2:], inside=inside[2:])
    return _judged(choose(twin).score(twin), inside[0], fprs, confidence, subjects)


def positive_control(
    observed: Observations,
    signal: ArrayLike,
    inside: NDArray[np.bool_],
    fprs: Sequence[float] = (),
    confidence: float = 0.95,
    *,
    choose: Choice = headline,
    subjects: Subjects | None = None,
) -> Twin:
    """Attack a model that is known to leak, with the target's own shadows: a leak must be shown.

    Where none is, the attack could not have found one on these records, and its silence about the
    target means nothing.

    Args:
        observed: Of the target; its shadows are used again.
        signal: (n,) what the over-fitted model told; see `overfitted`.
        inside: (n,) which records it was trained on; see `halve`.
        fprs: False-positive rates to be tested besides AUC.
        confidence: As for the target.
        choose: Gives the attack to be checked.
    """
    twin = replace(observed, target=np.asarray(signal))
    return _judged(choose(twin).score(twin), inside, fprs, confidence, subjects)


def halve(n: int, seed: int, subjects: Subjects | None = None) -> NDArray[np.bool_]:
    """(n,) a random half of the records or of the subjects, drawn without looking at who is a member."""
    units = n if subjects is None else subjects.n
    half = np.zeros(units, dtype=np.bool_)
    half[np.random.default_rng(np.random.SeedSequence(seed)).permutation(units)[: units // 2]] = True
    return half if subjects is None else half[subjects.of_record]


def overfitted(
    table: NDArray[np.float32], answers: ArrayLike, inside: NDArray[np.bool_], seed: int, *, classes: bool
) -> NDArray[np.float64]:
    """(n,) signals of trees grown until every training record stands alone, on these records.

    Args:
        table: (n, columns) the records as numbers, without their answers.
        answers: (n,) labels, or values to predict.
        inside: (n,) which of them to train on.
        seed: The only source of chance.
        classes: Whether the answers are labels.
    """
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    state = int(np.random.SeedSequence(seed).generate_state(1)[0])
    X, y = np.nan_to_num(table), np.asarray(answers)
    if classes:
        codes = np.unique(y, return_inverse=True)[1]
        forest = ExtraTreesClassifier(TREES, random_state=state).fit(X[inside], codes[inside])
        column = np.full(int(codes.max()) + 1, -1)
        column[forest.classes_] = np.arange(len(forest.classes_))
        told = forest.predict_proba(X)[np.arange(len(X)), column[codes]]
        likelihood = np.where(column[codes] >= 0, told, 0.0)
        return np.asarray(np.log(np.clip(likelihood, CLIP, 1 - CLIP)))
    values = y.astype(np.float64)
    grown = ExtraTreesRegressor(TREES, random_state=state).fit(X[inside], values[inside])
    error = values - grown.predict(X)
    scale = float(np.std(error[~inside])) or 1.0
    return np.asarray(np.clip(-0.5 * (error / scale) ** 2, math.log(CLIP), math.log1p(-CLIP)))


def _pairs(observed: Observations) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    shadows, inside = observed.shadows, observed.inside
    if shadows is None or inside is None or len(shadows) < 2 or len(shadows) % 2:
        raise UsageError(
            "These controls need shadow models in complementary pairs",
            "Train an even number of them over `governance.privacy.plan.pair_plan`.",
        )
    return shadows, inside


def _judged(
    scores: Scores,
    inside: NDArray[np.bool_],
    fprs: Sequence[float],
    confidence: float,
    subjects: Subjects | None,
) -> Twin:
    if subjects is not None:
        scores = subject_scores(scores, subjects)
        whole = np.zeros(subjects.n, dtype=np.bool_)
        whole[subjects.of_record] = inside
        inside = whole
    members, others = scores.values[inside], scores.values[~inside]
    tests = p_values(members, others, resolved(len(others), fprs))
    p = min(1.0, len(tests) * min(one for _, one in tests))
    return Twin(auc(members, others, confidence), p, confidence, scores.attack)
