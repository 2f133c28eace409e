"""Class reconstruction through answers alone: an evolution search for what a model is surest of.

Fredrikson, Jha and Ristenpart (CCS 2015, doi:10.1145/2810103.2813677) invert a class by descending its
cost 1 − f_c(x). Without gradients, and for models whose answers are steps, the descent is a (1 + λ)
evolution strategy: each round changes a few columns of every reconstruction to values that occur in the
public records, or moves numbers a little, and keeps the best of λ tries if it is no worse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.answers import Answers, ask, columns
from governance.privacy.attacks.interface import ThreatModel
from governance.privacy.inversion.finding import find
from governance.privacy.inversion.ground import prepare
from governance.privacy.inversion.nearest import SMALL, Reconstructions, of_each_class
from governance.privacy.inversion.space import Floats, Space
from governance.privacy.outcome import Outcome
from governance.privacy.pool import Records

Whole = NDArray[np.intp]
Ask = Callable[[Floats, Whole], tuple[Floats, NDArray[np.bool_]]]
"""A table and the class asked of each row; the confidence in it, and whether it is the answer."""


def invert(
    model: Any,
    members: Records,
    non_members: Records,
    *,
    seed: int,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    public: Any = None,
    persons: tuple[ArrayLike, ArrayLike] | None = None,
    restarts: int | None = None,
    rounds: int = 60,
    proposals: int = 8,
    small: int = SMALL,
) -> Outcome:
    """Reconstruct every class from the model's confidence, and see whose records are nearest.

    Args:
        model: Classifier as `answers.ask` has it, with probabilities.
        members: Training records.
        non_members: Records of the same population that the model never saw.
        seed: Same arguments, same outcome.
        confidence: Of the two-sided interval.
        progress: Is told finished and all rounds.
        public: What the attacker knows of the population; one half of the non-members if None.
        persons: Whose record each is, of members and of non-members; see `ground.prepare`.
        restarts: Reconstructions of each class, each from a public record; if None, 200 in all.
        rounds: Of the search.
        proposals: Tries a round; the model answers restarts × rounds × proposals times a class.
        small: A class of fewer persons is theirs if nobody else is known to belong to it.
    """
    halves, searching = np.random.SeedSequence(seed).spawn(2)
    ground = prepare(members, non_members, halves, public, persons)
    random = np.random.default_rng(searching)
    classes = known_classes(model, ground.space, ground.public[:1])
    judged = judged_classes(classes, ground.labels())
    each = of_each_class(restarts, len(judged))
    wanted = np.repeat(judged, each)
    table = ground.public[random.integers(len(ground.public), size=len(wanted))]
    answer = asking(model, ground.space)
    found, sure, reached = search(
        answer, table, wanted, ground.public, ground.space, rounds, proposals, random, progress
    )
    queries = len(wanted) * (1 + rounds * proposals)
    return find(
        "class-search",
        ThreatModel(
            "black box: confidence in every class",
            "the names of the classes, and records of the same distribution",
            queries // len(wanted),
        ),
        Reconstructions(ground.space.points(found), wanted, sure),
        Reconstructions(ground.space.points(table), wanted, sure),
        reached,
        ground.sides((ground.space.points(ground.members), ground.space.points(ground.control)), classes),
        ground,
        queries=queries,
        seed=seed,
        confidence=confidence,
        small=small,
        details={"restarts": each, "rounds": rounds, "proposals": proposals, "space": "standardised"},
    )


def search(
    answer: Ask,
    table: Floats,
    wanted: Whole,
    public: Floats,
    space: Space,
    rounds: int,
    proposals: int,
    random: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Climb from (R, k) rows: what was found, the model's confidence in it, and whether it agrees.

    All reconstructions climb at once, one question to the model a round. A step halves the share of
    columns that it changes from round to round, from all to one, and begins again four times.
    """
    current = table.copy()
    sure, reached = answer(current, wanted)
    rows = np.arange(len(current))
    asked = np.repeat(wanted, proposals)
    for turn in range(rounds):
        # From coarse to fine within each quarter of the rounds.
        fineness = (turn % max(rounds // 4, 1)) / max(rounds // 4, 1)
        tries = _propose(current, public, space, proposals, fineness, random)
        told, agreed = answer(tries.reshape(-1, current.shape[1]), asked)
        told, agreed = told.reshape(-1, proposals), agreed.reshape(-1, proposals)
        best = told.argmax(axis=1)
        better = told[rows, best] >= sure
        current[better] = tries[rows, best][better]
        sure = np.where(better, told[rows, best], sure)
        reached = np.where(better, agreed[rows, best], reached)
        if progress is not None:
            progress(turn + 1, rounds)
    return current, sure, reached


def _propose(
    current: Floats,
    public: Floats,
    space: Space,
    proposals: int,
    fineness: float,
    random: np.random.Generator,
) -> Floats:
    """(R, λ, k) changed rows, every number within the range of the public records."""
    r, k = current.shape
    shape = (r, proposals, k)
    change = random.random(shape) < max(1 / k, 0.5 ** (1 + fineness * np.log2(max(k, 2))))
    change[np.arange(r)[:, None], np.arange(proposals), random.integers(k, size=shape[:2])] = True
    drawn = public[random.integers(len(public), size=shape), np.arange(k)]
    moved = current[:, None] + random.normal(0, 1, shape) * space.scale * 0.5 * 0.1**fineness
    moved = np.where(space.whole, np.rint(moved), moved)
    moving = space.numeric & (random.random((r, proposals, 1)) < 0.5)
    value = np.where(moving, np.clip(moved, space.low, space.high), drawn)
    return np.where(change, value, current[:, None])


def asking(model: Any, space: Space) -> Ask:
    """Asks a model about rows of a table."""

    def answer(table: Floats, wanted: Whole) -> tuple[Floats, NDArray[np.bool_]]:
        values = _probabilities(model, space.records(table)).values
        return values[np.arange(len(table)), wanted], values.argmax(axis=1) == wanted

    return answer


def known_classes(model: Any, space: Space, one: Floats) -> NDArray[Any]:
    """The label of each column of the model's answers."""
    classes = _probabilities(model, space.records(one)).classes
    if classes is None:
        raise UsageError("Class reconstruction needs a classifier; this model answers with numbers")
    return classes


def judged_classes(classes: NDArray[Any], labels: NDArray[Any]) -> Whole:
    """The columns of the classes of which there are members."""
    found = columns(classes, labels)
    if (found < 0).all():
        raise UsageError("None of the members' labels is a class that the model knows")
    return np.asarray(found[found >= 0])


def _probabilities(model: Any, X: Any) -> Answers:
    answers = ask(model, X)
    if answers.kind != "probabilities":
        raise UsageError(
            f"{type(model).__name__} gives no probabilities; class reconstruction climbs the confidence",
            "Give a model with `predict_proba`.",
        )
    return answers
