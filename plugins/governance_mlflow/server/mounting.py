"""Puts our REST interface into MLflow's server app, beside MLflow's own routes, whatever serves it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from governance_mlflow.callers.arriving import AsgiCallers, WsgiApp
from governance_mlflow.callers.proxies import TrustedHeader

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Flask

PATH = "/api/governance"

MAX_BODY = 16 * 1024 * 1024
"""Bytes of one request. Evidence is facts, not records; nothing that belongs here comes near it."""


def mount_api(app: FastAPI | Flask, api: FastAPI, trusted: TrustedHeader | None = None) -> None:
    """Serve `api` under `<static prefix>/api/governance` of MLflow's app.

    Args:
        app: MLflow's app: FastAPI under uvicorn, Flask under gunicorn and waitress.
        api: The interface; it authenticates its callers itself.
        trusted: The header of a reverse proxy that names the caller, where Flask serves.
    """
    from flask import Flask
    from mlflow.server.handlers import _add_static_prefix
    from starlette.routing import Mount

    path = _add_static_prefix(PATH)
    if isinstance(app, Flask):
        app.wsgi_app = _Beside(app.wsgi_app, path, api, trusted)  # type: ignore[method-assign]  # Flask's documented place for WSGI middleware
    else:
        routes = app.router.routes
        # Flask is mounted at the root, behind MLflow's other routes, and takes whatever comes to it.
        flask = next(i for i, route in enumerate(routes) if isinstance(route, Mount) and not route.path)
        routes.insert(flask, Mount(path, api))


class _Beside:
    """A WSGI app that hands requests below a path to an ASGI app, and all others on."""

    def __init__(self, others: WsgiApp, path: str, api: FastAPI, trusted: TrustedHeader | None) -> None:
        self._others = others
        self._path = path
        self._api = api
        self._trusted = trusted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path != self._path and not path.startswith(f"{self._path}/"):
            return self._others(environ, start_response)
        refused = _unreadable(environ) or self._read(environ)
        if refused is not None:
            start_response(refused, [("Content-Type", "text/plain")])
            return [refused.encode()]
        answered: Iterable[bytes] = self._bridge(environ, start_response)
        return answered

    def _read(self, environ: dict[str, Any]) -> str | None:
        """Take in the whole body: the bridge would wait for ever for the rest of one that was cut off."""
        declared = environ.get("CONTENT_LENGTH") or "0"
        if not declared.isdecimal() or int(declared) > MAX_BODY:
            return "413 Content Too Large"
        body = environ["wsgi.input"].read(int(declared))
        if len(body) != int(declared):
            return "400 Bad Request"
        environ["wsgi.input"] = io.BytesIO(body)
        return None

    @cached_property
    def _bridge(self) -> Any:
        # At the first request, not before: its event loop is a thread, and gunicorn may fork after loading.
        from a2wsgi import ASGIMiddleware
        from fastapi import FastAPI
        from mlflow.server.fastapi_app import add_fastapi_workspace_middleware
        from mlflow.server.fastapi_security import init_fastapi_security

        # What MLflow's FastAPI app does before any route is reached, done here by the same functions.
        outside = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        init_fastapi_security(outside)
        add_fastapi_workspace_middleware(outside)
        outside.add_middleware(AsgiCallers, trusted=self._trusted)
        outside.mount(self._path, self._api)
        return ASGIMiddleware(outside)  # type: ignore[arg-type]  # the two name the same ASGI types twice


def _unreadable(environ: dict[str, Any]) -> str | None:
    """A path or a query that is no text; the bridge would fail on it."""
    try:
        environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8")
        environ.get("QUERY_STRING", "").encode("ascii")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return "400 Bad Request"
    return None
