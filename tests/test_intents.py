"""Nobody signs what they did not mean."""

from __future__ import annotations

from typing import Any

import pytest

from governance.errors import UsageError
from governance.intents import Intent, insist_same


@pytest.fixture
def meant() -> Intent:
    """What dora means to say, and `make.approval()` says."""
    return Intent("approval", "the DPIA covers it", "models:/visits/1", "production", "dpo", digest="b" * 12)


def test_a_draft_that_says_what_was_meant(meant: Intent, make: Any) -> None:
    """White space around a reason is no part of it."""
    insist_same(meant, make.approval().statement(), "dora")
    insist_same(
        Intent("waiver", f" {make.waiver().reason} ", "m", "production", "dpo", "membership-tpr"),
        make.waiver().statement(),
        "dora",
    )
    insist_same(Intent("review-request", "ready for the clinic", "m", "t"), make.request().statement(), "ada")
    taken = make.revocation()
    insist_same(Intent("revocation", "a complaint came", record=taken.revoked[:8]), taken.statement(), "dora")


@pytest.mark.parametrize(
    ("lie", "wrong"),
    [
        ({"by": "eve"}, "by"),
        ({"role": "privacy_reviewer"}, "role"),
        ({"reason": "whatever"}, "reason"),
        ({"verdict": "rejected"}, "verdict"),
    ],
)
def test_a_draft_that_says_something_else(meant: Intent, make: Any, lie: dict[str, str], wrong: str) -> None:
    """A server that puts other words into somebody's mouth gets no signature for them."""
    statement = make.approval().statement()
    statement["predicate"] |= lie

    with pytest.raises(UsageError, match=f"differs from what you said: {wrong}"):
        insist_same(meant, statement, "dora")


def test_a_draft_about_other_bytes_or_of_another_kind(meant: Intent, make: Any) -> None:
    """The bytes that were reviewed are the ones that are signed for, and an approval is no waiver."""
    with pytest.raises(UsageError, match="differs from what you said: bytes"):
        insist_same(
            meant, make.approval().statement() | {"subject": [{"digest": {"sha256": "c" * 64}}]}, "dora"
        )
    with pytest.raises(UsageError, match="kind"):
        insist_same(meant, make.waiver().statement(), "dora")
