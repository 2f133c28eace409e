"""A dataset enters the catalogue once, under its content, with the label and reason of a person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from governance.cataloguing import catalogue, duplicates, fingerprint, read_table, relabel
from governance.domain.dataset import Budget, Catalogued, Dataset, Labelling
from governance.domain.label import Confidentiality, to_json
from governance.errors import Conflict, NotFound, UsageError
from governance.memory import MemoryArchive


@pytest.fixture
def visits() -> pd.DataFrame:
    """Four visits of three people, two of them alike."""
    return pd.DataFrame({"person": ["a", "b", "b", "c"], "visits": [1, 2, 2, 0]})


@pytest.fixture
def add(make: Any) -> Any:
    """Catalogues a table; what is not said is filled in."""

    def call(archive: MemoryArchive, frame: pd.DataFrame, **changes: Any) -> Dataset:
        said = {
            "name": "visits",
            "label": make.label(),
            "source": "visits.csv",
            "budget": None,
            "subject_column": None,
            "mlflow_digest": None,
            "by": "ada",
            "now": make.noon,
            "reason": "patients' visits",
        }
        with archive.writing() as books:
            return catalogue(books, frame, **(said | changes))

    return call


def test_the_whole_record(visits: pd.DataFrame, add: Any, make: Any) -> None:
    """Counts, identity and label are kept, and one event says so; the label's provenance is the dataset."""
    archive = MemoryArchive()
    budget = Budget(2.0, 1e-6, "person", True)

    made = add(archive, visits, budget=budget, subject_column="person", mlflow_digest="0a1b2c3d")

    expected = Dataset(
        name="visits",
        sha256=fingerprint(visits),
        n_records=4,
        columns=("person", "visits"),
        source="visits.csv",
        mlflow_digest="0a1b2c3d",
        n_subjects=3,
        max_records_per_subject=2,
        budget=budget,
        catalogued_at=make.noon,
        catalogued_by="ada",
    )
    label = replace(make.label(), provenance=frozenset({expected.identity}))
    labelling = Labelling(expected.identity, label, make.noon, "ada", "patients' visits")
    assert expected == made
    with archive.reading() as books:
        assert (Catalogued(expected, labelling),) == books.catalogue.all()
        assert [("ada", "dataset:catalogued", {"dataset": expected.identity, "label": to_json(label)})] == [
            (entry.actor, entry.type, entry.body) for entry in books.audit.entries()
        ]


@pytest.mark.parametrize("name", ["visits", "visits-2"])
def test_one_content_is_catalogued_once(visits: pd.DataFrame, add: Any, name: str) -> None:
    """Neither again nor under a second name, which would have a label and a budget of its own."""
    archive = MemoryArchive()
    add(archive, visits)

    with pytest.raises(Conflict, match=r"catalogued already.*\n.*dataset relabel visits"):
        add(archive, visits, name=name)


def test_several_contents_may_share_a_name(visits: pd.DataFrame, add: Any) -> None:
    """Next month's extract is another dataset of the same name."""
    archive = MemoryArchive()

    made = [add(archive, visits), add(archive, visits.head(3))]

    with archive.reading() as books:
        assert made == [entry.dataset for entry in books.catalogue.named("visits")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "visits@1"}, "cannot name a dataset"),
        ({"name": " "}, "cannot name a dataset"),
        ({"reason": " "}, "needs a reason"),
        ({"subject_column": "patient"}, "no one column is named 'patient'"),
        ({"budget": Budget(float("nan"), 1e-5, "person", True)}, "epsilon nan"),
        ({"budget": Budget(float("inf"), 1e-5, "person", True)}, "epsilon inf"),
        ({"budget": Budget(-10.0, 1e-5, "person", True)}, "epsilon -10.0"),
        ({"budget": Budget(1.0, 0.0, "person", True)}, "delta 0.0"),
        ({"budget": Budget(1.0, 1e-5, "", True)}, "no unit"),
    ],
)
def test_what_cannot_be_catalogued(
    visits: pd.DataFrame, add: Any, changes: dict[str, Any], message: str
) -> None:
    """Every refusal says what was wrong, and nothing is written."""
    archive = MemoryArchive()

    with pytest.raises(UsageError, match=message):
        add(archive, visits, **changes)
    with archive.reading() as books:
        assert () == books.catalogue.all()


