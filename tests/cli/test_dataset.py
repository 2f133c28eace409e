"""`governance dataset` on real tables: what is catalogued, listed and shown, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from governance.domain.mechanism import SampledGaussian
from governance.fingerprint import fingerprint
from governance.spending import commit
from governance.storage.archive import open_archive

LABEL = """\
confidentiality: confidential
identifiability: personal
special_categories: [health]
subject_categories: [patient]
purposes: [care]
regions: [eu]
retention: 2035-12-31
consent: valid
legal_basis: documented
"""

VISITS = "person,age,ill\nann,31,0\nbob,52,1\nann,32,1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    """A folder with a table and its label."""
    (tmp_path / "visits.csv").write_text(VISITS, encoding="utf-8")
    (tmp_path / "label.yaml").write_text(LABEL, encoding="utf-8")
    return tmp_path


@pytest.fixture
def add(call: Any) -> Any:
    """Catalogues the table under a name."""

    def adding(*options: str, name: str = "visits", data: str = "visits.csv") -> Any:
        return call("dataset", "add", name, data, "--label", "label.yaml", *options)

    return adding


BUDGET = ("--epsilon", "3", "--delta", "1e-5", "--unit", "person", "--unit-is-data-subject")


def test_a_table_is_catalogued(call: Any, add: Any, folder: Path) -> None:
    """Its identity is the fingerprint of its content; the command says so in one line."""
    sha256 = fingerprint(pd.read_csv(folder / "visits.csv"))

    assert (0, f"Catalogued visits: 3 records, sha256 {sha256}.\n", "") == add()
    entries = json.loads(call("audit", "log", "--format", "json").out)["entries"]
    assert [("dataset:catalogued", "ada", f"visits@{sha256}")] == [
        (entry["type"], entry["actor"], entry["body"]["dataset"]) for entry in entries
    ]


def test_a_table_as_json(call: Any, add: Any, folder: Path) -> None:
    """The documented schema, whole: as catalogued, as listed, as shown."""
    added = json.loads(add("--subject-column", "person", *BUDGET, "--format", "json").out)

    sha256 = fingerprint(pd.read_csv(folder / "visits.csv"))
    expected = {
        "name": "visits",
        "sha256": sha256,
        "n_records": 3,
        "n_subjects": 2,
        "max_records_per_subject": 2,
        "columns": ["person", "age", "ill"],
        "source": "visits.csv",
        "label": {
            "confidentiality": "confidential",
            "identifiability": "personal",
            "special_categories": ["health"],
            "subject_categories": ["patient"],
            "purposes": ["care"],
            "regions": ["eu"],
            "retention": "2035-12-31",
            "consent": "valid",
            "legal_basis": "documented",
            "provenance": [f"visits@{sha256}"],
        },
        "budget": {"epsilon": 3.0, "delta": 1e-5, "unit": "person", "unit_is_data_subject": True},
    }
    unspent = {"spent_epsilon": 0.0, "overdrawn": False}
    assert {"schema": "governance/dataset/v1"} | expected | unspent == added
    listed = {
        "schema": "governance/datasets/v1",
        "datasets": [expected | {"spent_epsilon": 0.0, "overdrawn": False}],
    }
    for command in (("list",), ("show", "visits")):
        assert listed == json.loads(call("dataset", *command, "--format", "json").out)


def test_the_list(call: Any, add: Any) -> None:
    """Empty, it says what to type; names in brackets and colours of somebody's making stay text."""
    empty = call("dataset", "list")
    add(*BUDGET)
    (Path("other.csv")).write_text("a\n1\n")
    add(name="notes [bold]\x1b[31m", data="other.csv")

    assert "Add one: governance dataset add NAME DATA --label LABEL.yaml" in empty.out
    heading, first, second = call("dataset", "list").out.splitlines()
    assert ["dataset", "sha256", "records", "confidentiality", "special", "categories"] == heading.split()[:6]
    assert "notes [bold]\\x1b[31m" in first
    assert ["visits", "3", "confidential", "health", "0", "of", "3"] == [
        word for word in second.split() if len(word) != 12 or word == "confidential"
    ]


