"""The conformance suite of `ports.Decisions`."""

from __future__ import annotations

from typing import Any

import pytest

from governance.domain.decision import Status
from governance.errors import Conflict, NotFound

FROZEN = "file:///models/frozen/" + "b" * 64


@pytest.mark.parametrize("status", list(Status))
def test_a_decision_comes_back_as_it_went_in(archive: Any, make: Any, status: Status) -> None:
    """Every finding survives, by version and by name; the same decision twice is one."""
    decision = make.decision(status=status)
    with archive.writing() as books:
        books.decisions.add(decision, None)
        books.decisions.add(decision, None)

    with archive.reading() as books:
        assert (decision,) == books.decisions.of("u1")
        assert decision == books.decisions.get(decision.record_digest)


def test_an_unknown_decision_is_not_found(archive: Any) -> None:
    """By digest that is an error, by version there are none."""
    with archive.reading() as books:
        assert () == books.decisions.of("u1")
        with pytest.raises(NotFound, match="0000"):
            books.decisions.get("0" * 64)


def test_decisions_come_in_the_order_of_recording(archive: Any, make: Any) -> None:
    """Oldest first, also when a clock went backwards."""
    first, second = make.decision(at=make.later(5)), make.decision(at=make.later(1))
    with archive.writing() as books:
        for decision in (first, make.decision("u2"), second):
            books.decisions.add(decision, None)

    with archive.reading() as books:
        assert (first, second) == books.decisions.of("u1")


def test_only_allowed_decisions_put_frozen_trees_into_service(archive: Any, make: Any) -> None:
    """A denied decision has no frozen tree, whatever was written beside it."""
    allowed, denied = make.decision(), make.decision(status=Status.FAILED)
    with archive.writing() as books:
        books.decisions.add(denied, FROZEN)
        books.decisions.add(allowed, FROZEN)
        books.decisions.add(make.decision("u2"), None)

    with archive.reading() as books:
        assert ((allowed, FROZEN),) == books.decisions.frozen()


def test_a_decision_has_one_frozen_tree(archive: Any, make: Any) -> None:
    """The same decision with other bytes in service is a conflict."""
    with archive.writing() as books:
        books.decisions.add(make.decision(), FROZEN)
    with pytest.raises(Conflict), archive.writing() as books:
        books.decisions.add(make.decision(), "file:///elsewhere")
