"""The middlewares: whoever sent a request is known before anything is done for it, and nobody afterwards."""

from __future__ import annotations

import asyncio
import contextvars
from types import SimpleNamespace
from typing import Any

import pytest

from governance.settings import Settings
from governance_mlflow.callers.arriving import AsgiCallers, WsgiCallers
from governance_mlflow.callers.identity import Identity, identify
from governance_mlflow.callers.proxies import trusted_header

TRUSTED = trusted_header(
    Settings(trusted_user_header="X-User", trusted_groups_header="X-Groups", trusted_proxies="10.0.0.5")
)
ANN = Identity("ann", frozenset({"dpo"}), "header")
BOB = Identity("bob", frozenset(), "basic-auth")
HEADERS = [(b"x-user", b"ann"), (b"x-groups", b"dpo")]


def asgi(scope: dict[str, Any], trusted: Any = TRUSTED) -> Identity | None:
    """Who is known inside an ASGI app."""
    known: list[Identity | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send
        known.append(identify())

    request = {"type": "http", "method": "PUT", "path": "/", "headers": []}
    asyncio.run(AsgiCallers(app, trusted)(request | scope, None, None))
    return known.pop()


def wsgi(environ: dict[str, Any], trusted: Any = TRUSTED) -> Identity | None:
    """Who is known inside a WSGI app, and while it sends its answer."""

    def app(environ: Any, start_response: Any) -> Any:
        del environ, start_response
        first = identify()
        yield (first, identify())

    def served() -> Any:
        return list(WsgiCallers(app, trusted)(environ, None))  # type: ignore[arg-type]  # it answers with what it saw

    ((first, second),) = contextvars.copy_context().run(served)
    assert first == second
    found: Identity | None = first
    return found


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, None),
        ({"client": ("10.0.0.5", 1), "headers": HEADERS}, ANN),
        ({"client": ("10.0.0.6", 1), "headers": HEADERS}, None),
        ({"client": None, "headers": HEADERS}, None),
        ({"state": {"username": "bob"}}, BOB),
        ({"state": {"username": "bob"}, "client": ("10.0.0.5", 1), "headers": HEADERS}, BOB),
        ({"mlflow_oidc_auth": SimpleNamespace(username="ida")}, Identity("ida", frozenset(), "oidc")),
    ],
)
def test_asgi(scope: dict[str, Any], expected: Identity | None) -> None:
    """MLflow's log-in goes first; a header counts from a trusted proxy alone."""
    assert expected == asgi(scope)


def test_asgi_without_a_trusted_header() -> None:
    """Where a log-in is asked for, no header counts, wherever it comes from."""
    assert asgi({"client": ("10.0.0.5", 1), "headers": HEADERS}, trusted=None) is None


def test_asgi_lets_pass_what_is_no_request() -> None:
    """The start and the end of a server have no headers and no sender."""
    assert asgi({"type": "lifespan"}) is None


@pytest.mark.parametrize(
    ("peer", "trusted", "expected"),
    [("10.0.0.5", TRUSTED, ANN), ("10.0.0.6", TRUSTED, None), ("", TRUSTED, None), ("10.0.0.5", None, None)],
)
def test_wsgi(peer: str, trusted: Any, expected: Identity | None) -> None:
    """The same, where headers are names in capitals."""
    headers = {"HTTP_X_USER": "ann", "HTTP_X_GROUPS": "dpo", "wsgi.version": (1, 0), "PATH_INFO": "/"}

    assert expected == wsgi({"REMOTE_ADDR": peer, **headers}, trusted)


def test_a_thread_that_serves_again_has_forgotten() -> None:
    """gunicorn's threads serve one request after the other in one context."""

    def served() -> list[Identity | None]:
        app = WsgiCallers(lambda *_: [identify()], TRUSTED)  # type: ignore[arg-type, list-item, return-value]  # it answers with what it saw
        found: Any = [*app({"REMOTE_ADDR": "10.0.0.5", "HTTP_X_USER": "ann"}, None), *app({}, None)]
        return list(found)

    assert [Identity("ann", frozenset(), "header"), None] == contextvars.copy_context().run(served)


def test_names_that_are_no_ascii() -> None:
    """Both kinds of servers hand on the bytes that were sent."""
    zoe = "Zoë".encode()
    native = asgi({"client": ("10.0.0.5", 1), "headers": [(b"x-user", zoe)]})

    assert native == wsgi({"REMOTE_ADDR": "10.0.0.5", "HTTP_X_USER": zoe.decode("latin-1")})
    assert Identity("Zoë", frozenset(), "header") == native