def test_one_in_full(call: Any, add: Any, make: Any, folder: Path) -> None:
    """Content, people, label and its history, budget and charges."""
    add("--subject-column", "person", *BUDGET, "--reason", "by the study plan")
    (folder / "label.yaml").write_text(LABEL.replace("consent: valid", "consent: invalid"))
    again = call(
        "dataset", "relabel", "visits", "--label", "label.yaml", "--reason", "withdrawn", "--as", "dora"
    )
    training = replace(make.training(), phases=(SampledGaussian(10.0, 1.0, 1),))
    with open_archive(f"sqlite:///{folder / 'books.db'}").writing() as books:
        commit(books, ["visits"], training, key="k1", by="bob", now=make.noon)

    shown = call("dataset", "show", "visits").out

    assert (0, "visits is relabelled. Versions in service that it now closes: governance doctor\n") == again[
        :2
    ]
    for words in (
        "3 records, 3 columns, data subjects: 2",
        "read from visits.csv by ada",
        "consent              invalid",
        "special categories   health",
        "by ada: by the study plan",
        "by dora: withdrawn",
        "budget: ε 3 at δ 1e-05 per person; spent ε ",
        "2026-03-01 12:00 committed k1 by bob",
    ):
        assert words in shown


def test_more_spent_than_anybody_can_compute(call: Any, add: Any, make: Any, folder: Path) -> None:
    """It is overdrawn, the list still lists, and the JSON is JSON."""
    add(*BUDGET)
    hopeless = replace(make.training(), phases=(SampledGaussian(1e-200, 1.0, 1),))
    with open_archive(f"sqlite:///{folder / 'books.db'}").writing() as books:
        commit(books, ["visits"], hopeless, key="k1", by="eve", now=make.noon)

    def strictly(constant: str) -> None:
        raise AssertionError(constant)

    printed = call("dataset", "list", "--format", "json").out
    (shown,) = json.loads(printed, parse_constant=strictly)["datasets"]

    assert (None, True) == (shown["spent_epsilon"], shown["overdrawn"])
    assert "inf of 3" in call("dataset", "list").out


def test_the_same_content_again(call: Any, add: Any) -> None:
    """A second name would be a second budget for the same people."""
    add()
    for name in ("visits", "other"):
        answer = add(name=name)
        assert (2, "") == (answer.code, answer.out)
        assert "this content is catalogued already, as visits@" in answer.err
        assert "governance dataset relabel visits --label FILE" in answer.err
    assert 1 == len(json.loads(call("dataset", "list", "--format", "json").out)["datasets"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--epsilon", "3"), "Give both --epsilon and --delta, or neither."),
        (("--delta", "1e-5"), "Give both --epsilon and --delta, or neither."),
        (("--epsilon", "inf", "--delta", "1e-5"), "a budget of epsilon inf"),
        (("--epsilon", "nan", "--delta", "1e-5"), "epsilon"),
        (("--epsilon", "-1", "--delta", "1e-5"), "--epsilon"),
        (("--epsilon", "3", "--delta", "1"), "--delta"),
        (("--epsilon", "3", "--delta", "1e-5", "--unit", " "), "no unit of privacy"),
        (("--subject-column", "name"), "no one column is named 'name'"),
        (("--reason", " "), "a label needs a reason"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_catalogued(call: Any, add: Any, options: tuple[str, ...], words: str) -> None:
    """Exit code 2, the reason, and nothing in the catalogue."""
    answer = add(*options)

    assert (2, "", True) == (answer.code, answer.out, words in answer.err), answer.err
    assert [] == json.loads(call("dataset", "list", "--format", "json").out)["datasets"]


@pytest.mark.parametrize(
    ("name", "contents", "words"),
    [
        ("t.csv", "", "t.csv cannot be read"),
        ("t.csv", "a,b\n", "the table has no records"),
        ("t.csv", 'a,b\n"Ann Smith,1\n', "t.csv cannot be read"),
        ("t.parquet", "Ann Smith", "t.parquet cannot be read"),
        ("t.xlsx", "Ann Smith", "tables are read from .csv, .csv.gz and .parquet"),
    ],
)
def test_a_table_that_cannot_be_read(add: Any, folder: Path, name: str, contents: str, words: str) -> None:
    """The answer never quotes a record."""
    (folder / name).write_text(contents)

    answer = add(data=name)

    assert (2, True, False) == (answer.code, words in answer.err, "Ann" in answer.err), answer.err


def test_a_label_with_mistakes(add: Any, folder: Path) -> None:
    """Each is named with its line."""
    (folder / "label.yaml").write_text("confidentiality: secret\nidentifiability: personal\nconsent: maybe\n")

    answer = add()

    assert (2, True, True) == (answer.code, "label.yaml:1:" in answer.err, "label.yaml:3:" in answer.err)


def test_what_is_not_catalogued(call: Any) -> None:
    """Neither shown nor relabelled; the way to those that are is named."""
    for answer in (
        call("dataset", "show", "visitz"),
        call("dataset", "relabel", "visitz", "--label", "label.yaml", "--reason", "r"),
    ):
        assert (2, True) == (answer.code, "governance dataset list" in answer.err)
