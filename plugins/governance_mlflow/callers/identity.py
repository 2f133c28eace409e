"""Who is calling: what the server authenticated, else what the operator said, else nobody."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

BACKEND_OF_A_SERVER = "_MLFLOW_SERVER_FILE_STORE"
"""Set by MLflow in every server process, and only there."""

BASIC_AUTH = "basic-auth"
OIDC = "oidc"
HEADER = "header"
OPERATOR = "operator"

OIDC_CONTEXT = "mlflow_oidc_auth"
"""Where mlflow-oidc-auth puts what it found out, in the WSGI environ and in the ASGI scope alike."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom a server identified."""

    name: str
    groups: frozenset[str]
    how: str
    """`basic-auth` (or its custom function), `oidc`, `header`, or `operator` for GOVERNANCE_ACTOR."""


_acting: ContextVar[str | None] = ContextVar("acting", default=None)
_asking: ContextVar[Identity | None] = ContextVar("asking", default=None)


def in_server() -> bool:
    """Whether this process serves MLflow to others."""
    return BACKEND_OF_A_SERVER in os.environ


def identify() -> Identity | None:
    """Whoever sent the request that is being served, None if it was not found out.

    MLflow's log-in goes first, then mlflow-oidc-auth's, then what the server app found in the request.
    """
    return _in_flask() or _asking.get()


def asked_by(identity: Identity | None) -> None:
    """From here on, in this request's context, that person asks; each request sets it before all else."""
    _asking.set(identity)


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
    """The name of the user whom the server identified in the request being served."""
    found = identify()
    return None if found is None else found.name


def groups() -> frozenset[str]:
    """The groups of the user whom the server identified; empty for everybody else."""
    found = identify()
    return frozenset() if found is None else found.groups


def logged_in(name: str | None) -> Identity | None:
    """The person whom MLflow's basic-auth, or the function that replaces it, let in."""
    return Identity(name, frozenset(), BASIC_AUTH) if name else None


def of_oidc(context: object) -> Identity | None:
    """The person in what mlflow-oidc-auth left behind; its groups where it tells them."""
    name = getattr(context, "username", None)
    if not isinstance(name, str) or not name:
        return None
    told = getattr(context, "groups", None)
    listed = told if isinstance(told, (list, tuple, set, frozenset)) else ()
    return Identity(name, frozenset(str(group) for group in listed), OIDC)


def _in_flask() -> Identity | None:
    from flask import g, has_request_context, request

    if not has_request_context():
        return None
    name = getattr(g, "mlflow_authenticated_user", None)
    return logged_in(name) or of_oidc(request.environ.get(OIDC_CONTEXT))
