"""Who is calling: what the server authenticated, else what the operator said, else nobody."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

BACKEND_OF_A_SERVER = "_MLFLOW_SERVER_FILE_STORE"
"""Set by MLflow in every server process, and only there."""

_acting: ContextVar[str | None] = ContextVar("acting", default=None)


def in_server() -> bool:
    """Whether this process serves MLflow to others."""
    return BACKEND_OF_A_SERVER in os.environ


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """What is done inside is done by that person; a server's authentication still goes before it."""
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)


def caller(actor: str | None) -> str | None:
    """The name of whoever asks, None if a server was asked by somebody it did not identify.

    Args:
        actor: The operator's word (GOVERNANCE_ACTOR) for everybody who is not identified otherwise.
    """
    said = authenticated() or _acting.get() or actor
    return said or (None if in_server() else getpass.getuser())


def authenticated() -> str | None:
    """The user that MLflow's basic-auth identified in the request being served."""
    from flask import g, has_request_context

    return getattr(g, "mlflow_authenticated_user", None) if has_request_context() else None
