"""The conformance suite of `ports.PolicyArchive`."""

from __future__ import annotations

from typing import Any

import pytest

from governance.errors import NotFound


def test_a_policy_s_text_is_kept_to_the_letter(archive: Any, make: Any) -> None:
    """Comments, line ends and letters of every alphabet; kept twice, it is kept once."""
    text = "# ε ≤ 2\r\nrules:\n\t- 100%: 'ja'\n"
    with archive.writing() as books:
        books.policies.keep("d" * 64, "baseline", text, make.noon)
        books.policies.keep("d" * 64, "baseline", text, make.later(1))

    with archive.reading() as books:
        assert text == books.policies.text("d" * 64)


def test_an_unknown_policy_is_not_found(archive: Any) -> None:
    """`NotFound` names the digest."""
    with archive.reading() as books, pytest.raises(NotFound, match="0000"):
        books.policies.text("0" * 64)
