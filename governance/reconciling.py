"""Holds the registry's tables, the frozen bytes and our records against each other, a page at a time.

Nothing is written here; `mending` puts right what is found. A page is read in a few looks, each at one
moment, so that a promotion that happens meanwhile is no discrepancy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from governance.comparing import Facts, Found, called, examine, gather
from governance.domain.discrepancy import Discrepancy, Kind
from governance.domain.subject import Subject, VersionName
from governance.errors import UsageError
from governance.inspecting import UNREADABLE, Inspection, undecidable
from governance.inventory import Row
from governance.ports import Books


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a look got: through the registry's rows, then through our living versions."""

    after: VersionName | None = None
    gone_after: str | None = None
    """A uid once all rows are done, empty before the first; None before that."""

    def __str__(self) -> str:
        if self.gone_after is not None:
            return f"gone/{self.gone_after}"
        return (
            f"rows/{self.after.workspace}/{self.after.name}/{self.after.version}" if self.after else "rows/"
        )

    @staticmethod
    def parse(text: str) -> Cursor:
        """The cursor that a text stands for.

        Raises:
            UsageError: it is none.
        """
        kind, *parts = text.split("/")
        if kind == "gone" and len(parts) == 1:
            return Cursor(gone_after=parts[0])
        if kind == "rows" and parts == [""]:
            return Cursor()
        if kind == "rows" and len(parts) == 3 and parts[2].isdecimal():
            return Cursor(VersionName(parts[1], int(parts[2]), parts[0]))
        raise UsageError(
            f"{text!r} is no cursor.", "Take the one that an earlier `governance reconcile` ended with."
        )


@dataclass(frozen=True, slots=True)
class Page:
    """What was found on one page."""

    found: tuple[Found, ...]
    looked_at: int
    """How many versions."""
    next: Cursor | None
    """Where the next page begins; None when everything was looked at."""


def reconcile(inspection: Inspection, cursor: Cursor, size: int, limit: int | None = None) -> Iterator[Page]:
    """Look at everything behind a cursor, and when that is done at the log and the frozen area.

    Args:
        inspection: What is held against each other.
        cursor: Where an earlier look ended.
        size: Versions in memory at a time.
        limit: At most so many versions.
    """
    at: Cursor | None = cursor
    while at is not None and (limit is None or limit > 0):
        asked = size if limit is None else min(size, limit)
        page = (
            _rows(inspection, at, asked) if at.gone_after is None else _gone(inspection, at.gone_after, asked)
        )
        limit = None if limit is None else limit - page.looked_at
        at = page.next
        yield page
    if at is None:
        yield Page((*_log(inspection), *_leftovers(inspection)), 0, None)


def _rows(inspection: Inspection, at: Cursor, size: int) -> Page:
    with inspection.inventory.snapshot() as snapshot:
        rows = snapshot.rows(at.after, size)
        parts = list(_gathered(inspection, snapshot.books, rows))
    found = tuple(one for part in parts for one in _examined(inspection, *part))
    return Page(found, len(rows), Cursor(rows[-1].named) if len(rows) == size else Cursor(gone_after=""))


def _gathered(
    inspection: Inspection, books: Books, rows: Sequence[Row]
) -> Iterator[tuple[Sequence[Row], Facts | str]]:
    """Rows with what the books say of them; where a record cannot be read, the fewest rows with why."""
    try:
        facts: Facts | str = gather(books, inspection.policy, rows)
    except UNREADABLE as error:
        if len(rows) > 1:
            half = len(rows) // 2
            yield from _gathered(inspection, books, rows[:half])
            yield from _gathered(inspection, books, rows[half:])
            return
        facts = str(error)
    yield rows, facts


def _examined(inspection: Inspection, rows: Sequence[Row], facts: Facts | str) -> Iterator[Found]:
    if isinstance(facts, str):
        for row in rows:
            yield Found(undecidable(called(row.named), facts), named=row.named)
        return
    inspected = inspection.inspect(rows, facts)
    for row in rows:
        yield from examine(inspection.policy, row, facts)
        yield from inspected[row]


def _gone(inspection: Inspection, after: str, size: int) -> Page:
    with inspection.inventory.snapshot() as snapshot:
        subjects = snapshot.gone(after, size)
    following = Cursor(gone_after=subjects[-1].uid) if len(subjects) == size else None
    return Page(tuple(map(_tombstone, subjects)), len(subjects), following)


def _log(inspection: Inspection) -> Iterator[Found]:
    with inspection.inventory.snapshot() as snapshot:
        unpaired = snapshot.books.promotions.unpaired()
    remedy = "Compare with a backup; see how far the log still holds: governance audit verify"
    for kind, digests, observed, expected in (
        (Kind.LOST_DECISION, unpaired.lost, "in the log only", "the decision that the log names"),
        (Kind.UNLOGGED_DECISION, unpaired.unlogged, "recorded only", "an entry of the log that names it"),
        (Kind.DUPLICATE_DECISION, unpaired.repeated, "in the log more than once", "one entry of the log"),
    ):
        for digest in digests:
            yield Found(Discrepancy(kind, f"decision {digest}", observed, expected, remedy))


def _leftovers(inspection: Inspection) -> Iterator[Found]:
    for path in inspection.inventory.leftovers(repair=False):
        yield Found(
            Discrepancy(
                Kind.UNFINISHED_FREEZE,
                path,
                "a copy that no decision refers to",
                "nothing",
                "Remove it: governance reconcile --repair",
            )
        )


def _tombstone(subject: Subject) -> Found:
    discrepancy = Discrepancy(
        Kind.TOMBSTONE_MISMATCH,
        f"{called(subject.named)} ({subject.uid})",
        "the registry does not have it",
        "a record that it was deleted",
        "Find out who deleted it around the gate. To record that it is gone: governance reconcile --repair",
    )
    return Found(discrepancy, subject=subject)
