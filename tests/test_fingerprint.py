"""The identity of a table changes with its content, and with nothing else."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import UsageError
from governance.fingerprint import fingerprint

UTC = dt.timezone.utc


def of(values: Any, dtype: Any = None, name: Any = "a") -> str:
    """The fingerprint of a table of one column."""
    return fingerprint(pd.DataFrame({name: pd.Series(values, dtype=dtype)}))


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.decimals(allow_nan=False),
    st.lists(st.integers(0, 9)),
    st.dictionaries(st.text(), st.booleans()),
)


def spelled(value: Any) -> tuple[str, str]:
    """A value with its type, so that 1, 1.0 and True differ in Python too."""
    return type(value).__name__, repr(value)


@given(st.lists(CELLS, min_size=1, max_size=6), st.data())
def test_any_changed_cell_changes_it(cells: list[Any], data: st.DataObject) -> None:
    """One cell of another value or type makes another dataset."""
    row = data.draw(st.integers(0, len(cells) - 1))
    other = data.draw(CELLS.filter(lambda value: spelled(value) != spelled(cells[row])))
    changed = [other if i == row else cell for i, cell in enumerate(cells)]

    assert of(pd.Series(cells, dtype=object)) != of(pd.Series(changed, dtype=object))


@given(st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), min_size=1, max_size=5), st.data())
def test_any_changed_number_changes_it(rows: list[list[float]], data: st.DataObject) -> None:
    """In numeric columns too, down to the last bit, wherever it stands."""
    table = pd.DataFrame(rows, columns=["x", "y", "z"])
    row, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 2))
    other = float(np.nextafter(table.iat[row, column], np.inf))
    changed = table.copy()
    changed.iat[row, column] = 0.0 if np.isnan(other) or np.isinf(other) else other

    assert (fingerprint(table) == fingerprint(changed)) == table.equals(changed)


@given(st.permutations(range(4)), st.permutations(range(3)))
def test_order_of_rows_and_columns_counts(rows: list[int], columns: list[int]) -> None:
    """The same records in another order are another dataset; the index says nothing."""
    table = pd.DataFrame(np.arange(12).reshape(4, 3), columns=["x", "y", "z"])
    moved = table.iloc[rows, columns]

    assert (rows == [0, 1, 2, 3] and columns == [0, 1, 2]) == (fingerprint(table) == fingerprint(moved))


@given(st.lists(st.text(), min_size=2, max_size=4))
def test_texts_do_not_run_together(texts: list[str]) -> None:
    """("ab", "c") and ("a", "bc") differ: every text carries its length."""
    joined = [texts[0] + texts[1], "", *texts[2:]]

    assert (texts == joined) == (of(texts, "str") == of(joined, "str"))


def test_columns_do_not_run_together() -> None:
    """Moving a value from one column into its neighbour, or into its name, changes the identity."""
    assert fingerprint(pd.DataFrame({"a": ["ab"], "b": ["c"]})) != fingerprint(
        pd.DataFrame({"a": ["a"], "b": ["bc"]})
    )
    assert of(["x"], name="ab") != of(["bx"], name="a")


def test_a_name_counts_and_so_does_its_type() -> None:
    """A renamed column is another dataset; 1 and "1" are two names."""
    names = ["a", "b", "A", "a ", 1, "1", 1.0, ("a", "b"), None]

    assert len(names) == len({of([1], name=name) for name in names})


def test_types_are_told_apart() -> None:
    """1, 1.0, True, "1" and a whole number of another width are five."""
    same_ones = [
        of([1, 0], dtype)
        for dtype in ("int64", "int32", "uint8", "float64", "float32", "bool", "object", "str")
    ]

    assert len(same_ones) == len(set(same_ones))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (of([1, 2], "int64"), of([1, 2], "Int64")),
        (of([1, 2], "int64"), of([1, 2], "category")),
        (of([1, None], "Int64"), of(pd.Categorical([1, None]))),
        (of([1.5, None], "float64"), of([1.5, None], "Float64")),
        (of([True, False], "bool"), of([True, False], "boolean")),
        (of(["x", None], "str"), of(["x", None], "object")),
        (of(["x", None], "str"), of(["x", np.nan], "string")),
        (of(["x", None], "str"), of(["x", None], "category")),
        (of(["x", None], "str"), of(["x", None], pd.ArrowDtype(__import__("pyarrow").string()))),
        (of([1, 2], "int64"), of([1, 2], "int64[pyarrow]")),
        (of(["2000-01-01"], "datetime64[s]"), of(["2000-01-01"], "datetime64[ns]")),
    ],
)
def test_the_container_does_not_count(one: str, other: str) -> None:
    """What changes only how pandas holds the values does not change the dataset."""
    assert one == other


def test_missing_is_one_value() -> None:
    """None, NaN of any bit pattern, NaT and NA are alike; an empty text and zero are not missing."""
    odd_nan = np.frombuffer(b"\x01\x00\x00\x00\x00\x00\xf8\xff", dtype="<f8")[0]
    odd = [
        of(pd.Series([gap, 1], dtype=object))
        for gap in (None, np.nan, odd_nan, pd.NA, pd.NaT, Decimal("NaN"))
    ]

    assert 1 == len(set(odd))
    assert of([np.nan, 1.0]) == of([odd_nan, 1.0])
    assert of([None], "str") != of([""], "str")
    assert of([np.nan]) != of([0.0])


def test_an_instant_is_told_from_its_zone() -> None:
    """A zoned timestamp, a naive one and one in another zone are three columns."""
    naive = pd.Series(pd.to_datetime(["2000-01-01T12:00"]))
    zoned = [naive.dt.tz_localize(zone) for zone in ("UTC", "Europe/Berlin")]

    assert 3 == len({of(series) for series in (naive, *zoned)})


@pytest.mark.parametrize(
    "values",
    [
        pd.period_range("2000", periods=2, freq="D"),
        pd.interval_range(0, 2),
        pd.arrays.SparseArray([0, 1]),
        [1j],
        [object()],
        [{1, 2}],
        [[float("nan")]],
    ],
)
def test_what_has_no_one_spelling_is_refused(values: Any) -> None:
    """Better no identity than one that depends on how Python prints a thing; the value is not shown."""
    with pytest.raises(UsageError, match=r"'a' holds values of type .*: no one spelling"):
        of(values)


def test_arrays_have_one_too() -> None:
    """Shape, type and every element of a numpy array count."""
    arrays = [
        np.zeros((2, 3)),
        np.zeros((3, 2)),
        np.zeros(6),
        np.zeros((2, 3), "f4"),
        np.zeros((2, 3), int),
        np.array(["a", "b"]),
        np.eye(2),
    ]

    assert len(arrays) == len({fingerprint(array) for array in arrays})
    assert fingerprint(np.eye(3)) == fingerprint(np.asfortranarray(np.eye(3)))


@pytest.mark.parametrize("other", [None, [1, 2], "table.csv", pd.Series([1]), np.zeros(2, "i4,f8")])
def test_other_things_have_none(other: Any) -> None:
    """A list, a Series or an array of structures is refused."""
    with pytest.raises(UsageError):
        fingerprint(other)


def test_it_does_not_change_with_releases() -> None:
    """A fingerprint written down today is found again in two years."""
    table = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, np.nan],
            "text": ["å", None],
            "when": pd.to_datetime(["2000-01-01", None]),
            "day": [dt.date(2000, 1, 1), None],
            "nested": [{"b": 1, "a": [True]}, [1]],
        }
    )

    assert "fb2b018c2682d6af9a00d0c03094e8d90ef5bed40b5864aac28b349756496be0" == fingerprint(table)


def test_what_the_tracking_server_s_digest_misses() -> None:
    """A date of birth and a record behind the first 10,000 are part of the identity."""
    born = pd.DataFrame({"id": ["a"], "born": [dt.date(1990, 1, 1)]})
    long = pd.DataFrame({"x": np.zeros(10_001)})
    changed = long.copy()
    changed.iat[10_000, 0] = 1.0

    assert fingerprint(born) != fingerprint(born.assign(born=[dt.date(1990, 1, 2)]))
    assert fingerprint(long) != fingerprint(changed)


@pytest.mark.slow
def test_a_million_records_take_seconds() -> None:
    """1,000,000 records of ten numbers are hashed in one pass over their bytes."""
    import time

    table = pd.DataFrame(np.random.default_rng(0).random((1_000_000, 10)))
    started = time.perf_counter()
    fingerprint(table)

    assert 10 > time.perf_counter() - started
