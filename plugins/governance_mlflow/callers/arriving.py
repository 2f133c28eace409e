"""Finds out who sent a request, before anything is done for it: for ASGI servers and for WSGI servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from governance_mlflow.callers.identity import OIDC_CONTEXT, Identity, asked_by, logged_in, of_oidc
from governance_mlflow.callers.proxies import Headers, TrustedHeader
from governance_mlflow.callers.served import PURPOSE, serving

Scope = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Any, Any], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class AsgiCallers:
    """An ASGI middleware; it stands behind MLflow's own, so that their log-in has already happened.

    Pure ASGI, because what Starlette's BaseHTTPMiddleware sets in a context is set in a copy.
    """

    def __init__(self, app: AsgiApp, trusted: TrustedHeader | None = None) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve a request on behalf of whoever sent it."""
        if scope["type"] == "http":
            asked_by(self._who(scope))
            stated = dict(scope["headers"]).get(PURPOSE.lower().encode(), b"")
            serving(scope["method"], scope["path"], stated.decode("latin-1"))
        await self._app(scope, receive, send)

    def _who(self, scope: Scope) -> Identity | None:
        # Where MLflow serves a route without Flask, this is all that its log-in leaves behind.
        known = logged_in(scope.get("state", {}).get("username")) or of_oidc(scope.get(OIDC_CONTEXT))
        if known is not None or self._trusted is None:
            return known
        peer = scope.get("client")
        return self._trusted.identify(peer[0] if peer else None, scope["headers"])


class WsgiCallers:
    """A WSGI middleware around Flask; MLflow's log-in happens inside it and goes before what it found."""

    def __init__(self, app: WsgiApp, trusted: TrustedHeader | None = None) -> None:
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve a request on behalf of whoever sent it."""
        asked_by(
            self._trusted.identify(environ.get("REMOTE_ADDR"), _headers(environ)) if self._trusted else None
        )
        return self._app(environ, start_response)


def _headers(environ: dict[str, Any]) -> Headers:
    return [
        (key.removeprefix("HTTP_").replace("_", "-").lower().encode("latin-1"), value.encode("latin-1"))
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