def test_a_record_without_a_subject(visits: pd.DataFrame, add: Any) -> None:
    """Who cannot be told apart cannot be counted: refused with the number, without a value."""
    visits.loc[3, "person"] = None

    with pytest.raises(UsageError, match="1 records have no value in 'person'"):
        add(MemoryArchive(), visits, subject_column="person")


def test_an_empty_table(visits: pd.DataFrame, add: Any) -> None:
    """A table without records is a mistake."""
    with pytest.raises(UsageError, match="no records"):
        add(MemoryArchive(), visits.head(0))


def test_relabelling(visits: pd.DataFrame, add: Any, make: Any) -> None:
    """A new label is added beside the old, with its own provenance, and the event shows both."""
    archive = MemoryArchive()
    made = add(archive, visits)
    secret = make.label(Confidentiality.CONFIDENTIAL)

    with archive.writing() as books:
        labelling = relabel(books, "visits", secret, by="dora", now=make.later(1), reason="reviewed")

    own = frozenset({made.identity})
    before, after = replace(make.label(), provenance=own), replace(secret, provenance=own)
    assert Labelling(made.identity, after, make.later(1), "dora", "reviewed") == labelling
    with archive.reading() as books:
        assert [before, after] == [each.label for each in books.catalogue.history(made.identity)]
        *_, event = books.audit.entries()
        assert "dataset:relabelled" == event.type
        assert {
            "dataset": made.identity,
            "before": to_json(before),
            "after": to_json(after),
            "reason": "reviewed",
        } == event.body


def test_relabelling_names_one_content(visits: pd.DataFrame, add: Any, make: Any) -> None:
    """A shared name is not enough, an identity is, and an unknown one is not found."""
    archive = MemoryArchive()
    first = add(archive, visits)
    add(archive, visits.head(3))

    with archive.writing() as books:
        with pytest.raises(UsageError, match="names 2 contents"):
            relabel(books, "visits", make.label(), by="dora", now=make.noon, reason="reviewed")
        with pytest.raises(NotFound, match="no dataset 'visit'"):
            relabel(books, "visit", make.label(), by="dora", now=make.noon, reason="reviewed")
        done = relabel(books, first.identity, make.label(), by="dora", now=make.noon, reason="reviewed")

    assert first.identity == done.dataset


def test_duplicates() -> None:
    """Exact repetitions are counted, in nested columns and beside gaps too; 1 and True are two."""
    nested = pd.DataFrame({"a": [[1], [1], [2]], "b": [None, np.nan, None]})

    assert 1 == duplicates(nested)
    assert 0 == duplicates(pd.DataFrame({"a": pd.Series([1, True, "1"], dtype=object)}))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_tables_are_read(tmp_path: Path, visits: pd.DataFrame, name: str) -> None:
    """The three kinds of files give back the same dataset."""
    path = tmp_path / name
    visits.to_parquet(path) if name == "t.parquet" else visits.to_csv(path, index=False)

    assert fingerprint(visits) == fingerprint(read_table(path))


def test_a_csv_keeps_every_digit(tmp_path: Path) -> None:
    """Numbers come back to the last bit, or the same file would be two datasets."""
    exact = pd.DataFrame(
        {"x": np.random.default_rng(0).random(1000) * 10.0 ** np.arange(-500, 500).clip(-300, 300)}
    )
    path = tmp_path / "exact.csv"
    exact.to_csv(path, index=False)

    assert fingerprint(exact) == fingerprint(read_table(path))


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("missing.csv", None, NotFound, "is not a file"),
        ("table.xlsx", b"", UsageError, "read from .csv, .csv.gz and .parquet"),
        ("not_a_table.parquet", b"name,secret\nada,1\n", UsageError, "cannot be read"),
        ("ragged.csv", b"a,b\n1,2\n1,2,secret\n", UsageError, "cannot be read: ParserError"),
        ("empty.csv", b"", UsageError, "cannot be read: EmptyDataError"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes | None, error: type[UsageError], message: str
) -> None:
    """The refusal names the file and what would do; it quotes no record."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(error, match=message) as raised:
        read_table(path)
    assert "secret" not in str(raised.value)
