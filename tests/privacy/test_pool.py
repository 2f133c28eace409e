from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from governance.errors import UsageError
from governance.privacy.pool import features, make_pool


@dataclass
class Side:
    """Records with labels."""

    X: Any
    y: Any


def numbers(n: int, first: int = 0) -> Side:
    """n distinct records of two numbers."""
    column = np.arange(first, first + n, dtype=float)
    return Side(np.column_stack([column, -column]), np.arange(n) % 2)


def people(n: int, first: int = 0) -> Side:
    """n distinct records of text, a category, a date and a number with gaps."""
    kinds = pd.CategoricalDtype(["x", "y"])
    X = pd.DataFrame(
        {
            "name": [f"name {i}" for i in range(first, first + n)],
            "kind": pd.Series(["x", "y"] * (n // 2)).astype(kinds),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n) % 7, unit="D"),
            "age": [None if i % 5 == 0 else float(i % 40) for i in range(n)],
        }
    )
    return Side(X, pd.Series(["yes", "no"] * (n // 2)))


@pytest.mark.parametrize("kind", [numbers, people])
def test_both_sides_stand_in_one_pool(kind: Any) -> None:
    """Members come first, nothing is lost, and the kind of table is kept."""
    members, non_members = kind(100), kind(120, first=1000)

    pool = make_pool(members, non_members)

    assert (100, 120, 0) == (pool.n_members, pool.n_non_members, pool.repeated)
    assert type(members.X) is type(pool.X)
    assert np.concatenate([members.y, non_members.y]).tolist() == pool.y.tolist()
    assert [100, 120] == [len(side) for side in pool.split(pool.y)]


@pytest.mark.parametrize("kind", [numbers, people])
def test_a_record_on_both_sides_is_refused(kind: Any) -> None:
    """The refusal counts the shared records and shows none of them."""
    members, non_members = kind(110), kind(110, first=105)
    non_members.y = np.roll(np.asarray(non_members.y), -1)
    if kind is people:
        non_members.X[["kind", "since", "age"]] = (
            members.X[["kind", "since", "age"]].iloc[np.r_[105:110, 0:105]].to_numpy()
        )
        non_members.X = non_members.X.astype(members.X.dtypes.to_dict())

    with pytest.raises(UsageError) as caught:
        make_pool(members, non_members)

    assert "members and non_members share 5 records; deduplicate before splitting" == caught.value.message


def test_the_label_belongs_to_the_record() -> None:
    """Equal X with another y is another record."""
    members, non_members = numbers(100), numbers(100)
    non_members.y = non_members.y + 1

    assert 100 == make_pool(members, non_members).n_non_members


def test_equal_numbers_of_other_types_are_equal() -> None:
    """An integer column here and a float column there, −0.0 and 0.0, NaN and NaN: the same records."""
    whole = Side(pd.DataFrame({"a": range(100)}), [0] * 100)
    floating = Side(pd.DataFrame({"a": np.arange(100.0)}), [0.0] * 100)
    zeros = numbers(100)
    zeros.X[:, 1] = 0.0
    signed = Side(zeros.X * [1, -1], zeros.y)
    gaps, same_gaps = (Side(np.column_stack([np.arange(100.0), [np.nan] * 100]), [0] * 100) for _ in range(2))

    for members, non_members in ((whole, floating), (zeros, signed), (gaps, same_gaps)):
        with pytest.raises(UsageError, match="share 100 records"):
            make_pool(members, non_members)


def test_repeated_records_count_once() -> None:
    """A record that stands twice on its own side is one record: only independent ones carry intervals."""
    members = numbers(100)
    members = Side(np.concatenate([members.X, members.X[:30]]), np.concatenate([members.y, members.y[:30]]))

    pool = make_pool(members, numbers(100, first=500))

    assert (100, 100, 30) == (pool.n_members, pool.n_non_members, pool.repeated)
    assert numbers(100).X.tolist() == pool.X[:100].tolist()


def test_images_are_records_too() -> None:
    """Any shape behind the first axis is one record."""
    pixels = np.random.default_rng(0).integers(0, 255, (220, 3, 4, 4), dtype=np.uint8)
    pool = make_pool(Side(pixels[:110], [0] * 110), Side(pixels[110:], [1] * 110))

    assert (220, 3, 4, 4) == pool.X.shape
    assert (220, 3 * 4 * 4 + 1) == features(pool).shape


def test_texts_are_records_too() -> None:
    """A list of texts, as a text model takes it, is one column without a name."""
    texts = np.array([f"note {i}" for i in range(220)], dtype=object)

    pool = make_pool(Side(texts[:110], [0] * 110), Side(texts[110:], [1] * 110))

    assert texts.tolist() == pool.X.tolist()
    assert (220, 2) == features(pool).shape


def frame(**columns: Any) -> Side:
    """100 records with these columns."""
    return Side(pd.DataFrame(columns, index=range(100)), [0] * 100)


@pytest.mark.parametrize(
    ("members", "non_members", "message"),
    [
        pytest.param(numbers(99), numbers(100, 500), "members has 99 distinct records", id="few-members"),
        pytest.param(numbers(100), numbers(9, 500), "non_members has 9 distinct", id="few-non-members"),
        pytest.param(frame(a=1), frame(b=1), "different columns; only on one side: a, b", id="other-columns"),
        pytest.param(frame(a=1, b=2), frame(b=2, a=1), "the same names in another order", id="other-order"),
        pytest.param(frame(a="1"), frame(a=1), "Column a is", id="other-type"),
        pytest.param(
            Side(np.zeros((100, 2)), [0] * 100), Side(np.zeros((100, 3)), [0] * 100), "(2,)", id="other-width"
        ),
        pytest.param(frame(a=1), numbers(100), "must both be", id="frame-and-array"),
        pytest.param(Side([[1]] * 100, [0] * 100), numbers(100), "must both be", id="lists"),
        pytest.param(
            Side(numbers(100).X, [0.0] * 98 + [np.nan] * 2), numbers(100, 500), "2 records without", id="nan"
        ),
        pytest.param(
            Side(numbers(100).X, [None] + ["a"] * 99), numbers(100, 500), "1 records without", id="none"
        ),
        pytest.param(
            Side(numbers(100).X, [0] * 99), numbers(100, 500), "labels of shape", id="too-few-labels"
        ),
        pytest.param(
            Side(numbers(100).X, ["0"] * 100), numbers(100, 500), "text on the other", id="label-types"
        ),
    ],
)
def test_sides_that_do_not_fit_are_refused(members: Side, non_members: Side, message: str) -> None:
    """Each misfit is named in words, by columns and counts."""
    with pytest.raises(UsageError) as caught:
        make_pool(members, non_members)

    assert message in caught.value.message


def test_features_do_not_follow_the_order_of_the_pool() -> None:
    """Text becomes its rank among the sorted texts; a rank by appearance would give members away."""
    pool = make_pool(people(100, first=1100), people(100, first=1000))
    ranks = features(pool)[:, 0]

    assert list(range(100, 200)) + list(range(100)) == ranks.tolist()


def test_features_are_finite_or_missing() -> None:
    """What float32 cannot hold is brought to its edge; what is missing stays missing."""
    odd = numbers(100)
    odd.X[:3, 1] = [np.inf, -np.inf, np.nan]
    largest = float(np.finfo(np.float32).max)

    column = features(make_pool(odd, numbers(100, 500)))[:3, 1].tolist()

    assert [largest, -largest] == column[:2]
    assert np.isnan(column[2])
