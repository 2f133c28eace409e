"""What every route begins with: who calls, what is refused before the route, and how it is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from a2wsgi import ASGIMiddleware
from fastapi import Request
from mlflow.exceptions import MlflowException
from starlette.responses import PlainTextResponse
from werkzeug.test import Client

from governance.errors import Conflict, NotFound, Undecided, UsageError
from governance_mlflow.callers import identity
from governance_mlflow.callers.identity import Identity
from governance_mlflow.server.api import Known, Visitor, create_api, insist
from governance_mlflow.server.mounting import MAX_BODY

ANN = Identity("ann", frozenset({"it", "dpo"}), "header")
RAISED = {
    "not-found": NotFound("There is no version 9.", "Name one that exists"),
    "conflict": Conflict("It is catalogued already."),
    "usage": UsageError("There is no role 'x'."),
    "undecided": Undecided("The bytes cannot be read.", "Give access."),
    "mlflow": MlflowException("No such model", error_code=1001),
}


def authenticate(request: Request) -> Any:
    """A door at which `X-Badge` says who comes, and a forged badge is answered by the door itself."""
    badge = request.headers.get("x-badge")
    if badge == "forged":
        return PlainTextResponse("No entry", 418, headers={"WWW-Authenticate": "Badge"})
    return ANN if badge == "ann" else None


@pytest.fixture(scope="module")
def client() -> Client:
    """The interface with a few routes of this test's own."""
    api = create_api(authenticate)

    @api.get("/v1/test/visitor")
    def visitor(who: Visitor) -> list[str | None]:
        return [who and who.name, identity.authenticated()]

    @api.post("/v1/test/known")
    async def known(who: Known, request: Request) -> list[Any]:
        return [who.name, identity.authenticated(), len(await request.body())]

    @api.get("/v1/test/unguarded")
    def unguarded() -> str | None:
        return identity.authenticated()

    @api.get("/v1/test/raises/{what}")
    def raises(what: str) -> None:
        raise RAISED[what]

    @api.get("/v1/test/insists")
    def insists(who: Visitor) -> str:
        insist(who, "risk", "manage")
        return "done"

    return Client(ASGIMiddleware(api))  # type: ignore[arg-type]  # the two name the same ASGI types twice


def answer(response: Any) -> tuple[int, Any]:
    """Status and body."""
    return response.status_code, json.loads(response.get_data())


BADGE = {"X-Badge": "ann"}


def test_whoami(client: Client) -> None:
    """Name, groups and how they are known."""
    expected = {"name": "ann", "groups": ["dpo", "it"], "how": "header"}

    assert (200, expected) == answer(client.get("/v1/whoami", headers=BADGE))


def test_the_route_and_the_registry_below_know_the_same_person(client: Client) -> None:
    """On the event loop and on a thread, with a dependency and without; the next caller is somebody else."""
    assert (200, ["ann", "ann"]) == answer(client.get("/v1/test/visitor", headers=BADGE))
    assert (200, ["ann", "ann", 2]) == answer(client.post("/v1/test/known", headers=BADGE, data=b"{}"))
    assert (200, "ann") == answer(client.get("/v1/test/unguarded", headers=BADGE))
    assert (200, [None, None]) == answer(client.get("/v1/test/visitor"))


def test_nobody_may_only_look(client: Client) -> None:
    """401 with the way out, in the fields that MLflow's clients read."""
    for response in (client.get("/v1/whoami"), client.post("/v1/test/known")):
        status, body = answer(response)
        assert (401, "UNAUTHENTICATED") == (status, body["error_code"])
        assert "--app-name governance-auth" in body["message"]


def test_the_door_s_own_answer_is_given_on_every_route(client: Client) -> None:
    """With its headers, before the route is entered, whatever the route forgot."""
    for path in ("/v1/whoami", "/v1/test/visitor", "/v1/test/unguarded", "/v1/test/raises/usage"):
        response = client.get(path, headers={"X-Badge": "forged"})
        assert (418, "No entry", "Badge") == (
            response.status_code,
            response.get_data(as_text=True),
            response.headers["WWW-Authenticate"],
        )


def test_where_mlflow_has_no_accounts_it_forbids_nothing(client: Client) -> None:
    """There is nobody whom MLflow could ask."""
    assert (200, "done") == answer(client.get("/v1/test/insists"))


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("not-found", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("conflict", 409, "RESOURCE_CONFLICT"),
        ("usage", 400, "INVALID_PARAMETER_VALUE"),
        ("undecided", 409, "ABORTED"),
    ],
)
def test_errors_keep_their_sentence(client: Client, what: str, status: int, code: str) -> None:
    """Each kind has its status; none of them is the server's fault."""
    found, body = answer(client.get(f"/v1/test/raises/{what}"))

    assert (status, code) == (found, body["error_code"])
    assert RAISED[what].message in body["message"]


def test_mlflow_s_errors_are_mlflow_s(client: Client) -> None:
    """As its own routes answer."""
    status, body = answer(client.get("/v1/test/raises/mlflow"))

    assert (RAISED["mlflow"].get_http_status_code(), "No such model") == (status, body["message"])


def test_there_is_nothing_else(client: Client) -> None:
    """Neither pages that load scripts from elsewhere, nor a path that is not ours."""
    expected = {"error_code": "ENDPOINT_NOT_FOUND", "message": "Not Found"}
    for path in ("/docs", "/redoc", "/openapi.json", "/v1", "/v1/nothing"):
        assert (404, expected) == answer(client.get(path)), path
    assert 405 == client.delete("/v1/whoami").status_code


def test_the_openapi_document(client: Client) -> None:
    """It names this release and the route that is always there."""
    status, document = answer(client.get("/v1/openapi.json"))

    assert (200, "mlflow-governance", True) == (
        status,
        document["info"]["title"],
        "/v1/whoami" in document["paths"],
    )


def test_a_body_is_read_up_to_the_limit(client: Client) -> None:
    """The longest is accepted, one byte more is not, whether its length was declared or not."""
    longest = client.post("/v1/test/known", headers=BADGE, data=b" " * MAX_BODY)
    declared = client.post("/v1/test/known", headers=BADGE, data=b" " * (MAX_BODY + 1))

    assert (200, ["ann", "ann", MAX_BODY]) == answer(longest)
    status, body = answer(declared)
    assert (413, "BAD_REQUEST") == (status, body["error_code"])
    assert "16,777,216 bytes" in body["message"]
