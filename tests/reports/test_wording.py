from __future__ import annotations

from typing import Any

import pytest

from governance.reports import wording


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "not recorded"),
        (True, "yes"),
        (0, "0"),
        (48_210, "48,210"),
        (3.0, "3"),
        (1.23456, "1.235"),
        (0.5, "0.5"),
        (1234.5, "1,234"),
        (1e-5, "10⁻⁵"),
        (2.5e-7, "2.5 × 10⁻⁷"),
        (0.0004, "0.0004"),
        ("infinite", "infinite"),
    ],
)
def test_numbers(value: Any, expected: str) -> None:
    """Numbers are as short as they can be without losing what matters."""
    assert expected == wording.number(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "not recorded"),
        (0.0, "0.0%"),
        (0.001, "0.1%"),
        (0.00016, "0.016%"),
        (0.5, "50.0%"),
        (1, "100.0%"),
    ],
)
def test_rates(value: Any, expected: str) -> None:
    """A small rate keeps two digits, a large one a decimal."""
    assert expected == wording.percent(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "not recorded"), (140, "140 B"), (5_204_113, "5.2 MB"), (2_500, "2.5 kB"), (3e9, "3.0 GB")],
)
def test_sizes(value: Any, expected: str) -> None:
    """Bytes in the unit that fits."""
    assert expected == wording.size(value)


def test_digests_are_cut_wherever_they_stand() -> None:
    """In a name, alone or in a sentence; short words and names stay as they are."""
    assert (
        "admissions@a1a1a1a1a1a1…",
        "run 7c1e9f6b2d4a…: read",
        "deadbeef",
        "not recorded",
    ) == (
        wording.short(f"admissions@{'a1' * 32}"),
        wording.short("run 7c1e9f6b2d4a4a10b6f2c3d4e5f60718: read"),
        wording.short("deadbeef"),
        wording.short(None),
    )


def test_words_and_instants() -> None:
    """Recorded words lose their underscores, instants their seconds."""
    assert ("Poisson sampling", "sex life orientation", "not recorded") == (
        wording.word("poisson"),
        wording.word("sex_life_orientation"),
        wording.word(""),
    )
    assert ("2026-03-02 14:05 UTC", "not recorded") == (
        wording.when("2026-03-02T14:05:09.000000Z"),
        wording.when(None),
    )


def test_signatures_are_named_by_the_keys_of_the_policy() -> None:
    """A name where a key of the policy made it; a key without a name says so; nothing is said in words."""
    named = {"keyid": "ab" * 32, "by": ["dora", "lab"]}

    assert (
        "not signed",
        "signed by dora and lab (key abababababab…)",
        "a signature that no key of the policy confirms (a key without a name); "
        "signed by dora and lab (key abababababab…)",
    ) == (
        wording.signed([]),
        wording.signed([named]),
        wording.signed([{"keyid": "", "by": []}, named]),
    )
