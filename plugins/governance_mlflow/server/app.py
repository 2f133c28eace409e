"""The server apps: `mlflow server --app-name governance`, `governance-auth` with MLflow's log-in."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from governance.settings import Settings
from governance_mlflow.callers.identity import BACKEND_OF_A_SERVER, OPERATOR, Identity, identify
from governance_mlflow.callers.proxies import TrustedHeader, trusted_header
from governance_mlflow.operations.starting import (
    DESTINATION_OF_A_SERVER,
    REGISTRY_OF_A_SERVER,
    WITH_ACCOUNTS,
    or_exit,
    prepare_children,
    require_governed,
)

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Flask
    from starlette.requests import Request

    from governance_mlflow.server.api import Authenticate

_logger = logging.getLogger(__name__)


def create_app() -> FastAPI | Flask:
    """MLflow's app without a log-in: people are known by a trusted header, or all as GOVERNANCE_ACTOR.

    Stops the process where the server would not be governed.
    """
    with or_exit():
        _require_governed()
        from mlflow.environment_variables import _MLFLOW_SGI_NAME
        from mlflow.server import app

        if _MLFLOW_SGI_NAME.get() == "uvicorn":
            from mlflow.server.fastapi_app import create_fastapi_app

            app = create_fastapi_app(app)
        return _governed(app, _told, trusted_header(Settings()))


def create_auth_app() -> FastAPI | Flask:
    """MLflow's app behind MLflow's own log-in (`basic-auth`): people are known by their accounts.

    Stops the process where the server would not be governed, or the log-in is not configured.
    """
    with or_exit():
        _require_governed()
        from mlflow.server import auth

        from governance_mlflow.callers.accounts import authenticate

        if Settings().trusted_user_header is not None:
            _logger.warning("%s asks for a log-in and trusts no header.", WITH_ACCOUNTS)
        return _governed(auth.create_app(), authenticate, None)


def _require_governed() -> None:
    registry_uri = os.environ.get(REGISTRY_OF_A_SERVER) or os.environ.get(BACKEND_OF_A_SERVER)
    require_governed(registry_uri, os.environ.get(DESTINATION_OF_A_SERVER))


def _told(request: Request) -> Identity | None:
    """Whoever was found in the request, else the one name that the operator gave for everybody."""
    del request  # It was looked at before it got here.
    actor = Settings().actor
    return identify() or (Identity(actor, frozenset(), OPERATOR) if actor else None)


def _reconcile_now_and_then() -> None:
    """Look at the registry every GOVERNANCE_RECONCILE_MINUTES, in one of all the server's processes."""
    minutes = Settings().reconcile_minutes
    if minutes > 0:
        from governance_mlflow.operations.watch import start
        from governance_mlflow.server.api.desks import served_store

        start(served_store(), minutes)


def _governed(
    app: FastAPI | Flask, authenticate: Authenticate, trusted: TrustedHeader | None
) -> FastAPI | Flask:
    """MLflow's app with our interface in it, and with whoever calls known to the registry below."""
    from flask import Flask
    from starlette.middleware import Middleware

    from governance_mlflow.artifacts.direct_locations import guard_direct_locations
    from governance_mlflow.callers.arriving import AsgiCallers, WsgiCallers
    from governance_mlflow.server.api import create_api
    from governance_mlflow.server.mounting import mount_api

    guard_direct_locations()
    _reconcile_now_and_then()
    mount_api(app, create_api(authenticate), trusted)
    if isinstance(app, Flask):
        app.wsgi_app = WsgiCallers(app.wsgi_app, trusted)  # type: ignore[method-assign]  # Flask's documented place for WSGI middleware
    else:
        # Appended, it is the innermost: behind MLflow's log-in. `add_middleware` would put it before.
        app.user_middleware.append(Middleware(AsgiCallers, trusted=trusted))
    return app


# `mlflow server` imports this module before it starts anything; anywhere else this does nothing.
prepare_children()
