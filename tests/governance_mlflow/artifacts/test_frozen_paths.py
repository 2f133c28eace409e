from __future__ import annotations

import pytest

from governance_mlflow.artifacts.frozen_paths import (
    Trail,
    areas_below,
    leads_into,
    lies_around,
    spelled_out,
    trail,
)

AREAS = areas_below(("srv",))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, ()),
        ("", ()),
        (".", ()),
        ("/a//b/./c/", ("a", "b", "c")),
        ("a/../b", ("b",)),
        ("../../b", ("b",)),
        ("%2566rozen%2Fabc", ("frozen", "abc")),
        ("A\\b", ("a", "b")),
        ("50%/b", ("50%", "b")),
    ],
)
def test_a_path_has_one_trail(path: str | None, expected: Trail) -> None:
    """However it is encoded, cased and padded; it never climbs out of its destination."""
    assert expected == trail(path)


def test_a_path_is_shown_in_its_own_case() -> None:
    """Whoever is refused recognises what they wrote."""
    assert "Frozen/ABC" == spelled_out("x/%2e%2e/Frozen//ABC")


@pytest.mark.parametrize(
    ("place", "inside", "around"),
    [
        ((), False, True),
        (("srv",), False, True),
        (("srv", "workspaces"), False, True),
        (("srv", "workspaces", "team"), False, True),
        (("srv", "frozen"), True, True),
        (("srv", "frozen", "abc"), True, False),
        (("srv", "workspaces", "team", "frozen"), True, True),
        (("srv", "workspaces", "team", "frozen", "abc"), True, False),
        (("srv", "workspaces", "team", "1"), False, False),
        (("srv", "frozen-not"), False, False),
        (("srv", "froz"), False, False),
        (("srv", "1"), False, False),
        (("elsewhere", "frozen"), False, False),
    ],
)
def test_what_lies_in_a_frozen_area_and_around_one(place: Trail, inside: bool, around: bool) -> None:
    """The destination's own area and that of each workspace."""
    assert (inside, around) == (leads_into(place, AREAS), lies_around(place, AREAS))


@pytest.mark.parametrize(
    ("place", "around"),
    [
        (("srv", "froz"), True),
        (("srv", "work"), True),
        (("srv", "workspaces", "te"), True),
        (("srv", "workspaces", "team", "f"), True),
        (("srv", "workspaces", "team", "1"), False),
        (("srv", "frozen-not"), False),
        (("sr",), True),
        (("sr", "frozen"), False),
    ],
)
def test_where_a_name_stands_for_all_that_begin_with_it(place: Trail, around: bool) -> None:
    """Only the last name does."""
    assert around is lies_around(place, AREAS, by_prefix=True)
