from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.names import canonical_name, disjoint, imitates, looks_like, matches


@pytest.mark.parametrize(
    "spelling",
    ["champion", "Champion", "CHAMPION", " champion ", "champion\n", "ｃｈａｍｐｉｏｎ", "𝐜𝐡𝐚𝐦𝐩𝐢𝐨𝐧"],
)
def test_spellings_of_one_name(spelling: str) -> None:
    """Case, width, style and surrounding white space make no other name."""
    assert ("champion", False) == (canonical_name(spelling), looks_like(spelling, "champion"))


@pytest.mark.parametrize(
    "name",
    [
        "сhampion",  # Cyrillic с
        "chаmpion",  # Cyrillic а
        "champiοn",  # Greek ο
        "CHAMPIΟN",  # Greek Ο
        "champi0n",
        "champlon",
        "champ1on",
        "champ|on",
        "charnpion",
        "champıon",  # dotless i
        "chámpion",
        "cham\u200bpion",  # zero-width space
        "champion\u202e",  # right-to-left override
        "champ ion",
        "cham\u00adpion",  # soft hyphen
    ],
)
def test_look_alikes(name: str) -> None:
    """What a reader takes for the protected name, and a computer does not."""
    assert ("champion" != canonical_name(name), looks_like(name, "champion")) == (True, True)


@pytest.mark.parametrize("name", ["challenger", "champion2", "champion-eu", "champ", "a-champion", ""])
def test_other_names(name: str) -> None:
    """Names that read differently are left alone."""
    assert not looks_like(name, "champion")


@given(st.text())
def test_canonical_is_idempotent(text: str) -> None:
    """A canonical name is its own canonical name."""
    assert canonical_name(text) == canonical_name(canonical_name(text))


@given(st.text(), st.text())
def test_imitation_excludes_identity(name: str, protected: str) -> None:
    """No name both is and imitates another, and imitation goes both ways."""
    assert not (looks_like(name, protected) and canonical_name(name) == canonical_name(protected))
    assert looks_like(name, protected) == looks_like(protected, name)


@pytest.mark.parametrize(
    ("name", "matching", "imitating"),
    [
        ("released-x", True, False),
        ("Released-X", True, False),
        ("relеased-x", False, True),  # Cyrillic е
        ("re1eased-x", False, True),
        ("release-x", False, False),
    ],
)
def test_patterns(name: str, matching: bool, imitating: bool) -> None:
    """A pattern protects all spellings of what it matches, and its look-alikes are known."""
    assert (matching, imitating) == (matches(name, "released-*"), imitates(name, "released-*"))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("*", "health-*", False),
        ("health-*", "sales-*", True),
        ("health-*", "health-eu-*", False),
        ("visits", "beds", True),
        ("visits", "VISITS", False),
        ("visits", "v*", False),
        ("v*", "visits", False),
        ("*-a", "*-b", False),
    ],
)
def test_disjoint(a: str, b: str, expected: bool) -> None:
    """Patterns are disjoint only if that can be proved; `*-a` and `*-b` are not looked into."""
    assert expected is disjoint(a, b)


@given(st.text("ab*?", max_size=6), st.text("ab*?", max_size=6), st.text("ab", max_size=6))
def test_no_name_matches_disjoint_patterns(a: str, b: str, name: str) -> None:
    """Whatever `disjoint` says, it never says it of two patterns that a name matches."""
    assert not (disjoint(a, b) and matches(name, a) and matches(name, b))
