"""What a version inherits: everything recognised joined, everything unrecognised the highest label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain.label import TOP, Confidentiality, Contribution, Label, at_most, join
from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind
from governance.labelling import inherit, recognise
from governance.memory import MemoryArchive
from governance.ports import Books

PLAIN = DatasetUse("r1", "visits", "0a1b2c3d", "s3://clinic/visits.parquet", "training")
"""A use as plain `mlflow.log_input` leaves it; it is the catalogued `visits`."""


def labelled(make: Any, name: str, word: str) -> Label:
    """A label of its own for each dataset."""
    return replace(
        make.label(), special_categories=frozenset({word}), provenance=frozenset({f"{name}@{word}"})
    )


def catalogue(books: Books, make: Any, name: str, sha256: str, word: str, **changes: Any) -> str:
    """Catalogue a dataset whose label bears one special category; returns its identity."""
    dataset = make.dataset(name, sha256, **changes)
    books.catalogue.add(dataset, make.labelling(dataset, label=labelled(make, name, word)))
    return str(dataset.identity)


@pytest.fixture
def books(make: Any) -> Books:
    """A catalogue of `visits` in two contents, and of `scans`."""
    with MemoryArchive().reading() as books:
        catalogue(books, make, "visits", "a" * 64, "health")
        catalogue(books, make, "visits", "b" * 64, "genetic", mlflow_digest="ffff0000")
        catalogue(books, make, "scans", "c" * 64, "biometric_id", source="s3://clinic/scans")
    return books


@pytest.fixture
def sources(books: Books) -> Callable[..., list[tuple[str, bool]]]:
    """What a lineage contributes: (name of the dataset or gap, whether it is unknown)."""

    def contributed(*uses: DatasetUse, **parts: Any) -> list[tuple[str, bool]]:
        contributions = inherit(books, Lineage(uses=uses, **parts)).contributions
        return [(c.source.partition("@")[0], c.unknown) for c in contributions]

    return contributed


VISITS, GENES, SCANS = "visits@" + "a" * 64, "visits@" + "b" * 64, "scans@" + "c" * 64


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [VISITS]),
        ({"name": "Visits"}, []),
        ({"mlflow_digest": "00000000"}, []),
        ({"source": "s3://clinic/visits.parquet?x"}, []),
        ({"source": ""}, []),
        ({"context": "validation"}, [VISITS]),
        ({"name": "renamed", "sha256": "c" * 64}, [SCANS]),
        ({"name": "renamed", "part_of": "scans"}, [SCANS]),
        ({"name": "renamed", "part_of": "visits"}, [VISITS, GENES]),
        ({"sha256": "a" * 64, "part_of": "scans"}, [SCANS, VISITS]),
        ({"sha256": "a" * 63}, []),
        ({"part_of": ""}, [VISITS]),
    ],
)
def test_what_a_use_can_mean(books: Books, changes: dict[str, str], expected: list[str]) -> None:
    """Content, stated origin, or the triple of source, name and digest, and then exactly: all that match."""
    found = recognise(books, replace(PLAIN, **changes))

    assert sorted(expected) == sorted(entry.dataset.identity for entry in found)


def test_a_stated_content_is_believed_before_mlflow_s_own_words(books: Books) -> None:
    """MLflow keeps the source that the first caller gave: it must not lend its label to other content.

    Somebody logs name and digest with the harmless source first; whoever logs other content that
    shares them (a date column, a row beyond the 10,000th) would inherit the harmless label.
    """
    poisoned = replace(PLAIN, sha256="d" * 64)

    assert ((), TOP) == (recognise(books, poisoned), inherit(books, Lineage((poisoned,))).effective)


def test_two_datasets_in_memory_are_not_one(books: Books, make: Any) -> None:
    """That neither has a source does not make them the same."""
    catalogue(books, make, "frame", "e" * 64, "political", source="")

    assert () == recognise(books, replace(PLAIN, name="frame", source=""))


def test_a_recognised_use_brings_the_label_and_says_how(books: Books) -> None:
    """The contribution names the dataset, its label and the run that read it."""
    logged = replace(PLAIN, sha256="c" * 64)
    split = replace(PLAIN, run_id="r2", sha256="f" * 64, part_of="scans")
    label = books.catalogue.named("scans")[0].label

    assert (Contribution(SCANS, label, "run r1: this content was logged as an input"),) == inherit(
        books, Lineage((logged,))
    ).contributions
    assert (Contribution(SCANS, label, "run r2: these records are part of it"),) == inherit(
        books, Lineage((split,))
    ).contributions


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({"source": "s3://elsewhere"}, "dataset 'visits'"),
        ({"sha256": "d" * 64}, "dataset 'visits'"),
        ({"part_of": "visitz"}, "dataset 'visitz'"),
        ({"sha256": "a" * 64, "part_of": "visitz"}, "dataset 'visitz'"),
    ],
)
def test_what_nobody_recognises_is_the_highest_label(
    books: Books, changes: dict[str, str], source: str
) -> None:
    """One unknown input, or one unknown origin of a known input, makes the whole version unknown."""
    known = replace(PLAIN, run_id="r0")
    found = inherit(books, Lineage((known, replace(PLAIN, **changes))))

    reason = "run r1 read it, and the catalogue does not know it"
    assert (TOP, (Contribution(source, TOP, reason),)) == (found.effective, found.unknown)


def test_nothing_recorded_is_not_nothing_sensitive(books: Books) -> None:
    """Without any input the label is the highest."""
    found = inherit(books, Lineage())

    reason = "no dataset, parent model or other input was recorded for it"
    assert (Contribution("unrecorded training data", TOP, reason),) == found.contributions


def test_a_gap_is_the_highest_label(books: Books) -> None:
    """Beside known inputs too: what nobody could read may be worse."""
    found = inherit(books, Lineage((PLAIN,), gaps=(Gap("its origin", "no such run", "log it"),)))

    assert (TOP, (Contribution("its origin", TOP, "no such run"),)) == (found.effective, found.unknown)


def test_two_runs_that_read_one_dataset_are_one_contribution(sources: Any) -> None:
    """Repetition adds nothing to a label and nothing to a page."""
    assert [("visits", False)] == sources(PLAIN, replace(PLAIN, run_id="r2"))


def test_a_relabelled_dataset_counts_at_once(books: Books, make: Any) -> None:
    """Labels are computed when they are asked for; nothing keeps an old one."""
    before = inherit(books, Lineage((PLAIN,))).effective
    raised = replace(before, confidentiality=Confidentiality.RESTRICTED, regions=frozenset())
    books.catalogue.relabel(make.labelling(make.dataset(), minutes=1, label=raised))

    assert raised == inherit(books, Lineage((PLAIN,))).effective


def test_an_unknown_parent_is_the_highest_label(books: Books) -> None:
    """A base model from elsewhere was trained on nobody knows what."""
    parent = Parent(ParentKind.BASE_MODEL, "hf:org/bert")
    found = inherit(books, Lineage((PLAIN,), (parent,)))

    reason = "base_model: the registry does not know this parent"
    assert (Contribution("hf:org/bert", TOP, reason, "hf:org/bert"),) == found.unknown


def test_a_fine_tuned_model_inherits_its_base(books: Books) -> None:
    """The base's datasets come in through it, and the reason says through which."""
    books.lineages.add("base", Lineage((replace(PLAIN, sha256="c" * 64),)))
    parent = Parent(ParentKind.FINE_TUNED_FROM, "models:/base/1", "base")
    own, inherited = inherit(books, Lineage((PLAIN,), (parent,))).contributions

    assert (VISITS, "") == (own.source, own.via)
    how = "fine_tuned_from models:/base/1"
    reason = f"{how}: run r1: this content was logged as an input"
    assert (SCANS, how, reason) == (inherited.source, inherited.via, inherited.reason)


