"""The conformance suite of `ports.Lineages`."""

from __future__ import annotations

from typing import Any

from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind

USE = DatasetUse("r1", "visits", "0a1b2c3d", "s3://clinic/visits", "training", "a" * 64, None)
OTHER = DatasetUse("r2", "stays", "ffffffff", "memory", "eval", None, "stays@b")
PARENT = Parent(ParentKind.FINE_TUNED_FROM, "models:/base/1", "u0")
STRANGER = Parent(ParentKind.MERGED_FROM, "hf:org/name")
GAP = Gap("run r3", "deleted", "governance dataset add …")


def test_nothing_read_is_the_empty_lineage(archive: Any) -> None:
    """A version that nobody read has no lineage, and asking is no error."""
    with archive.reading() as books:
        assert Lineage() == books.lineages.of("u1")


def test_readings_add_up(archive: Any) -> None:
    """An input that was logged late counts, one that was removed still does, a repetition does not."""
    reading = Lineage((USE,), (PARENT,), (GAP,))
    with archive.writing() as books:
        books.lineages.add("u1", reading)
        books.lineages.add("u1", reading)
    with archive.reading() as books:
        assert reading == books.lineages.of("u1")
    with archive.writing() as books:
        books.lineages.add("u1", Lineage((OTHER,), (STRANGER,), (GAP,)))

    with archive.reading() as books:
        assert Lineage((USE, OTHER), (PARENT, STRANGER), (GAP,)) == books.lineages.of("u1")


def test_a_gap_that_closed_and_opened_again_is_open(archive: Any) -> None:
    """The newest reading says which gaps there are, also when it reads as an older one did."""
    seen = []
    for reading in (Lineage((USE,), (), (GAP,)), Lineage((USE,)), Lineage((USE,), (), (GAP,))):
        with archive.writing() as books:
            books.lineages.add("u1", reading)
            seen.append(books.lineages.of("u1").gaps)

    assert [(GAP,), (), (GAP,)] == seen


def test_each_version_has_its_own(archive: Any) -> None:
    """Equal readings of two versions do not replace each other."""
    with archive.writing() as books:
        books.lineages.add("u1", Lineage((USE,)))
        books.lineages.add("u2", Lineage((USE,)))
        books.lineages.add("u2", Lineage((), (PARENT,)))

    with archive.reading() as books:
        assert Lineage((USE,)) == books.lineages.of("u1")
        assert Lineage((USE,), (PARENT,)) == books.lineages.of("u2")


def test_many_are_read_at_once(archive: Any) -> None:
    """As `of` would for each, readings added up; those without any are left out."""
    with archive.writing() as books:
        books.lineages.add("u1", Lineage((USE,), (), (GAP,)))
        books.lineages.add("u2", Lineage((OTHER,)))
        books.lineages.add("u1", Lineage((), (PARENT,)))

    with archive.reading() as books:
        assert {"u1": books.lineages.of("u1"), "u2": Lineage((OTHER,))} == books.lineages.of_each(
            {"u1", "u2", *(f"unknown{n}" for n in range(2_000))}
        )
        assert {} == books.lineages.of_each([])
