"""The conformance suite of `ports.Acts`."""

from __future__ import annotations

from typing import Any

import pytest

from governance.domain.review import act_from_json
from governance.errors import NotFound


def test_an_act_comes_back_as_it_went_in(archive: Any, make: Any) -> None:
    """Every kind, every field, in the order of recording; the same act twice is one."""
    acts = (make.request(), make.waiver(), make.break_glass(), make.revocation())
    with archive.writing() as books:
        for act in (*acts, acts[1], make.waiver("u2")):
            books.acts.add(act)

    with archive.reading() as books:
        assert acts == books.acts.of("u1")
        assert () == books.acts.of("u3")
        assert acts[2] == books.acts.get(acts[2].digest)
        assert (acts[1], make.waiver("u2")) == books.acts.all("waiver")


def test_an_act_that_nobody_did_is_not_found(archive: Any) -> None:
    """The digest is named."""
    with archive.reading() as books, pytest.raises(NotFound, match="9" * 64):
        books.acts.get("9" * 64)


def test_json_and_back(make: Any) -> None:
    """What is written down is read back, and anything else is refused as no act."""
    for act in (make.request(), make.waiver(), make.break_glass(), make.revocation()):
        assert act == act_from_json(act.to_json())
    for broken in ({}, {"kind": "party"}, make.waiver().to_json() | {"extra": 1}, {"kind": "waiver"}):
        with pytest.raises(ValueError, match="not an act"):
            act_from_json(broken)


def test_acts_by_the_beginning_of_their_digest(archive: Any, make: Any) -> None:
    """All that begin so, oldest first; a wild card of the database is just a character."""
    acts = (make.request(), make.waiver(), make.break_glass(), make.revocation())
    with archive.writing() as books:
        for act in acts:
            books.acts.add(act)

    with archive.reading() as books:
        assert acts == books.acts.named("")
        for act in acts:
            assert (act,) == books.acts.named(act.digest[:8])
            assert (act,) == books.acts.named(act.digest)
        assert () == books.acts.named("%")
        assert () == books.acts.named("_" * 64)