def test_the_same_data_through_a_parent_is_said_beside_one_s_own(books: Books) -> None:
    """DP over one's own training does not cover what came in through a parent: both stay visible."""
    books.lineages.add("base", Lineage((PLAIN,)))
    parent = Parent(ParentKind.DISTILLED_FROM, "models:/base/1", "base")
    found = inherit(books, Lineage((PLAIN,), (parent,))).contributions

    assert [(VISITS, ""), (VISITS, "distilled_from models:/base/1")] == [(c.source, c.via) for c in found]


def test_a_copy_inherits_as_the_very_same_bytes(books: Books) -> None:
    """Through a copy, and a copy of the copy, the data is the version's own: no parent is named."""
    books.lineages.add("u1", Lineage((PLAIN,)))
    books.lineages.add("u2", Lineage(parents=(Parent(ParentKind.COPIED_FROM, "models:/a/1", "u1"),)))
    (found,) = inherit(
        books, Lineage(parents=(Parent(ParentKind.COPIED_FROM, "models:/b/1", "u2"),))
    ).contributions

    reason = "copied_from models:/b/1: copied_from models:/a/1: run r1: this content was logged as an input"
    assert (VISITS, "", reason) == (found.source, found.via, found.reason)


def test_a_copy_of_a_fine_tuned_model_names_the_base_as_it_is(books: Books) -> None:
    """Copying hides no parent."""
    books.lineages.add("base", Lineage((PLAIN,)))
    tuned = Lineage(parents=(Parent(ParentKind.FINE_TUNED_FROM, "models:/base/1", "base"),))
    books.lineages.add("tuned", tuned)
    (found,) = inherit(
        books, Lineage(parents=(Parent(ParentKind.COPIED_FROM, "models:/tuned/1", "tuned"),))
    ).contributions

    assert (VISITS, "fine_tuned_from models:/base/1") == (found.source, found.via)


