from __future__ import annotations

import numpy as np
import pytest

from governance.errors import UsageError
from governance.privacy.slices import (
    FEWEST,
    Slicing,
    by_column,
    by_correctness,
    by_unusualness,
    deciles,
    measure_slices,
)
from governance.privacy.verdict import Leakage


def column(**counts: tuple[int, int]) -> tuple[np.ndarray, int]:
    """A column with so many members and non-members of each value, and how many members there are."""
    sides = [np.repeat(list(counts), [c[side] for c in counts.values()]) for side in (0, 1)]
    return np.concatenate(sides), len(sides[0])


def test_rare_values_are_never_named() -> None:
    """A value needs 20 records on each side; 19 on one side make it part of the rest."""
    values, n_members = column(common=(20, 20), rare=(19, 500), few=(500, 19))

    found = by_column("town", values, n_members)

    assert ("common", "other") == found.values
    assert [0] * 20 + [1] * 519 + [0] * 20 + [1] * 519 == found.codes.tolist()


def test_missing_values_are_among_the_rest() -> None:
    """None and NaN have no name."""
    values = np.array(["a"] * 25 + [None] * 30 + ["a"] * 25 + [None] * 30, dtype=object)

    assert ([0] * 25 + [1] * 30) * 2 == by_column("x", values, 55).codes.tolist()


def test_names_that_read_alike_are_told_apart() -> None:
    """A value called "other", and a number and a text that look the same, get a number behind."""
    values = np.array((["other"] * 20 + [1] * 20 + ["1"] * 20) * 2, dtype=object)

    assert 4 == len(set(by_column("x", values, 60).values))
    assert "other" == by_column("x", values, 60).values[-1]


def test_only_the_most_frequent_values_get_slices() -> None:
    """Of 30 values 20 are named."""
    values = np.tile(np.repeat(np.arange(30).astype(str), 25), 2)

    assert 21 == len(by_column("code", values, 750).values)


def test_numbers_become_quarters_named_by_their_order() -> None:
    """No bound of a quarter is told; what is not a number is apart."""
    values = np.concatenate([np.arange(100.0), [np.nan] * 4])

    found = by_column("income", values, 50)

    assert ("lowest quarter", "second quarter", "third quarter", "highest quarter", "other") == found.values
    assert [25, 25, 25, 25, 4] == np.bincount(found.codes).tolist()
    assert found.codes[:100].tolist() == sorted(found.codes[:100].tolist())


def test_few_numbers_are_codes_unless_told_otherwise() -> None:
    """Labels 0 and 1 are values; with `categorical` the caller decides."""
    values = np.tile([0, 1], 100)

    assert ("0", "1", "other") == by_column("class", values, 100).values
    assert "lowest quarter" == by_column("class", values, 100, categorical=False).values[0]


def test_deciles_order_the_unusual_last() -> None:
    """Ten groups of a tenth each."""
    assert np.repeat(np.arange(10), 10).tolist() == deciles(np.arange(100)).codes.tolist()


def test_what_stands_alone_is_unusual() -> None:
    """Five records far from all others are in the last decile, with a missing value or not."""
    random = np.random.default_rng(1)
    X = random.normal(size=(200, 3))
    X[:5] = 12.0 + random.normal(size=(5, 3))
    X[7, 1] = np.nan

    found = by_unusualness(X, 3)

    assert [9] * 5 == found.codes[:5].tolist()
    assert found.codes.tolist() == by_unusualness(X, 3).codes.tolist()


def leaking() -> tuple[np.ndarray, list[Slicing]]:
    """400 + 400 records; the 100 + 100 of group "b" leak, and group "c" has 10 members."""
    random = np.random.default_rng(2)
    group = np.tile(np.repeat([0, 1, 2], [290, 100, 10]), 2)
    scores = random.normal(0, 1, 800)
    scores[:400] += 2.0 * (group[:400] == 1)
    return scores, [Slicing("group", group, ("a", "b", "c"))]


def test_the_slice_that_leaks_is_found() -> None:
    """Its verdict is a leak, its neighbour's is not, and the small one has no number at all."""
    scores, cut = leaking()

    a, b, c = measure_slices(scores, 400, cut, (0.1,), 0.95)

    assert [Leakage.UNDECIDED, Leakage.SHOWN, Leakage.UNDECIDED] == [a.leakage, b.leakage, c.leakage]
    assert ("group", "b", 100, 100) == (b.slicing, b.value, b.n_members, b.n_non_members)
    assert b.auc is not None
    assert b.auc.low > 0.8
    assert [0.1] == [rate.fpr for rate in b.tpr_at_fpr]
    assert {"slicing": "group", "value": "c", "too_small": True} == c.body()
    assert {"n_members", "n_non_members", "auc", "tpr_at_fpr", "p_value", "verdict"} < set(b.body())


def test_more_slices_cost_each_of_them() -> None:
    """Intervals hold at once, so that the same slice is told less exactly beside others."""
    scores, cut = leaking()
    random = Slicing("lot", np.arange(800) % 5, tuple("vwxyz"))

    alone, beside = (measure_slices(scores, 400, s, (0.1,), 0.95)[1].auc for s in (cut, [*cut, random]))

    assert alone is not None
    assert beside is not None
    assert beside.low < alone.low < alone.high < beside.high


def test_rates_that_a_slice_does_not_resolve_are_left_out() -> None:
    """10 / f non-members, counted in the slice."""
    scores, cut = leaking()

    assert [2, 1] == [
        len(part.tpr_at_fpr) for part in measure_slices(scores, 400, cut, (0.04, 0.1), 0.95)[:2]
    ]


def test_a_shift_voids_slices() -> None:
    """Where a control failed, no slice shows anything."""
    scores, cut = leaking()

    found = measure_slices(scores, 400, cut, (), 0.95, shift_found=True)

    assert {Leakage.UNDECIDED} == {part.leakage for part in found}


@pytest.mark.parametrize(("members", "too_small"), [(FEWEST, False), (FEWEST - 1, True)])
def test_twenty_on_each_side(members: int, too_small: bool) -> None:
    """The bound is on the smaller side."""
    right = np.arange(members + 100) >= 0

    found = measure_slices(np.arange(members + 100), members, [by_correctness(right)], (), 0.95)

    assert [too_small] == [part.too_small for part in found]


def test_slicings_must_fit_the_scores() -> None:
    """One code a record, one value a record, and records on both sides."""
    with pytest.raises(UsageError, match="of 3 records"):
        measure_slices([1.0, 2.0], 1, [by_correctness([True, False, True])], (), 0.95)
    with pytest.raises(UsageError, match="members first"):
        by_column("x", ["a", "b"], 2)
