"""Whether reconstructions lie nearer to training records than to records the model never saw.

A reconstruction that looks like its class looks like members and non-members of the class alike. So each
is set before as many of the one as of the other, and what counts is which record is nearest. If the model
tells nothing about single records, members and control are exchangeable whatever the reconstructions are:
of the J *distinct* nearest records among m + m, Hypergeometric(2m, m, J) are members, exactly.
Reconstructions that are alike share their nearest record and count once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from governance.privacy.paired import share
from governance.privacy.scoring import Interval

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]

SMALL = 5
"""A class of fewer persons is about these persons, if no one else is known to belong to it."""

RECONSTRUCTIONS = 200
"""How many an attack makes of all classes together, at least one of each, if not told otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Records on one side: as points, with their class and their person."""

    points: Floats
    """(n, d)."""
    columns: Whole
    """(n,) the number of each record's class."""
    persons: NDArray[Any]
    """(n,) whose record it is; all records of one person count as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Reconstructions:
    """What an attack made: R points, each of a class, with the model's confidence in it."""

    points: Floats
    """(R, d)."""
    columns: Whole
    """(R,) the number of the class that was asked for."""
    confidence: Floats
    """(R,) in [0, 1]."""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """One class: how many of the distinct nearest persons are members."""

    column: int
    small: bool
    """Whether the class is these persons', so that its control is everybody else."""
    persons: int
    """Members before the model, and as many of the control."""
    reconstructions: int
    nearest: int
    members: int
    p_value: float | None
    """Of a small class, against the whole control; None for any other."""


def of_each_class(restarts: int | None, classes: int) -> int:
    """How many reconstructions of each class to make."""
    return restarts if restarts is not None else -(-RECONSTRUCTIONS // classes)


def count_nearest(
    made: Reconstructions, members: Side, control: Side, seed: np.random.SeedSequence, small: int = SMALL
) -> tuple[ClassCount, ...]:
    """One count a class that has members, and a control; classes are independent strata.

    The control of a class is the non-members of the class who have no record among its members. Where
    there is no such person and the class has fewer than `small`, the class is these persons: its control
    is the non-members of all other classes.
    """
    counts = []
    for column in np.unique(made.columns).tolist():
        random = np.random.default_rng([*seed.generate_state(4).tolist(), column])
        own = members.columns == column
        others = (control.columns == column) & ~np.isin(control.persons, members.persons[own])
        names = np.unique(members.persons[own])
        is_small = not others.any() and 0 < len(names) < small
        if is_small:
            others = control.columns != column
        if own.any() and others.any():
            sides = _evened(_only(members, own), _only(control, others), random)
            counts.append(_count(made, column, *sides, is_small, random))
    return tuple(counts)


def _evened(members: Side, control: Side, random: np.random.Generator) -> tuple[Side, Side]:
    """As many records of every person: of two people, the one with more records has one that is nearer."""
    sizes = [np.unique(side.persons, return_counts=True)[1] for side in (members, control)]
    most = max(1, min(int(sizes[0].min()), int(np.median(sizes[1]))))
    kept = []
    for side in (members, control):
        mixed = _only(side, random.permutation(len(side.points)))
        order = np.argsort(mixed.persons, kind="stable")
        _, first, size = np.unique(mixed.persons[order], return_index=True, return_counts=True)
        turn = np.arange(len(order)) - np.repeat(first, size)
        kept.append(_only(mixed, order[(turn < most) & (np.repeat(size, size) >= most)]))
    return kept[0], kept[1]


def _count(
    made: Reconstructions,
    column: int,
    members: Side,
    control: Side,
    small: bool,
    random: np.random.Generator,
) -> ClassCount:
    mine = made.columns == column
    points, best = made.points[mine], int(made.confidence[mine].argmax())
    sides = [np.unique(side.persons, return_inverse=True) for side in (members, control)]
    m = min(len(names) for names, _ in sides)
    kept = [np.isin(who, random.permutation(len(names))[:m]) for names, who in sides]
    pool = np.concatenate([members.points[kept[0]], control.points[kept[1]]])
    whose = np.concatenate([sides[0][1][kept[0]], sides[1][1][kept[1]] + len(sides[0][0])])
    # In random order, so that which of two equally near records comes first is a fair draw.
    order = random.permutation(len(pool))
    nearest = np.unique(whose[order][distances(points, pool[order]).argmin(axis=1)])
    return ClassCount(
        column,
        small,
        m,
        len(points),
        len(nearest),
        int((nearest < len(sides[0][0])).sum()),
        _rank(points[best], members, control, sides[1]) if small else None,
    )


def _rank(
    point: Floats, members: Side, control: Side, persons: tuple[NDArray[Any], NDArray[np.intp]]
) -> float:
    """P(the nearest of a members stands this far in front among a + b exchangeable persons)."""
    a, b = len(np.unique(members.persons)), len(persons[0])
    own = distances(point[None], members.points).min()
    far = np.full(b, np.inf)
    np.minimum.at(far, persons[1], distances(point[None], control.points)[0])
    before = int((far <= own).sum())
    return 1.0 if before >= b else float(hypergeom.sf(0, a + b, a, before + 1))


def distances(points: Floats, others: Floats) -> Floats:
    """(R, n) Euclidean distances."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(points, others), dtype=np.float64)


def nearest_share(counts: tuple[ClassCount, ...], confidence: float) -> Interval:
    """The share of members among distinct nearest persons, with Clopper and Pearson's interval.

    It takes each nearest person for a member independently of the others, with a chance that may differ:
    then, as under the hypergeometric, the tails are no heavier than the binomial's (Hoeffding 1956).
    """
    return share(sum(one.members for one in counts), sum(one.nearest for one in counts), confidence)


def p_value(counts: tuple[ClassCount, ...]) -> float:
    """P(as many members or more among the nearest), exactly, if members and control are exchangeable."""
    chances = np.ones(1)
    for one in counts:
        drawn = hypergeom.pmf(np.arange(one.nearest + 1), 2 * one.persons, one.persons, one.nearest)
        chances = np.convolve(chances, drawn)
    return float(min(1.0, chances[sum(one.members for one in counts) :].sum()))


def _only(side: Side, rows: NDArray[Any]) -> Side:
    return Side(side.points[rows], side.columns[rows], side.persons[rows])