def test_a_parent_whose_own_lineage_is_unknown(books: Books) -> None:
    """A known parent of unknown origin is unknown."""
    parent = Parent(ParentKind.MERGED_FROM, "models:/base/1", "base")

    assert TOP == inherit(books, Lineage((PLAIN,), (parent,))).effective


def test_a_cycle_ends_and_hides_nothing(books: Books) -> None:
    """Two versions that name each other inherit both their data."""
    books.lineages.add("u1", Lineage((PLAIN,), (Parent(ParentKind.MERGED_FROM, "models:/b/1", "u2"),)))
    of_b = Lineage((replace(PLAIN, sha256="c" * 64),), (Parent(ParentKind.MERGED_FROM, "models:/a/1", "u1"),))
    books.lineages.add("u2", of_b)

    assert {VISITS, SCANS} == {c.source for c in inherit(books, of_b).contributions}


def test_a_cycle_without_data_is_unknown(books: Books) -> None:
    """Versions that only name each other name no data."""
    of_b = Lineage(parents=(Parent(ParentKind.COPIED_FROM, "models:/a/1", "u1"),))
    books.lineages.add("u1", Lineage(parents=(Parent(ParentKind.COPIED_FROM, "models:/b/1", "u2"),)))
    books.lineages.add("u2", of_b)

    assert TOP == inherit(books, of_b).effective


def test_a_parent_reached_on_many_ways_is_read_once(books: Books) -> None:
    """Thirty merges of the two before are over a million ways to the first; the answer takes no longer."""
    books.lineages.add("u0", Lineage((PLAIN,)))
    books.lineages.add("u1", Lineage((PLAIN,)))
    for number in range(2, 32):
        parents = tuple(
            Parent(ParentKind.MERGED_FROM, f"models:/m/{n}", f"u{n}") for n in (number - 1, number - 2)
        )
        books.lineages.add(f"u{number}", Lineage(parents=parents))

    assert {VISITS} == {c.source for c in inherit(books, books.lineages.of("u31")).contributions}


known = st.builds(
    DatasetUse,
    run_id=st.sampled_from(["r1", "r2"]),
    name=st.sampled_from(["visits", "scans", "lost"]),
    mlflow_digest=st.sampled_from(["0a1b2c3d", "ffff0000"]),
    source=st.sampled_from(["s3://clinic/visits.parquet", "s3://clinic/scans", ""]),
    context=st.just("training"),
    sha256=st.sampled_from([None, "a" * 64, "b" * 64, "c" * 64, "d" * 64]),
    part_of=st.sampled_from([None, "visits", "scans", "lost"]),
)
parents = st.builds(
    Parent,
    kind=st.sampled_from(ParentKind),
    reference=st.just("models:/base/1"),
    uid=st.sampled_from([None, "known", "unknown"]),
)


@given(st.lists(known, min_size=1, max_size=3), st.lists(known, max_size=3), st.lists(parents, max_size=2))
def test_more_inputs_never_lower(
    make: Any, uses: list[DatasetUse], more: list[DatasetUse], added: list[Parent]
) -> None:
    """Whatever is learned later about what went in, the label stays or rises: it is the join of both."""
    with MemoryArchive().reading() as books:
        catalogue(books, make, "visits", "a" * 64, "health")
        catalogue(books, make, "visits", "b" * 64, "genetic", mlflow_digest="ffff0000")
        catalogue(books, make, "scans", "c" * 64, "biometric_id", source="s3://clinic/scans")
        books.lineages.add("known", Lineage((replace(PLAIN, sha256="b" * 64),)))
        before = inherit(books, Lineage(tuple(uses))).effective
        later = Lineage(tuple(more), tuple(added))
        after = inherit(books, Lineage(tuple(uses)).then(later)).effective

        assert at_most(before, after)
        expected = join(before, inherit(books, later).effective) if more or added else before
        assert expected == after
