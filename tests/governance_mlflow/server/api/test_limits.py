"""A request is not read beyond the limit, whatever it says of its own length."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI, Request

from governance_mlflow.server.api.limits import BodyLimit
from governance_mlflow.server.mounting import MAX_BODY

HALF = b" " * (MAX_BODY // 2)


def send(chunks: list[bytes], declared: bytes | None = None) -> tuple[int, Any, int]:
    """Status, body, and how many pieces of the request were taken."""
    app, sent = FastAPI(), []
    left = list(chunks)

    @app.post("/")
    async def length(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(BodyLimit)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def answer(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "http_version": "1.1"}
    headers = [] if declared is None else [(b"content-length", declared)]
    asyncio.run(app({**scope, "headers": headers, "extensions": {}}, receive, answer))
    return sent[0]["status"], json.loads(sent[1]["body"]), len(chunks) - len(left)


def test_an_undeclared_length_is_counted() -> None:
    """The longest request passes; the piece that is too much is the last one taken."""
    assert (200, MAX_BODY, 2) == send([HALF, HALF])
    status, _, taken = send([HALF, HALF, b"!", HALF, HALF])

    assert (413, 3) == (status, taken)


@pytest.mark.parametrize("declared", [str(MAX_BODY + 1).encode(), b"-1", b"ten", b"1e3"])
def test_a_declared_length_is_believed_where_it_refuses(declared: bytes) -> None:
    """Nothing of it is read; a length that is no number is no length."""
    status, body, taken = send([b"x"], declared)

    assert (413, "BAD_REQUEST", 0) == (status, body["error_code"], taken)


def test_a_length_that_was_understated_is_counted() -> None:
    """A small number in the header lets nothing through."""
    assert 413 == send([HALF, HALF, HALF], b"3")[0]
