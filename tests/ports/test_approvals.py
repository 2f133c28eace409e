"""The conformance suite of `ports.Approvals`."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

from governance.domain.approval import Verdict


def test_a_verdict_comes_back_as_it_went_in(archive: Any, make: Any) -> None:
    """Every field survives; the same verdict twice is one."""
    approval = make.approval()
    with archive.writing() as books:
        books.approvals.add(approval)
        books.approvals.add(approval)

    with archive.reading() as books:
        assert (approval,) == books.approvals.of("u1")


def test_verdicts_come_in_the_order_of_recording(archive: Any, make: Any) -> None:
    """Oldest first, only about the version asked for; none expires here."""
    given = make.approval(expires_at=None)
    lapsing = make.approval()
    taken_back = make.approval(at=make.later(5), verdict=Verdict.REJECTED, reason="complaint received")
    with archive.writing() as books:
        for approval in (given, make.approval("u2"), lapsing, taken_back):
            books.approvals.add(approval)

    with archive.reading() as books:
        assert (given, lapsing, taken_back) == books.approvals.of("u1")
        assert () == books.approvals.of("u3")


def test_the_time_zone_of_a_verdict_is_only_a_spelling(archive: Any, make: Any) -> None:
    """Noon in UTC and one o'clock in Rome are one instant, hence one verdict."""
    rome = timezone(timedelta(hours=1))
    with archive.writing() as books:
        books.approvals.add(make.approval(at=make.noon.astimezone(rome)))
        books.approvals.add(make.approval())

    with archive.reading() as books:
        assert (make.approval(),) == books.approvals.of("u1")


def test_verdicts_by_the_beginning_of_their_digest(archive: Any, make: Any) -> None:
    """All that begin so, of every version, oldest first."""
    given = (make.approval(), make.approval("u2"))
    with archive.writing() as books:
        for approval in given:
            books.approvals.add(approval)

    with archive.reading() as books:
        assert given == books.approvals.named("")
        assert [(one,) for one in given] == [books.approvals.named(one.digest[:8]) for one in given]
        assert () == books.approvals.named("%")
