"""Our interface beside MLflow's routes: the same under an ASGI server and under a WSGI server."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from a2wsgi import ASGIMiddleware, WSGIMiddleware
from fastapi import FastAPI, Request
from flask import Flask
from werkzeug.test import Client, EnvironBuilder

from governance.settings import Settings
from governance_mlflow.callers.identity import identify
from governance_mlflow.callers.proxies import trusted_header
from governance_mlflow.server.mounting import MAX_BODY, mount_api

TRUSTED = trusted_header(Settings(trusted_user_header="X-User", trusted_proxies="127.0.0.1"))
ANN = {"X-User": "ann", "Host": "localhost"}


@pytest.fixture(params=["uvicorn", "gunicorn"])
def mounted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Mounts an interface that echoes into an app that answers everything with `MLflow`."""

    def mount(prefix: str = "") -> Client:
        monkeypatch.setenv("_MLFLOW_STATIC_PREFIX", prefix)
        flask, api = Flask("mlflow"), FastAPI(openapi_url=None)

        @flask.route("/")
        @flask.route("/<path:path>")
        def others(path: str = "") -> str:
            return f"MLflow {path}"

        @api.post("/v1/echo")
        async def echo(request: Request) -> list[Any]:
            who = identify()
            return [who and who.name, len(await request.body()), request.query_params.get("q")]

        if request.param == "gunicorn":
            mount_api(flask, api, TRUSTED)
            return Client(flask)
        native = FastAPI(openapi_url=None)
        native.mount("/", WSGIMiddleware(flask))  # type: ignore[arg-type]  # the two name the same WSGI types twice
        mount_api(native, api)
        return Client(ASGIMiddleware(native))  # type: ignore[arg-type]  # the two name the same ASGI types twice

    return mount


@pytest.mark.parametrize("prefix", ["", "/ml"])
def test_only_what_is_below_our_path_is_ours(mounted: Callable[..., Client], prefix: str) -> None:
    """Everything else goes to MLflow, whatever its path looks like."""
    client = mounted(prefix)
    ours = client.post(f"{prefix}/api/governance/v1/echo?q=%C3%A9", headers=ANN, data=b"abc")

    assert (200, [3, "é"]) == (ours.status_code, json.loads(ours.get_data())[1:])
    assert 404 == client.get(f"{prefix}/api/governance/v1/nothing", headers=ANN).status_code
    for path in (
        "/",
        f"{prefix}/api/governances/v1/echo",
        f"{prefix}/api/2.0/mlflow/registered-models/get",
        f"{prefix}/x/api/governance/v1/echo",
        f"{prefix}/API/governance/v1/echo",
    ):
        assert client.get(path, headers=ANN).get_data(as_text=True).startswith("MLflow"), path


@pytest.fixture
def gunicorn(monkeypatch: pytest.MonkeyPatch) -> Flask:
    """MLflow's app as gunicorn serves it, with an interface that echoes."""
    monkeypatch.delenv("_MLFLOW_STATIC_PREFIX", raising=False)
    flask, api = Flask("mlflow"), FastAPI(openapi_url=None)

    @api.post("/v1/echo")
    async def echo(request: Request) -> list[Any]:
        who = identify()
        return [who and who.name, len(await request.body())]

    mount_api(flask, api, TRUSTED)
    return flask


ECHO = "/api/governance/v1/echo"


def test_the_trusted_header_is_read_where_flask_serves(gunicorn: Flask) -> None:
    """The bridge leaves the request's context; whoever asks is found anew behind it."""
    client = Client(gunicorn)
    named = client.post(ECHO, headers=ANN, environ_base={"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "4711"})
    spoofed = client.post(ECHO, headers=ANN, environ_base={"REMOTE_ADDR": "127.0.0.2", "REMOTE_PORT": "4711"})

    assert [["ann", 0], [None, 0]] == [json.loads(r.get_data()) for r in (named, spoofed)]


def test_mlflow_s_guards_stand_before_it(gunicorn: Flask) -> None:
    """Hosts, other sites' pages and workspaces are refused as on MLflow's own routes."""
    client = Client(gunicorn)
    answers = [
        client.post(ECHO, headers={"Host": "evil.example"}),
        client.post(ECHO, headers={"Host": "localhost", "Origin": "https://evil.example"}),
        client.post(ECHO, headers={"Host": "localhost", "X-MLFLOW-WORKSPACE": "team-a"}),
    ]

    assert [403, 403] == [answer.status_code for answer in answers[:2]]
    assert "Workspace APIs are not available" in answers[2].get_data(as_text=True)
    assert "nosniff" == client.post(ECHO, headers=ANN).headers["X-Content-Type-Options"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, "200 OK"),
        ({"CONTENT_LENGTH": str(MAX_BODY + 1)}, "413 Content Too Large"),
        ({"CONTENT_LENGTH": "-1"}, "413 Content Too Large"),
        ({"CONTENT_LENGTH": "4"}, "400 Bad Request"),
        ({"QUERY_STRING": "q=é"}, "400 Bad Request"),
        ({"PATH_INFO": f"{ECHO}/\xff"}, "400 Bad Request"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(
    gunicorn: Flask, changed: dict[str, str], status: str
) -> None:
    """A body that was cut off, or is too long, and a path or query that is no text keep nobody waiting."""
    environ = EnvironBuilder(ECHO, method="POST", headers={"Host": "localhost"}).get_environ()
    environ |= {"wsgi.input": io.BytesIO(b"abc"), "CONTENT_LENGTH": "3"} | changed
    seen: list[str] = []

    b"".join(gunicorn.wsgi_app(environ, lambda status, *_: seen.append(status)))

    assert [status] == seen
