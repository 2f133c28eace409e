"""The registry's rows held against the books: who holds which place, and by which decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.canonical import timestamp
from governance.comparing import place_key
from governance.domain.subject import VersionName
from governance.inventory import Row
from governance.promoting import withdraw

AS_CHAMPION = "models:/risk/1 as alias @champion of risk"
NEVER = "no decision ever allowed it"


def test_everything_in_order(clinic: Any) -> None:
    """A version in service, one that is not, and one that left: nothing is amiss."""
    clinic.champion()
    clinic.register("u2", version=2)
    third = clinic.register("u3", version=3)
    clinic.promote(third, "stage Production of risk")
    with clinic.registry.archive.writing() as books:
        withdraw(books, "u3", clinic.policy.target("production"), "stage Production of risk", clinic.asking())

    assert [] == clinic.found(read_bytes=True, read_lineage=True)


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("risk", {"aliases": ("champion",)}, "alias @champion of risk"),
        ("risk", {"aliases": ("Champion",)}, "alias @Champion of risk"),
        ("risk", {"stage": "Production"}, "stage Production of risk"),
        ("released-risk", {}, "a version of released-risk"),
        ("nightly-risk", {}, "the latest version of nightly-risk"),
    ],
)
def test_a_place_that_no_decision_opened(clinic: Any, name: str, row: dict[str, Any], words: str) -> None:
    """By alias however it is spelt, by stage, by name, or by being the latest."""
    clinic.register(name=name, **row)

    assert [("ungated-promotion", f"models:/{name}/1 as {words}", NEVER)] == clinic.found()


def test_a_place_that_was_left(clinic: Any) -> None:
    """An old decision does not let a version in again that has left since."""
    clinic.champion()
    with clinic.registry.archive.writing() as books:
        withdraw(books, "u1", clinic.policy.target("production"), "alias @champion of risk", clinic.asking())

    observed = f"it left on {timestamp(clinic.asking().at)}, and no decision let it in again"
    assert [("ungated-promotion", AS_CHAMPION, observed)] == clinic.found()


def test_another_place_of_the_same_target(clinic: Any) -> None:
    """What was allowed under the alias was not allowed in the stage."""
    subject = clinic.champion()
    clinic.serve(subject, clinic.frozen, stage="Production")

    observed = "what was allowed into production was another place"
    assert [("ungated-promotion", "models:/risk/1 as stage Production of risk", observed)] == clinic.found()


def test_a_copy_under_a_protected_alias(clinic: Any) -> None:
    """What was decided on its origin lets a copy into a name, not under an alias."""
    clinic.champion()
    copy = clinic.register("u2", "released-copies", aliases=("champion",))
    clinic.copied("u2", "u1")
    clinic.serve(copy, clinic.frozen)

    named = "models:/released-copies/1 as"
    assert [
        ("ungated-promotion", f"{named} alias @champion of released-copies", NEVER),
        ("ungated-promotion", f"{named} a version of released-copies", NEVER),
    ] == clinic.found()


def test_places_that_nobody_protects(clinic: Any) -> None:
    """Another alias, another stage, and an older version of a model whose latest is protected."""
    clinic.register(aliases=("challenger",), stage="Staging")
    clinic.register("u2", "nightly-risk", latest=False)

    assert [] == clinic.found()


def test_a_version_of_another_workspace(clinic: Any) -> None:
    """The same name elsewhere is another version, and is told apart."""
    clinic.champion()
    elsewhere = VersionName("risk", 1, "lab")
    clinic.registry.table[elsewhere] = Row(elsewhere, None, "None", ("champion",), "somewhere", True)

    subject = "models:/risk/1 in workspace lab"
    assert [
        ("unregistered", subject, "in the registry only"),
        ("ungated-promotion", f"{subject} as alias @champion of risk", NEVER),
    ] == clinic.found()


def test_bytes_that_lie_elsewhere(clinic: Any) -> None:
    """Served from anywhere but a tree that was frozen for the version: it is not the approved one."""
    subject = clinic.champion()
    clinic.serve(subject, "evil")

    assert [("unfrozen", AS_CHAMPION, "served from evil")] == clinic.found()


def test_the_same_bytes_frozen_in_two_places(clinic: Any) -> None:
    """A later promotion may have frozen them elsewhere; either tree holds the approved bytes."""
    subject = clinic.champion()
    with clinic.registry.archive.writing() as books:
        ((decision, _),) = books.decisions.frozen()
        elsewhere = replace(decision, target="another")
        books.decisions.add(elsewhere, "moved/frozen")
    clinic.registry.trees["moved/frozen"] = clinic.manifest
    clinic.serve(subject, "moved/frozen")

    assert ["unlogged-decision"] == [kind for kind, _, _ in clinic.found()]


def test_a_copy_in_a_protected_name(clinic: Any) -> None:
    """The decision on its origin lets it be, as long as it serves the bytes decided on."""
    origin = clinic.register()
    clinic.promote(origin, "a version of released-risk", "released")
    copy = clinic.register("u2", "released-risk")
    clinic.copied("u2", "u1")
    clinic.serve(copy, clinic.frozen)
    assert [] == clinic.found()

    clinic.serve(copy, "evil")

    assert [("ungated-promotion", "models:/released-risk/1 as a version of released-risk", NEVER)] == (
        clinic.found()
    )


def test_a_place_that_only_the_log_knows(clinic: Any) -> None:
    """Taken out around the gate; of a place that the policy no longer protects nothing is said."""
    subject = clinic.champion()
    clinic.serve(subject, clinic.frozen, aliases=())
    missing = ("decision-without-change", AS_CHAMPION, "the registry does not have it there")
    assert [missing] == clinic.found()
    unprotected = replace(clinic.policy, targets={"released": clinic.policy.target("released")})

    assert [] == clinic.found(policy=unprotected)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("alias @champion of risk", "alias @Champion of hazard", True),
        ("stage Production of risk", "stage production of art of war", True),
        ("alias @champion of risk", "alias @challenger of risk", False),
        ("alias @champion of risk", "stage Production of risk", False),
    ],
)
def test_a_place_whatever_the_model_is_called(one: str, other: str, same: bool) -> None:
    """A renamed model keeps its places."""
    assert same is (place_key(one) == place_key(other))
