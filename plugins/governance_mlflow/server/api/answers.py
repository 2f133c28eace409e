"""What went wrong, as the interface says it: in the two fields that MLflow's clients read."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from mlflow.exceptions import MlflowException
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from governance.errors import Conflict, Forbidden, GovernanceError, NotFound, UsageError
from governance_mlflow.server.api.who import Answered

_STATUS: dict[type[GovernanceError], tuple[int, str]] = {
    NotFound: (404, "RESOURCE_DOES_NOT_EXIST"),
    Conflict: (409, "RESOURCE_CONFLICT"),
    Forbidden: (403, "PERMISSION_DENIED"),
    UsageError: (400, "INVALID_PARAMETER_VALUE"),
    # Nothing is broken: facts are missing or cannot be read, and nothing was changed.
    GovernanceError: (409, "ABORTED"),
}
_CODES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "ENDPOINT_NOT_FOUND"}


def answer_errors(api: FastAPI) -> None:
    """Answer every error that a route raises on purpose with its status, a code and a sentence."""
    api.add_exception_handler(MlflowException, _mlflow)
    api.add_exception_handler(GovernanceError, _governance)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(Answered, _answered)


def _mlflow(request: Request, error: Any) -> Response:
    del request
    return JSONResponse(json.loads(error.serialize_as_json()), error.get_http_status_code())


def _governance(request: Request, error: Any) -> Response:
    del request
    status, code = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    body = {"error_code": code, "message": error.message, "remedy": error.remedy}
    return JSONResponse(body, status)


def _invalid(request: Request, error: Any) -> Response:
    del request
    # Only where and why: what was sent may be personal data.
    wrong = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    body = {"error_code": "INVALID_PARAMETER_VALUE", "message": "; ".join(wrong)}
    return JSONResponse(body, 422)


def _http(request: Request, error: Any) -> Response:
    del request
    code = _CODES.get(error.status_code, "BAD_REQUEST")
    body = {"error_code": code, "message": error.detail}
    return JSONResponse(body, error.status_code, headers=error.headers)


def _answered(request: Request, error: Any) -> Response:
    del request
    response: Response = error.response
    return response
