"""One transaction for MLflow's change and our record of it.

MLflow's store opens a session a method, through the instance attribute `ManagedSessionMaker`. Here
that attribute is wrapped: while a transaction is open in this context, a method joins it instead of
opening its own, so that an exception anywhere undoes everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.orm import Session

from governance.ports import Books
from governance.storage.archive import books, ready, take_gate
from governance_mlflow.errors import translated


class JoinedTransactions(SqlAlchemyStore):  # type: ignore[misc]  # MLflow ships no types
    """MLflow's store, whose methods join the transaction that is open around them."""

    def __init__(self, db_uri: str, read_db_uri: str | None = None) -> None:
        self._open: ContextVar[Session | None] = ContextVar("open_session", default=None)
        self._gated: ContextVar[bool] = ContextVar("holds_the_gate", default=False)
        self._fresh: ContextVar[bool] = ContextVar("fresh_reads", default=False)
        self.ManagedSessionMaker: Any
        super().__init__(db_uri, read_db_uri)
        self._own_session: Any = self.ManagedSessionMaker
        self.ManagedSessionMaker = self._joining_session
        with translated():
            ready(self.engine)

    @contextmanager
    def _joining_session(self, read_only: bool = True) -> Iterator[Session]:
        session = self._open.get()
        if session is not None:
            yield session
            session.flush()
        else:
            with self._own_session(read_only=read_only and not self._fresh.get()) as own:
                yield own

    @contextmanager
    def fresh_reads(self) -> Iterator[None]:
        """What MLflow's methods read inside is the primary's: a replica may show yesterday's facts."""
        token = self._fresh.set(True)
        try:
            yield
        finally:
            self._fresh.reset(token)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction that holds the gate is open in this context."""
        return self._gated.get()

    @contextmanager
    def looking(self) -> Iterator[Session]:
        """One session for several looks at the primary; quicker than one each, and not to be held long."""
        session = self._open.get()
        if session is not None:
            yield session
            return
        with self._own_session(read_only=False) as own:
            token = self._open.set(own)
            try:
                yield own
            finally:
                self._open.reset(token)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A write transaction that holds the gate; inside another it is that other."""
        session = self._open.get()
        if session is not None and self._gated.get():
            yield session
            return
        with self._own_session(read_only=False) as own:
            opened, gated = self._open.set(own), self._gated.set(True)
            try:
                with translated():
                    take_gate(own.connection())
                yield own
            finally:
                self._gated.reset(gated)
                self._open.reset(opened)

    @contextmanager
    def writing(self) -> Iterator[Books]:
        """The books inside a write transaction."""
        with self.transaction() as session, translated():
            yield books(session.connection())

    @contextmanager
    def reading(self) -> Iterator[Books]:
        """The books as they are now, in the session that is open if there is one."""
        session = self._open.get()
        if session is not None:
            yield books(session.connection())
            return
        # Not MLflow's read-only session, which may be a replica's: a decision on yesterday's facts
        # is no decision.
        with self._own_session(read_only=False) as own, translated():
            yield books(own.connection())
