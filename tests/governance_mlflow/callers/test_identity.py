"""Who acts: what a server authenticated, then what was said, then, outside a server, the shell's user."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, g

from governance_mlflow.callers.identity import (
    Identity,
    acting_as,
    asked_by,
    authenticated,
    caller,
    groups,
    identify,
    in_server,
)

PAT = Identity("pat", frozenset({"dpo"}), "header")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process serves MLflow."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db")


@pytest.fixture
def request_of_bob() -> Iterator[None]:
    """A request that MLflow's basic-auth attributed to bob."""
    with Flask("mlflow").test_request_context():
        g.mlflow_authenticated_user = "bob"
        yield


@pytest.fixture(autouse=True)
def _shell_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "uma")
    monkeypatch.delenv("_MLFLOW_SERVER_FILE_STORE", raising=False)


def test_on_the_command_line_the_shell_s_user_acts() -> None:
    """Unless somebody else is named."""
    assert (False, None) == (in_server(), authenticated())
    assert ("uma", "olga") == (caller(None), caller("olga"))
    assert "uma" == caller("")


@pytest.mark.usefixtures("server")
def test_a_server_that_identifies_nobody_has_no_caller() -> None:
    """The account it runs under is not who asks; the operator may name one for all."""
    assert (True, None, None, "olga") == (in_server(), caller(None), caller(""), caller("olga"))


@pytest.mark.usefixtures("server", "request_of_bob")
def test_who_was_authenticated_goes_before_everything() -> None:
    """Neither the operator's word nor the code around can make bob somebody else."""
    with acting_as("eve"):
        assert ("bob", "bob") == (caller("olga"), authenticated())


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("user", [None, ""])
def test_a_request_of_nobody(user: str | None) -> None:
    """A request without a name is a request of nobody."""
    with Flask("mlflow").test_request_context():
        assert (None, None) == (authenticated(), caller(None))
        g.mlflow_authenticated_user = user
        assert caller(None) is None


def test_acting_as_ends_where_it_began() -> None:
    """It nests, goes before the operator's word, survives no exception, and no other thread sees it."""
    elsewhere: list[str | None] = []
    with acting_as("dora"):
        with acting_as("alice"):
            assert "alice" == caller("olga")
        assert "dora" == caller("olga")
        thread = threading.Thread(target=lambda: elsewhere.append(caller("olga")))
        thread.start()
        thread.join()
    with pytest.raises(ZeroDivisionError), acting_as("dora"):
        raise ZeroDivisionError

    assert ("olga", ["olga"]) == (caller("olga"), elsewhere)


def in_a_context_of_its_own(ask: Callable[[], Any]) -> Any:
    """What somebody is told in a request; nothing of it is left behind."""
    return contextvars.copy_context().run(ask)


def test_whom_the_server_app_found_is_known_without_flask() -> None:
    """Native routes of MLflow have no Flask context; the next request begins with its own finding."""

    def served() -> list[Any]:
        asked_by(PAT)
        found = [identify(), authenticated(), caller("olga"), groups()]
        asked_by(None)
        return [*found, identify(), groups()]

    assert [PAT, "pat", "pat", {"dpo"}, None, frozenset()] == in_a_context_of_its_own(served)
    assert identify() is None


@pytest.mark.usefixtures("request_of_bob")
def test_mlflow_s_log_in_goes_before_what_the_server_app_found() -> None:
    """Whoever logs in as bob is bob, whatever else the request claims; their groups are not bob's."""

    def served() -> list[Any]:
        asked_by(PAT)
        return [identify(), groups()]

    assert [Identity("bob", frozenset(), "basic-auth"), frozenset()] == in_a_context_of_its_own(served)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (SimpleNamespace(username="ida", is_admin=True), Identity("ida", frozenset(), "oidc")),
        (
            SimpleNamespace(username="ida", groups=["dpo", "it"]),
            Identity("ida", frozenset({"dpo", "it"}), "oidc"),
        ),
        (SimpleNamespace(username="ida", groups="dpo"), Identity("ida", frozenset(), "oidc")),
        (SimpleNamespace(username=""), None),
        (SimpleNamespace(username=7), None),
        ("ida", None),
        (None, None),
    ],
)
def test_mlflow_oidc_auth_s_log_in(context: Any, expected: Identity | None) -> None:
    """Its object in the environ names the user; a header, whatever it is called, never gets there."""
    with Flask("mlflow").test_request_context(
        environ_overrides={"mlflow_oidc_auth": context}, headers={"mlflow_oidc_auth": "eve"}
    ):
        assert expected == identify()
