"""`governance-auth` under uvicorn: whoever logs in is known on every road, and administrators are gated."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

HEADER = {"X-User": "ann", "X-Groups": "dpo"}


def secret(name: str) -> tuple[str, str]:
    """What somebody logs in with."""
    return name, f"the-password-of-{name}"


ALICE, BOB = {"auth": secret("alice")}, {"auth": secret("bob")}


@pytest.fixture(scope="module")
def server(servers: Any) -> Any:
    """Two workers; alice is the administrator, bob may read."""
    started = servers.start("--app-name", "governance-auth", "--workers", "2")
    made = {"username": "bob", "password": "the-password-of-bob"}
    answer = started.send("POST", "api/2.0/mlflow/users/create", json=made, **ALICE)
    assert answer.ok, answer.text
    return started


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_an_account_is_known_everywhere(server: Any, name: str) -> None:
    """To the store on /api and /ajax-api, to the artifacts on native routes, to our interface."""
    account = {"auth": secret(name)}
    server.witnessed()

    assert [200, 200] == [server.put(f"0/{api}", api=api, **ALICE) for api in ("api", "ajax-api")]
    assert 200 == server.get("0/api", **account)
    assert ["put api alice", "put ajax-api alice", f"get api {name}"] == server.witnessed()
    assert {"name": name, "groups": [], "how": "basic-auth"} == server.whoami(**account).json()
    assert [name, name] == [server.refused(api, **account) for api in ("api", "ajax-api")]


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"auth": ("alice", "wrong")},
        {"auth": ("mallory", "the-password-of-alice")},
        {"headers": {"Authorization": "Bearer of-something"}},
        {"headers": {"Authorization": "Basic !!!"}},
        {"headers": {"X-Badge": "forged"}},
        {"headers": {"X-Badge": "forged"}, "auth": ("alice", "the-password-of-alice")},
    ],
)
def test_whoever_may_not_in_is_answered_as_by_mlflow(server: Any, credentials: dict[str, Any]) -> None:
    """The same function decides, and its answer is handed on: status, challenge and text."""
    answers = [
        server.whoami(**credentials),
        server.send("GET", "api/2.0/mlflow/registered-models/search", **credentials),
    ]
    ours, mlflow = [
        (a.status_code, a.text, a.headers.get("WWW-Authenticate"), a.headers.get("X-Door")) for a in answers
    ]

    assert mlflow == ours
    assert ours[0] in (401, 403)


def test_a_function_in_the_place_of_basic_auth(server: Any) -> None:
    """Whom it lets in is known to our interface, to the store and to the artifacts, by the name it gave."""
    badge = {"headers": {"X-Badge": "bob"}}
    assert 200 == server.put("0/badge", **ALICE)
    server.witnessed()

    assert 200 == server.get("0/badge", **badge)
    assert ("bob", ["get badge bob"]) == (server.whoami(**badge).json()["name"], server.witnessed())
    assert "bob" == server.refused(**badge)


def test_no_header_is_trusted_where_a_log_in_is_asked_for(server: Any) -> None:
    """The header is configured and comes from the proxy's address, and changes nothing."""
    beside = {"headers": HEADER} | BOB

    assert 401 == server.whoami(headers=HEADER).status_code
    assert {"name": "bob", "groups": [], "how": "basic-auth"} == server.whoami(**beside).json()
    assert "bob" == server.refused(**beside)


def test_x10_administrators_are_gated_too(server: Any) -> None:
    """MLflow asks an administrator for no permission; the store asks for the approval, and notes the name."""
    server.register("gated", **ALICE)

    answer = server.champion("gated", **ALICE)

    assert (403, "PERMISSION_DENIED") == (answer.status_code, answer.json()["error_code"]), answer.text
    assert "approval [missing]" in answer.json()["message"]
    assert ("promotion:denied", "alice") == (server.log()[-1].type, server.log()[-1].actor)


def grant(server: Any, permission: str, kind: str = "registered_model", name: str = "shared") -> bool:
    """Whether MLflow now has this as bob's one permission there; not every release knows every one."""
    given = {"username": "bob", "resource_type": kind, "resource_id": name}
    path = "api/3.0/mlflow/users/permissions"
    server.send("POST", f"{path}/revoke", json=given, **ALICE)
    given |= {"permission": permission}
    return bool(server.send("POST", f"{path}/grant", json=given, **ALICE).ok)


def statuses(server: Any, **credentials: Any) -> list[int]:
    """How MLflow and we answer: to reading a version, and to changing its model."""
    asked = {"model": "models:/shared/1", "target": "production"}
    calls: list[Any] = [
        ("GET", "api/2.0/mlflow/model-versions/get?name=shared&version=1", {}),
        ("GET", "api/governance/v1/label?model=models:/shared/1", {}),
        ("PATCH", "api/2.0/mlflow/registered-models/update", {"json": {"name": "shared"}}),
        ("POST", "api/governance/v1/promotions", {"json": asked}),
    ]
    return [server.send(method, path, **given, **credentials).status_code for method, path, given in calls]


def test_our_routes_permit_what_mlflow_permits(server: Any) -> None:
    """Reading and changing, under each permission that an account can have on a registered model.

    Where MLflow knows no denial of one model, an account without a permission there has the server's default.
    """
    server.register("shared", **ALICE)
    denied = grant(server, "DENY")
    found = {"none": statuses(server, **BOB)}
    for permission in ("READ", "EDIT"):
        assert grant(server, permission)
        found[permission] = statuses(server, **BOB)

    assert {
        "none": [403, 403, 403, 403] if denied else [200, 200, 403, 403],
        "READ": [200, 200, 403, 403],
        "EDIT": [200, 200, 200, 200],
    } == found
    assert [200, 200, 200, 200] == statuses(server, **ALICE)


def test_versions_can_be_closed_apart_from_their_model(server: Any) -> None:
    """Where MLflow knows such a permission, it holds for us; before, there is none to grant."""
    server.register("closed", **ALICE)
    assert grant(server, "EDIT", name="closed")
    calls = [
        "api/2.0/mlflow/model-versions/get?name=closed&version=1",
        "api/governance/v1/label?model=models:/closed/1",
    ]
    closed = grant(server, "DENY", "registered_model_version", "*")
    answers = [server.send("GET", path, **BOB).status_code for path in calls]
    server.send(
        "POST",
        "api/3.0/mlflow/users/permissions/revoke",
        json={"username": "bob", "resource_type": "registered_model_version", "resource_id": "*"},
        **ALICE,
    )

    assert ([403, 403] if closed else [200, 200]) == answers


def test_whoever_has_no_account_has_no_permission(server: Any) -> None:
    """A function of the operator's can let in people whom MLflow does not know: they may see nothing."""
    carol = {"headers": {"X-Badge": "carol"}}
    server.register("unseen", **ALICE)

    assert "carol" == server.whoami(**carol).json()["name"]
    seen = server.send("GET", "api/governance/v1/label?model=models:/unseen/1", **carol)
    assert 403 == seen.status_code


def test_the_openapi_document_is_there_for_everybody(server: Any) -> None:
    """It says where the interface is."""
    document = server.send("GET", "api/governance/v1/openapi.json").json()

    assert [{"url": "/api/governance"}] == document["servers"]
    assert "/v1/whoami" in document["paths"]


def test_a_server_that_is_not_governed_does_not_start(servers: Any) -> None:
    """`mlflow server` ends with one message before any worker is there."""
    ended = servers.fails("--app-name", "governance-auth")

    assert 1 == ended.returncode
    assert "Error: The registry of this server is not governed" in ended.stderr
    assert "Traceback" not in ended.stderr
