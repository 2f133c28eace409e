"""The conformance suite of `ports.Catalogue`."""

from __future__ import annotations

from typing import Any

import pytest

from governance.domain.dataset import Catalogued
from governance.domain.label import Confidentiality
from governance.errors import Conflict, NotFound, UsageError


def test_a_dataset_comes_back_as_it_went_in(archive: Any, make: Any) -> None:
    """Every field of a dataset and of its first labelling survives."""
    dataset = make.dataset()
    with archive.writing() as books:
        books.catalogue.add(dataset, make.labelling(dataset))

    with archive.reading() as books:
        assert (Catalogued(dataset, make.labelling(dataset)),) == books.catalogue.named("visits")


def test_what_a_dataset_does_not_tell_stays_unknown(archive: Any, make: Any) -> None:
    """None is not turned into zero or an empty text."""
    dataset = make.dataset(mlflow_digest=None, n_subjects=None, max_records_per_subject=None, budget=None)
    with archive.writing() as books:
        books.catalogue.add(dataset, make.labelling(dataset))

    with archive.reading() as books:
        assert dataset == books.catalogue.named("visits")[0].dataset


def test_the_same_dataset_twice_is_one(archive: Any, make: Any) -> None:
    """Adding the very same record again changes nothing."""
    dataset = make.dataset()
    with archive.writing() as books:
        books.catalogue.add(dataset, make.labelling(dataset))
        books.catalogue.add(dataset, make.labelling(dataset))

    with archive.reading() as books:
        assert 1 == len(books.catalogue.all())


@pytest.mark.parametrize("changes", [{"n_records": 4}, {"catalogued_by": "eve"}])
def test_an_identity_is_catalogued_once(archive: Any, make: Any, changes: dict[str, Any]) -> None:
    """A second dataset of one identity is a conflict, and the first stays as it was."""
    dataset = make.dataset()
    with archive.writing() as books:
        books.catalogue.add(dataset, make.labelling(dataset))
    other = make.dataset(**changes)
    with pytest.raises(Conflict), archive.writing() as books:
        books.catalogue.add(other, make.labelling(other))

    with archive.reading() as books:
        assert (Catalogued(dataset, make.labelling(dataset)),) == books.catalogue.all()


def test_a_labelling_of_another_dataset_is_refused(archive: Any, make: Any) -> None:
    """A dataset cannot enter under somebody else's label."""
    with pytest.raises(UsageError), archive.writing() as books:
        books.catalogue.add(make.dataset(), make.labelling(make.dataset(name="other")))


def test_the_newest_labelling_is_the_label(archive: Any, make: Any) -> None:
    """A relabelling adds to the history and changes the label; one recorded twice stands once."""
    dataset = make.dataset()
    first = make.labelling(dataset)
    second = make.labelling(dataset, 5, label=make.label(Confidentiality.PUBLIC), reason="published")
    with archive.writing() as books:
        books.catalogue.add(dataset, first)
        books.catalogue.relabel(second)
        books.catalogue.relabel(second)

    with archive.reading() as books:
        assert (first, second) == books.catalogue.history(dataset.identity)
        assert (Catalogued(dataset, second),) == books.catalogue.all()


def test_a_label_that_was_had_before_can_be_had_again(archive: Any, make: Any) -> None:
    """The last labelling counts, also when it repeats an older one at the same instant."""
    dataset = make.dataset()
    strict, lax = make.labelling(dataset), make.labelling(dataset, label=make.label(Confidentiality.PUBLIC))
    with archive.writing() as books:
        books.catalogue.add(dataset, strict)
        books.catalogue.relabel(lax)
        books.catalogue.relabel(strict)

    with archive.reading() as books:
        assert (strict, lax, strict) == books.catalogue.history(dataset.identity)
        assert strict == books.catalogue.named("visits")[0].labelling


def test_an_unknown_dataset_cannot_be_relabelled(archive: Any, make: Any) -> None:
    """`NotFound` says which dataset is missing, and nothing is written."""
    unknown = make.dataset(name="unknown")
    with pytest.raises(NotFound, match="unknown@"), archive.writing() as books:
        books.catalogue.relabel(make.labelling(unknown))

    with archive.reading() as books:
        assert () == books.catalogue.history(unknown.identity)


def test_datasets_are_listed_by_name_then_age(archive: Any, make: Any) -> None:
    """Names sort by code point on every archive, contents of one name by when they were recorded."""
    order = [("b", "2"), ("Z", "1"), ("b", "1"), ("ä", "1"), ("a", "1")]
    with archive.writing() as books:
        for name, sha256 in order:
            dataset = make.dataset(name=name, sha256=sha256)
            books.catalogue.add(dataset, make.labelling(dataset))

    with archive.reading() as books:
        expected = ["Z@1", "a@1", "b@2", "b@1", "ä@1"]
        assert expected == [entry.dataset.identity for entry in books.catalogue.all()]
        assert ["b@2", "b@1"] == [entry.dataset.identity for entry in books.catalogue.named("b")]
        assert () == books.catalogue.named("c")
