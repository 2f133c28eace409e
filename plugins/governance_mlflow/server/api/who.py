"""Who calls a route, and whether MLflow would let them: what every route of the interface begins with.

A route that changes something takes `identity: Known`; one that only reads may take `visitor: Visitor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, UNAUTHENTICATED
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from governance_mlflow.callers.accounts import Action, permitted
from governance_mlflow.callers.identity import Identity, asked_by

Authenticate = Callable[[Request], Identity | Response | None]

NOBODY = (
    "This server does not know who is calling. Start it with --app-name governance-auth, or set "
    "GOVERNANCE_TRUSTED_USER_HEADER and GOVERNANCE_TRUSTED_PROXIES, or GOVERNANCE_ACTOR for a trial."
)


class Answered(Exception):
    """The response is there already: whoever authenticates has given it."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def authenticated_by(authenticate: Authenticate) -> Any:
    """The dependency that identifies the caller of every route of an app, before the route is entered."""

    async def identify_caller(request: Request) -> None:
        # On a thread: it may compute a password's hash and ask a database.
        found = await run_in_threadpool(authenticate, request)
        if isinstance(found, Response):
            raise Answered(found)
        # Here, not on the thread: what is set there is seen by nobody else.
        asked_by(found)
        request.state.identity = found

    return Depends(identify_caller)


def _visitor(request: Request) -> Identity | None:
    found: Identity | None = request.state.identity
    return found


def _known(visitor: Annotated[Identity | None, Depends(_visitor)]) -> Identity:
    if visitor is None:
        raise MlflowException(NOBODY, error_code=UNAUTHENTICATED)
    return visitor


Visitor = Annotated[Identity | None, Depends(_visitor)]
"""Whoever calls; None where the server asks nobody who they are."""

Known = Annotated[Identity, Depends(_known)]
"""Whoever calls, by name; the route answers 401 to nobody."""


def insist(identity: Identity | None, name: str, action: Action) -> None:
    """Answer 403, as MLflow does, to whoever may not do that to a registered model.

    Raises:
        MlflowException: PERMISSION_DENIED.
    """
    if not permitted(identity, name, action):
        raise MlflowException(f"Permission denied: {action} {name!r}.", error_code=PERMISSION_DENIED)
