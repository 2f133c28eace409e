"""The ports in memory: for tests and dry runs, and gone with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from governance.errors import UsageError
from governance.memory.answers import Acts, Approvals, Decisions, PolicyArchive, Promotions, Signatures
from governance.memory.ledgers import AuditLog, Catalogue, SpendLedger
from governance.memory.state import State
from governance.memory.versions import EvidenceStore, Lineages, Subjects
from governance.ports import Books

__all__ = ["MemoryArchive"]


class MemoryArchive:
    """The books in memory; see `ports.Archive`."""

    def __init__(self) -> None:
        self._state = State()
        self._gate = threading.RLock()
        self._inside = False

    @contextmanager
    def reading(self) -> Iterator[Books]:
        """Books for reading, as they stand now; what is written through them is dropped."""
        yield _books(self._state.copied())

    @contextmanager
    def writing(self) -> Iterator[Books]:
        """Books for writing, one writer at a time; kept when the block ends, dropped when it raises."""
        with self._gate:
            if self._inside:
                raise UsageError("writing() inside writing(): the inner change would be lost.")
            self._inside = True
            try:
                state = self._state.copied()
                yield _books(state)
                self._state = state
            finally:
                self._inside = False


def _books(state: State) -> Books:
    return Books(
        catalogue=Catalogue(state),
        subjects=Subjects(state),
        lineages=Lineages(state),
        evidence=EvidenceStore(state),
        approvals=Approvals(state),
        acts=Acts(state),
        signatures=Signatures(state),
        decisions=Decisions(state),
        promotions=Promotions(state),
        audit=AuditLog(state),
        ledger=SpendLedger(state),
        policies=PolicyArchive(state),
    )
