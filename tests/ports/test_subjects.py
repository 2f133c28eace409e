"""The conformance suite of `ports.Subjects`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.domain.subject import VersionName
from governance.errors import Conflict, NotFound


@pytest.mark.parametrize("changes", [{}, {"run_id": None, "model_id": "m-1", "adopted": True}])
def test_a_version_comes_back_as_it_went_in(archive: Any, make: Any, changes: dict[str, Any]) -> None:
    """Every field survives, by uid and by name; the same record twice is one."""
    subject = make.subject(**changes)
    with archive.writing() as books:
        books.subjects.add(subject)
        books.subjects.add(subject)

    with archive.reading() as books:
        assert subject == books.subjects.get("u1")
        assert subject == books.subjects.find(VersionName("visits", 1))


def test_unknown_versions_are_not_found(archive: Any, make: Any) -> None:
    """By uid that is an error, by name it is None."""
    with archive.reading() as books:
        assert books.subjects.find(VersionName("visits", 1)) is None
        for ask in (
            lambda: books.subjects.get("u1"),
            lambda: books.subjects.rename("u1", VersionName("visits", 1)),
            lambda: books.subjects.bury("u1", make.noon),
        ):
            with pytest.raises(NotFound, match="u1"):
                ask()


def test_a_living_name_is_taken(archive: Any, make: Any) -> None:
    """A second version of a living name is a conflict, in one workspace but not across two."""
    with archive.writing() as books:
        books.subjects.add(make.subject("u1"))
    with pytest.raises(Conflict, match="u1"), archive.writing() as books:
        books.subjects.add(make.subject("u2"))
    elsewhere = make.subject("u3", named=VersionName("visits", 1, "clinic"))
    with archive.writing() as books:
        books.subjects.add(elsewhere)

    with archive.reading() as books:
        assert elsewhere == books.subjects.find(elsewhere.named)
        assert make.subject("u1") == books.subjects.find(VersionName("visits", 1))


def test_a_uid_belongs_to_one_version(archive: Any, make: Any) -> None:
    """A uid is never given to another version."""
    with archive.writing() as books:
        books.subjects.add(make.subject("u1"))
    with pytest.raises(Conflict), archive.writing() as books:
        books.subjects.add(make.subject("u1", version=2))


def test_a_renamed_version_keeps_its_uid(archive: Any, make: Any) -> None:
    """The new name leads to it, the old one is free; renaming to the same name does nothing."""
    new = VersionName("stays", 1)
    with archive.writing() as books:
        books.subjects.add(make.subject("u1"))
        books.subjects.rename("u1", new)
        books.subjects.rename("u1", new)

    with archive.reading() as books:
        assert replace(make.subject("u1"), named=new) == books.subjects.get("u1")
        assert make.subject("u1", named=new) == books.subjects.find(new)
        assert books.subjects.find(VersionName("visits", 1)) is None


def test_a_version_cannot_take_a_living_name(archive: Any, make: Any) -> None:
    """Renaming onto another living version is a conflict."""
    with archive.writing() as books:
        books.subjects.add(make.subject("u1"))
        books.subjects.add(make.subject("u2", version=2))
    with pytest.raises(Conflict), archive.writing() as books:
        books.subjects.rename("u2", VersionName("visits", 1))


def test_a_buried_version_frees_its_name_and_stays_on_record(archive: Any, make: Any) -> None:
    """Approvals hang on the uid, so a recreated name starts with none of them."""
    with archive.writing() as books:
        books.subjects.add(make.subject("u1"))
        books.subjects.bury("u1", make.later(1))
        books.subjects.bury("u1", make.later(2))
        books.subjects.add(make.subject("u2"))

    with archive.reading() as books:
        assert make.subject("u2") == books.subjects.find(VersionName("visits", 1))
        assert make.subject("u1") == books.subjects.get("u1")
    with pytest.raises(Conflict, match="deleted"), archive.writing() as books:
        books.subjects.rename("u1", VersionName("stays", 1))


def test_many_buried_versions_may_have_had_one_name(archive: Any, make: Any) -> None:
    """A name can be deleted and recreated any number of times."""
    with archive.writing() as books:
        for uid in ("u1", "u2", "u3"):
            books.subjects.add(make.subject(uid))
            books.subjects.bury(uid, make.noon)

    with archive.reading() as books:
        assert books.subjects.find(VersionName("visits", 1)) is None


def test_living_versions_of_a_model_come_by_number(archive: Any, make: Any) -> None:
    """Buried ones, other models and other workspaces are left out; 10 comes after 9."""
    with archive.writing() as books:
        for version in (10, 9, 1):
            books.subjects.add(make.subject(f"u{version}", version=version))
        books.subjects.add(make.subject("other", name="stays"))
        books.subjects.add(make.subject("elsewhere", named=VersionName("visits", 2, "clinic")))
        books.subjects.bury("u1", make.noon)

    with archive.reading() as books:
        assert ["u9", "u10"] == [subject.uid for subject in books.subjects.living("visits", "default")]
        assert () == books.subjects.living("unknown", "default")


def test_versions_are_found_by_where_their_bytes_lie(archive: Any, make: Any) -> None:
    """Living and buried alike, in the order of registration; a place may hold several."""
    first, second = make.subject("u1"), make.subject("u2", version=2)
    with archive.writing() as books:
        books.subjects.add(first)
        books.subjects.add(second)
        for uid, place in (
            ("u2", "s3://b/m"),
            ("u1", "s3://b/m"),
            ("u1", "s3://b/frozen"),
            ("u1", "s3://b/m"),
        ):
            books.subjects.locate(uid, place)
        books.subjects.bury("u1", make.noon)

    with archive.reading() as books:
        assert (first, second) == books.subjects.located(["s3://b/m", "s3://b"])
        assert (first,) == books.subjects.located(["s3://b/frozen"])
        assert () == books.subjects.located([])
        assert (second,) == books.subjects.located(["s3://b/m", "s3://b/frozen"], living=True)


def test_versions_of_which_nobody_remembers_where_they_lie(archive: Any, make: Any) -> None:
    """Living ones only, in the order of registration."""
    with archive.writing() as books:
        for version in range(1, 5):
            books.subjects.add(make.subject(f"u{version}", version=version))
        books.subjects.locate("u2", "s3://b/m")
        books.subjects.bury("u3", make.noon)

    with archive.reading() as books:
        assert ["u1", "u4"] == [subject.uid for subject in books.subjects.unlocated()]


def test_many_names_are_looked_up_at_once(archive: Any, make: Any) -> None:
    """As `find` would for each: living ones of that workspace, and nothing for the others."""
    living = [make.subject(f"u{version}", version=version) for version in range(1, 700)]
    elsewhere = make.subject("elsewhere", named=VersionName("visits", 1, "clinic"))
    with archive.writing() as books:
        for subject in [*living, elsewhere]:
            books.subjects.add(subject)
        books.subjects.bury("u1", make.noon)
    names = [VersionName("visits", version) for version in range(1, 702)]

    with archive.reading() as books:
        assert {s.named: s for s in living[1:]} == books.subjects.find_each(names)
        assert {elsewhere.named: elsewhere} == books.subjects.find_each([elsewhere.named])
        assert {} == books.subjects.find_each([])
