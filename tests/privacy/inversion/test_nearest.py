from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from governance.privacy.inversion.nearest import (
    ClassCount,
    Reconstructions,
    Side,
    count_nearest,
    nearest_share,
    of_each_class,
    p_value,
)

WORLDS = 300


def side(points: Any, columns: Any, persons: Any = None) -> Side:
    """Records on a line; whose they are counts from 1000 upwards by place if not said."""
    array = np.asarray(points, dtype=np.float64).reshape(len(points), -1)
    whose = np.arange(len(array)) + 1000 * len(array) if persons is None else np.asarray(persons)
    return Side(array, np.asarray(columns), whose)


def made(points: Any, columns: Any) -> Reconstructions:
    """Reconstructions of which the model is the surer the later they come."""
    array = np.asarray(points, dtype=np.float64).reshape(len(points), -1)
    return Reconstructions(array, np.asarray(columns), np.linspace(0.5, 1, len(array)))


SEED = np.random.SeedSequence(3)


def test_counts_by_hand() -> None:
    """Two reconstructions share their nearest record and count once; classes do not mix."""
    members = side([0.0, 10.0, 20.0, 100.0], [0, 0, 0, 1], [1, 2, 3, 4])
    control = side([5.0, 15.0, 25.0, 90.0], [0, 0, 0, 1], [5, 6, 7, 8])
    points = made([0.1, 0.2, 14.0, 99.0, 5.5], [0, 0, 0, 1, 0])

    assert (
        ClassCount(0, False, 3, 4, 3, 1, None),
        ClassCount(1, False, 1, 1, 1, 1, None),
    ) == count_nearest(points, members, control, SEED)


def test_p_value_is_that_of_all_ways_to_label_the_pool() -> None:
    """The convolution equals counting every way in which members could stand, class by class."""
    counts = (ClassCount(0, False, 3, 9, 2, 2, None), ClassCount(1, False, 2, 9, 3, 2, None))
    ways = [
        len({0, 1} & set(first)) + len({0, 1, 2} & set(second))
        for first in combinations(range(6), 3)
        for second in combinations(range(4), 2)
    ]

    assert pytest.approx(np.mean(np.array(ways) >= 4)) == p_value(counts)


def test_share_and_its_interval() -> None:
    """Clopper and Pearson's interval of all classes together."""
    counts = (ClassCount(0, False, 50, 9, 6, 6, None), ClassCount(1, False, 50, 9, 4, 4, None))
    interval = nearest_share(counts, 0.95)

    assert (1.0, round(0.025 ** (1 / 10), 12), 1.0) == (
        interval.point,
        round(interval.low, 12),
        interval.high,
    )


def test_equally_near_records_are_a_fair_draw() -> None:
    """A member and a non-member at the same place are nearest half the time each."""
    members, control = side([1.0], [0], [1]), side([1.0], [0], [2])
    hits = sum(
        count_nearest(made([1.0], [0]), members, control, np.random.SeedSequence(i))[0].members
        for i in range(WORLDS)
    )

    assert abs(hits - WORLDS / 2) < 4 * np.sqrt(WORLDS / 4)


def test_a_class_that_others_share_is_compared_with_them() -> None:
    """One member and one non-member of a class: no small class, for others belong to it."""
    (count,) = count_nearest(made([0.0], [7]), side([0.0], [7]), side([1.0, 50.0], [7, 8]), SEED)

    assert (False, None) == (count.small, count.p_value)


def test_a_class_of_one_person_is_compared_with_everybody() -> None:
    """Nobody else is of the class: the person stands first among all, which chance does once in 40."""
    others = side(np.linspace(5, 100, 39), np.zeros(39, dtype=int), np.arange(39))
    members = side([0.0, 0.1, 1.0], [7, 7, 0], [99, 99, 98])
    (count,) = count_nearest(made([0.05], [7]), members, others, SEED)

    assert ClassCount(7, True, 1, 1, 1, 1, count.p_value) == count
    assert pytest.approx(1 / 40) == count.p_value


def test_who_is_as_near_stands_before() -> None:
    """Of a small class too, a tie is decided for the one who was not in training: p = 2/4, not 1/4."""
    others = side([0.0, 5.0, 6.0], [0, 0, 0], [1, 2, 3])
    (count,) = count_nearest(made([0.0], [7]), side([0.0], [7], [9]), others, SEED)

    assert pytest.approx(2 / 4) == count.p_value


def test_the_same_person_is_no_control() -> None:
    """Further records of a person in training are not what others look like."""
    members = side([0.0, 0.1], [7, 7], [1, 1])
    control = side([0.05, 9.0, 10.0], [7, 0, 0], [1, 2, 3])
    (count,) = count_nearest(made([0.05], [7]), members, control, SEED)

    assert (True, 1) == (count.small, count.members)


def test_a_large_class_without_control_is_not_judged() -> None:
    """Six persons of a class nobody else is of are too many to be a small class."""
    members = side(np.arange(6), np.zeros(6, dtype=int))

    assert () == count_nearest(made([0.0], [0]), members, side([1.0], [1]), SEED)


def test_more_records_of_a_person_are_no_advantage() -> None:
    """Members with nine records each beside non-members with one: nearest no more often than half."""
    random = np.random.default_rng(4)
    hits = total = 0
    for world in range(WORLDS):
        members = side(random.normal(size=(27, 2)), np.zeros(27, dtype=int), np.repeat([1, 2, 3], 9))
        control = side(random.normal(size=(3, 2)), np.zeros(3, dtype=int), [4, 5, 6])
        points = made(random.normal(size=(1, 2)), [0])
        (count,) = count_nearest(points, members, control, np.random.SeedSequence(world))
        hits, total = hits + count.members, total + count.nearest

    assert abs(hits - total / 2) < 4 * np.sqrt(total / 4)


@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("small", [False, True])
def test_reconstructions_of_nobody_alarm_no_more_often_than_stated(small: bool, levels: int | None) -> None:
    """Of 300 worlds without a leak, at most 5 % have p ≤ 5 %, ties or none, large classes or small."""
    random = np.random.default_rng(5)
    alarms = 0
    for world in range(WORLDS):
        points = random.normal(size=(70, 2))
        if levels:
            points = np.digitize(points, np.linspace(-1, 1, levels)).astype(float)
        columns = np.r_[[0, 1, 2], np.full(27, 9)] if small else np.repeat([0, 1], 15)
        control = np.full(30, 9) if small else np.repeat([0, 1], 15)
        counts = count_nearest(
            made(points[60:], np.repeat(columns[:3], 4)[:10] if small else [0, 1] * 5),
            side(points[:30], columns, np.arange(30)),
            side(points[30:60], control, np.arange(30, 60)),
            np.random.SeedSequence(world),
        )
        p = min(one.p_value or 1.0 for one in counts) * 3 if small else p_value(counts)
        alarms += p <= 0.05
        assert small is (counts[0].p_value is not None)

    assert alarms <= WORLDS * 0.05 + 3 * np.sqrt(WORLDS * 0.05 * 0.95)


def test_how_many_reconstructions() -> None:
    """Two hundred in all, rounded up class by class, unless told otherwise."""
    assert [100, 29, 1, 3] == [of_each_class(*asked) for asked in ((None, 2), (None, 7), (None, 500), (3, 2))]
