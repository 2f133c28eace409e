"""MLflow's own accounts: who may log in at `governance-auth`, and what they may do to a registered model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from governance_mlflow.callers.identity import Identity, logged_in

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

Action = Literal["read", "edit", "manage"]

_AUTH = "mlflow.server.auth"
_CAPABILITY = {"read": "can_read", "edit": "can_update", "manage": "can_manage"}


def authenticate(request: Request) -> Identity | Response | None:
    """Whoever logs in with a request, or MLflow's own answer to somebody who may not.

    The same function of MLflow decides as for its own routes, over the same credentials: basic-auth, or the
    `authorization_function` that was configured.

    Raises:
        MlflowException: the function that was configured answers something else.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.server import app, auth
    from werkzeug.datastructures import Authorization
    from werkzeug.wrappers import Response as FlaskResponse

    sender = {"REMOTE_ADDR": request.client.host} if request.client else {}
    with app.test_request_context(
        path=request.scope["path"],
        method=request.method,
        headers=[(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.headers.raw],
        query_string=request.scope["query_string"].decode("latin-1"),
        environ_base=sender,
    ):
        answer = auth.authenticate_request()
        if isinstance(answer, FlaskResponse):
            return _handed_on(answer)
        if not isinstance(answer, Authorization):
            raise MlflowException(
                f"{auth.auth_config.authorization_function} answered a {type(answer).__name__}, "
                "a werkzeug Authorization or a Flask response is expected."
            )
        return logged_in(answer.username)


def permitted(identity: Identity | None, name: str, action: Action) -> bool:
    """Whether MLflow would let somebody do that to a registered model or prompt, and see its versions.

    True for everybody where MLflow has no accounts. Administrators may do everything here, as in MLflow;
    what the gate refuses, it refuses them too.
    """
    auth = sys.modules.get(_AUTH)
    if auth is None or not auth.is_auth_enabled():
        return True
    if identity is None:
        return False
    from mlflow.exceptions import MlflowException

    try:
        if auth.store.get_user(identity.name).is_admin:
            return True
    except MlflowException:
        # A function that replaces basic-auth can let in people who have no account.
        return False
    kind, workspace = _entity(name)
    granted = auth._get_role_permission_or_default(
        auth._role_permission_for_known_workspace(identity.name, kind, name, workspace)
    )
    return bool(getattr(granted, _CAPABILITY[action])) and _sees_versions(auth, identity.name, kind, name)


def _entity(name: str) -> tuple[str, str | None]:
    """What a name in the registry means to MLflow's permissions: its kind and its workspace."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
    from mlflow.server.handlers import _get_model_registry_store

    try:
        found = _get_model_registry_store().get_registered_model(name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return "registered_model", None
    return ("prompt" if found._is_prompt() else "registered_model"), getattr(found, "workspace", None)


def _sees_versions(auth: Any, username: str, kind: str, name: str) -> bool:
    """Versions can be denied apart from their model, since MLflow 3.17."""
    if not hasattr(auth, "authorize"):
        return True
    model = (kind, name)
    wanted = auth.Requirement(f"{kind}_version", "*", "read", fallback_if_no_grant=(model,))
    return bool(auth.authorize(username, model, [wanted]))


def _handed_on(answer: Any) -> Response:
    """A Flask response as a Starlette one: status, headers (several of one name too) and body."""
    from starlette.responses import Response

    handed = Response(answer.get_data(), answer.status_code)
    for key, value in answer.headers:
        if key.lower() not in ("content-length", "transfer-encoding"):
            handed.headers.append(key, value)
    return handed
