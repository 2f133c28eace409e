"""`governance` under gunicorn, below a prefix and with workspaces: a reverse proxy names who calls."""

from __future__ import annotations

import socket
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ANN = {"X-User": "ann", "X-Groups": "dpo, it"}
PROXY, ELSEWHERE = "127.0.0.1", "127.0.0.2"
"""Two addresses of this machine, of which one is the proxy's."""


@pytest.fixture(scope="module")
def server(servers: Any) -> Any:
    """Two workers with four threads each."""
    options = ("--app-name", "governance", "--workers", "2", "--enable-workspaces")
    return servers.start(*options, "--gunicorn-opts=--threads 4", prefix="/ml")


def test_x11_a_header_counts_from_the_proxy_alone(server: Any) -> None:
    """To our interface, to the store and to the artifacts; from elsewhere it is nobody's."""
    known, spoofed = [server.whoami(headers=ANN, peer=peer) for peer in (PROXY, ELSEWHERE)]
    server.witnessed()
    uploaded = [server.put(f"0/{peer}", headers=ANN, peer=peer) for peer in (PROXY, ELSEWHERE)]

    assert {"name": "ann", "groups": ["dpo", "it"], "how": "header"} == known.json()
    assert (401, "UNAUTHENTICATED") == (spoofed.status_code, spoofed.json()["error_code"])
    assert "--app-name governance-auth" in spoofed.json()["message"]
    assert [200, 200] == uploaded
    assert [f"put {PROXY} ann", f"put {ELSEWHERE} None"] == server.witnessed()
    for api in ("api", "ajax-api"):
        actors = [server.refused(api, headers=ANN, peer=peer) for peer in (PROXY, ELSEWHERE)]
        assert ["ann", "unidentified"] == actors


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-User": ""}, {"X-User": "ann,eve"}, {"X-User": "a\u202e".encode()}, {"X-User": "a" * 201}],
)
def test_a_header_that_is_no_name_names_nobody(server: Any, headers: dict[str, Any]) -> None:
    """From the proxy's own address, too."""
    assert 401 == server.whoami(headers=headers).status_code


def test_nobody_promotes_and_somebody_needs_evidence(server: Any) -> None:
    """Both are refused, for different reasons."""
    server.register("risk", headers=ANN)
    refusals = [server.champion("risk", headers=ANN, peer=peer) for peer in (PROXY, ELSEWHERE)]

    assert [403, 403] == [answer.status_code for answer in refusals]
    assert [False, True] == ["actor-known [missing]" in answer.json()["message"] for answer in refusals]
    assert ["ann", "unidentified"] == [entry.actor for entry in server.log()[-2:]]


def test_our_interface_stands_behind_mlflow_s_guards(server: Any) -> None:
    """Foreign hosts, other sites' pages and unknown workspaces are refused as on MLflow's own routes."""
    changes = (
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"X-MLFLOW-WORKSPACE": "nowhere"},
    )
    for change in changes:
        ours, mlflow = [
            server.send("POST", path, headers=ANN | change, json={})
            for path in ("api/governance/v1/whoami", "api/2.0/mlflow/registered-models/create")
        ]
        if mlflow.status_code == 400:
            # The oldest MLflow overlooks other sites' pages below a prefix.
            assert (405, "Origin") == (ours.status_code, *change)
            continue
        assert mlflow.status_code == ours.status_code
        assert mlflow.text.replace(" ", "") == ours.text.replace(" ", "")
        assert ours.status_code in (403, 404), change


def test_what_is_cut_off_keeps_no_worker(server: Any) -> None:
    """Bodies that never come, more of them than there are threads, and the next caller is answered."""
    host, _, port = server.uri.removeprefix("http://").removesuffix("/ml").partition(":")
    path = "/ml/api/governance/v1/whoami"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nshort"
    for _ in range(12):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode())

    assert 200 == server.whoami(headers=ANN).status_code
    long = server.send("POST", "api/governance/v1/whoami", headers=ANN, data=b" " * (16 * 1024 * 1024 + 1))
    assert 413 == long.status_code


def test_the_openapi_document_is_there_for_everybody(server: Any) -> None:
    """It says where the interface is, below the prefix."""
    document = server.send("GET", "api/governance/v1/openapi.json").json()

    assert [{"url": "/ml/api/governance"}] == document["servers"]
    assert "/v1/whoami" in document["paths"]
