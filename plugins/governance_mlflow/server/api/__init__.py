"""The REST interface, below `/api/governance/v1`: what people and tools do with a governed registry."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from governance_mlflow.server.api import datasets, evidence, records, reviews, versions, whoami
from governance_mlflow.server.api.answers import answer_errors
from governance_mlflow.server.api.limits import BodyLimit
from governance_mlflow.server.api.who import Authenticate, Known, Visitor, authenticated_by, insist

__all__ = ["Authenticate", "Known", "Visitor", "create_api", "insist"]


def create_api(authenticate: Authenticate) -> FastAPI:
    """The interface as an app of its own, to be mounted; nobody reaches a route of it unauthenticated.

    Args:
        authenticate: Says who sent a request: somebody, nobody (None), or the response to refuse with.
    """
    api = FastAPI(
        title="mlflow-governance",
        version=version("mlflow-governance"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        dependencies=[authenticated_by(authenticate)],
    )
    api.add_middleware(BodyLimit)
    answer_errors(api)
    for part in (whoami, versions, datasets, evidence, reviews, records):
        api.include_router(part.router, prefix="/v1")
    return api
