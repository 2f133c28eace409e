"""What this process knows of the request it serves."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

import pytest
from flask import Flask

from governance_mlflow.callers.served import (
    ContextThreads,
    Request,
    own_reads,
    reading_bytes_for_others,
    reading_entries_for_others,
    served,
    serving,
)


def told(purpose: str | None) -> Request | None:
    """What is known of a request with that purpose, in a context of its own."""
    return copy_context().run(lambda: (serving("GET", "/x", purpose), served())[1])


@pytest.mark.parametrize(
    ("stated", "purpose"),
    [("care", "care"), (" care ", "care"), ("", None), ("  ", None), (None, None), ("x" * 201, None)],
)
def test_the_purpose_that_was_stated(stated: str | None, purpose: str | None) -> None:
    """White space around it does not count, nor does a text too long for a word."""
    assert Request("GET /x", purpose) == told(stated)


def test_without_a_request_nothing_is_served() -> None:
    """Outside a server nobody asks."""
    assert served() is None
    assert (False, False) == (reading_entries_for_others(), reading_bytes_for_others())


def test_a_request_that_flask_serves() -> None:
    """Route without the query, and the purpose out of the header."""
    with Flask("x").test_request_context("/a?path=b", method="PUT", headers={"x-governance-purpose": "care"}):
        assert Request("PUT /a", "care") == served()
        assert (True, True) == (reading_entries_for_others(), reading_bytes_for_others())
        with own_reads():
            assert (False, False) == (reading_entries_for_others(), reading_bytes_for_others())


def test_in_a_server_bytes_are_read_for_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing tells who asks; not in the processes of background jobs, which serve nobody."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///x.db")
    assert (False, True) == (reading_entries_for_others(), reading_bytes_for_others())
    with own_reads():
        assert not reading_bytes_for_others()
    monkeypatch.setenv("_MLFLOW_SERVER_JOB_FUNCTION_FULLNAME", "mlflow.genai.job")
    assert not reading_bytes_for_others()


def test_threads_know_for_whom_they_work() -> None:
    """A download in a thread is the download of whoever asked for it."""

    def asked() -> tuple[Any, Any]:
        serving("GET", "/x", "care")
        with ContextThreads(1) as threads:
            return served(), threads.submit(served).result()

    mine, threads_ = copy_context().run(asked)
    assert Request("GET /x", "care") == mine == threads_
