"""The conformance suite of `ports.Promotions`."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from governance.domain.decision import Status
from governance.domain.events import PromotionAllowed, PromotionDenied, PromotionWithdrawn
from governance.ports import Unpaired
from governance.storage.among import among
from governance.storage.archive import SqlArchive
from governance.storage.in_body import in_body
from governance.storage.tables import PROMOTED_OR_WITHDRAWN, audit

CHAMPION, PRODUCTION = "alias @champion of risk", "stage Production of risk"


def allowed(uid: str, change: str = CHAMPION, decision: str = "d") -> PromotionAllowed:
    """A promotion into production."""
    return PromotionAllowed(uid, decision, "production", change, "nothing", "frozen/d")


def withdrawn(uid: str, change: str = CHAMPION) -> PromotionWithdrawn:
    """A place in production that was left."""
    return PromotionWithdrawn(uid, "production", change)


def test_the_newest_entry_of_every_place(archive: Any, make: Any) -> None:
    """By version and change; denials say nothing of where a version is."""
    events = [
        allowed("u1"),
        allowed("u1", PRODUCTION),
        withdrawn("u1"),
        PromotionDenied("u1", "d", "production", CHAMPION),
        allowed("u2"),
        allowed("u1"),
        withdrawn("u1", PRODUCTION),
        allowed("u3"),
    ]
    with archive.writing() as books:
        for event in events:
            books.audit.append(make.noon, "ada", event)

    with archive.reading() as books:
        entries = list(books.audit.entries())
        assert (entries[4], entries[5], entries[6]) == books.promotions.standing(["u1", "u2", "u4"])
        assert () == books.promotions.standing([])


def test_decisions_that_stand_in_one_place_only_or_twice(archive: Any, make: Any) -> None:
    """Recorded and named once is as it should be, allowed and denied alike."""
    paired, denied, unlogged = (
        make.decision("u1"),
        make.decision("u1", Status.FAILED),
        make.decision("u2"),
    )
    with archive.writing() as books:
        books.decisions.add(paired, "frozen/d")
        books.decisions.add(denied, None)
        books.audit.append(make.noon, "ada", allowed("u1", decision=paired.record_digest))
        refused = PromotionDenied("u1", denied.record_digest, "production", CHAMPION)
        books.audit.append(make.noon, "ada", refused)
    with archive.reading() as books:
        assert Unpaired((), (), ()) == books.promotions.unpaired()

    with archive.writing() as books:
        books.decisions.add(unlogged, "frozen/d")
        books.audit.append(make.noon, "ada", allowed("u1", decision=paired.record_digest))
        books.audit.append(make.noon, "ada", allowed("u1", decision="nowhere"))

    with archive.reading() as books:
        assert (
            Unpaired(("nowhere",), (unlogged.record_digest,), (paired.record_digest,))
            == books.promotions.unpaired()
        )


@pytest.mark.parametrize("many", [1, 3_000])
def test_the_log_is_not_read_through_to_find_a_version(database: SqlArchive, many: int) -> None:
    """The index is used, in the spelling in which it was made, for one version and for thousands."""
    with database.reading(), database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # On an empty table it reads all of nothing.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        uid = among(connection, in_body(audit.c.body, "uid"), [f"u{n}" for n in range(many)])
        asked = audit.select().where(PROMOTED_OR_WITHDRAWN, uid)
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        literal = asked.compile(connection, compile_kwargs={"literal_binds": True})
        plan = str(connection.exec_driver_sql(f"{explain} {literal}".replace("%", "%%")).all())

    assert "ix_governance_audit_places" in plan
