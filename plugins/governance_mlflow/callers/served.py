"""The request that this process is serving: what was asked for, for which purpose, and by whom nothing is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from governance_mlflow.callers.identity import in_server

T = TypeVar("T")

PURPOSE = "X-Governance-Purpose"
"""The header in which a caller states what it wants a model for."""

JOB_OF_A_SERVER = "_MLFLOW_SERVER_JOB_FUNCTION_FULLNAME"
"""Set by MLflow in the processes of a server's background jobs, which serve nobody."""

LONGEST = 200


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked of this server."""

    route: str
    """Method and path, without the query."""
    purpose: str | None
    """What the caller says it is for; None if it does not say."""


_serving: ContextVar[Request | None] = ContextVar("serving", default=None)
_own: ContextVar[bool] = ContextVar("own_reads", default=False)


def serving(method: str, path: str, purpose: str | None) -> None:
    """From here on, in this request's context, that is what was asked; each request says it anew."""
    _serving.set(_request(method, path, purpose))


def served() -> Request | None:
    """The request that is being served, None if none is, or if a server app other than ours serves it."""
    from flask import has_request_context, request

    if has_request_context():
        return _request(request.method, request.path, request.headers.get(PURPOSE))
    return _serving.get()


def _request(method: str, path: str, purpose: str | None) -> Request:
    stated = (purpose or "").strip()
    return Request(f"{method} {path}"[:LONGEST], stated if 0 < len(stated) <= LONGEST else None)


@contextmanager
def own_reads() -> Iterator[None]:
    """What is read inside, the plugin reads for itself: whoever asks gets an answer, not what was read."""
    token = _own.set(True)
    try:
        yield
    finally:
        _own.reset(token)


def reading_entries_for_others() -> bool:
    """Whether an entry of the registry that is read now is read for whoever sent a request."""
    return not _own.get() and served() is not None


def reading_bytes_for_others() -> bool:
    """Whether bytes that are read now are read for somebody else.

    In a server they are, unless something says otherwise: MLflow serves files without Flask, too, and in
    another server app than ours nothing tells who asked.
    """
    return not _own.get() and (served() is not None or (in_server() and JOB_OF_A_SERVER not in os.environ))


def admit_reading(places: Iterable[tuple[str, ...]]) -> None:
    """Let bytes be read for whoever asks, if the registry of this server lets them.

    Args:
        places: Where they lie, by every way in which the path may be taken; not asked for without need.

    Raises:
        MlflowException: PERMISSION_DENIED, with the reason.
    """
    if not reading_bytes_for_others():
        return
    from mlflow.server.handlers import _get_model_registry_store

    # The registry is above this floor, and it may be one that is not governed.
    admit = getattr(_get_model_registry_store(), "admit_reading", None)
    if admit is not None:
        admit(places)


class ContextThreads(ThreadPoolExecutor):
    """Threads that know for whom they work: what is done in them is done in the context of whoever asked."""

    def submit(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> Future[T]:
        """Do something in a thread, in a copy of this context."""
        return super().submit(copy_context().run, function, *arguments, **named)
