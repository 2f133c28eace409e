from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import UsageError
from governance.privacy.record_risk import record_p_values, record_risk, worst_records

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_p_values_by_their_definition(members: list[int], non_members: list[int]) -> None:
    """(1 + non-members that score at least as high) / (1 + all non-members), in the members' order."""
    expected = [(1 + sum(z >= x for z in non_members)) / (1 + len(non_members)) for x in members]

    assert expected == record_p_values(members, non_members).tolist()


def test_exposed_records_are_counted() -> None:
    """Thirty members beyond every non-member are identifiable, and hardly any besides."""
    random = np.random.default_rng(2)
    members, non_members = random.normal(0, 1, 200), random.normal(0, 1, 2000)
    members[:30] = 20

    found = record_risk(members, non_members, (0.05,))

    assert 30 <= found.identifiable[0].records <= 34
    assert found.identifiable[0].share == found.identifiable[0].records / 200
    assert 1 / 2001 == found.smallest


@pytest.mark.parametrize(("n", "records"), [(999, 0), (1999, 100)])
def test_fewer_than_the_fewest_cannot_be_found(n: int, records: int) -> None:
    """With 1,000 members and q = 10 %, 999 non-members need 10 exposed records; here 5 against 9 needed."""
    members, non_members = np.zeros(1000), np.arange(n) / n
    members[: 5 if n == 999 else 100] = 2

    found = record_risk(members, non_members, (0.1,)).identifiable[0]

    assert ((10 if n == 999 else 5), records) == (found.fewest, found.records)


def test_nothing_exposed_nothing_found() -> None:
    """Constant scores identify nobody, at any rate; the curve ends in everybody at p = 1."""
    found = record_risk([1.0] * 100, [1.0] * 100)

    assert [0, 0] == [one.records for one in found.identifiable]
    assert ((1.0, 1.0),) * len(found.curve) == found.curve


def test_the_curve_is_thin_and_ascends() -> None:
    """At most 100 points, each the share of at least ten members at or below its p."""
    random = np.random.default_rng(4)
    members, non_members = random.normal(1, 1, 3000), random.normal(0, 1, 3000)
    p = record_p_values(members, non_members)

    curve = record_risk(members, non_members).curve

    assert len(curve) <= 100
    assert curve[0][1] >= 10 / 3000
    assert [(q, float(np.mean(p <= q))) for q, _ in curve] == list(curve)
    assert sorted(curve) == list(curve)


def test_what_goes_into_the_evidence() -> None:
    """Counts, rates and a curve: nothing that belongs to one record by name."""
    body = record_risk([3.0, 0.0], [1.0, 2.0], (0.5,)).body()

    assert {
        "smallest_p_value": 1 / 3,
        "identifiable": [{"q": 0.5, "records": 0, "share": 0.0, "fewest": 2}],
        "curve": {"p": [1.0], "share": [1.0]},
    } == body


def test_the_worst_records_by_row() -> None:
    """Highest first, with the caller's row numbers; ties share the better rank."""
    found = worst_records([1.0, 9.0, 5.0, 9.0], [0.0, 6.0, 7.0], 3, rows=[10, 11, 12, 13])

    assert [11, 13, 12] == found.rows.tolist()
    assert [1, 1, 3] == found.ranks.tolist()
    assert [0.25, 0.25, 0.75] == found.p_values.tolist()
    assert [0.5, 0.5, 0.75] == found.q_values.tolist()


@pytest.mark.parametrize(("rows", "count"), [([1, 2, 3], 1), (None, 0)])
def test_rows_and_counts_must_fit(rows: list[int] | None, count: int) -> None:
    """One row a member, and at least one record."""
    with pytest.raises(UsageError):
        worst_records([1.0, 2.0], [0.0], count, rows)
