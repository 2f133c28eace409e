"""A real `mlflow server` with the governed registry, and an unmodified MLflow client over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.slow


def denial(call: Any, *arguments: Any) -> str:
    """The message with which the server refuses a call."""
    with pytest.raises(MlflowException) as caught:
        call(*arguments)
    assert "PERMISSION_DENIED" == caught.value.error_code
    return str(caught.value)


def put(clinic: Any, path: str, data: bytes) -> int:
    """Upload to the server's artifact store, as any client may."""
    url = f"{clinic.tracking_uri}/api/2.0/mlflow-artifacts/artifacts/{path}"
    return requests.put(url, data=data, timeout=30).status_code


@pytest.fixture
def server(serve: Callable[..., Any]) -> Any:
    """A governed server at which everybody acts as alice."""
    return serve()


def test_the_whole_way_over_http(server: Any) -> None:
    """Refused as unknown, refused without approval, allowed with it, and served from frozen bytes."""
    server.register("blind", log=False)
    server.register()
    client = server.client

    unknown = denial(client.set_registered_model_alias, "blind", "champion", "1")
    unapproved = denial(client.set_registered_model_alias, "risk", "champion", "1")
    server.approve("models:/risk/1")
    client.set_registered_model_alias("risk", "champion", "1")

    assert "no dataset was logged as an input of its run" in unknown
    assert "governance approve models:/risk/1 --for production --role dpo" in unapproved
    digest = client.get_model_version("risk", "1").tags["governance.digest"]
    assert f"mlflow-artifacts:/frozen/{digest}" == client.get_model_version_download_uri("risk", "1")
    assert (server.folder / "mlartifacts" / "frozen" / digest / "MLmodel").is_file()


def test_overwriting_over_http_changes_nothing_for_users(server: Any, tmp_path: Path) -> None:
    """The origin can be overwritten by anybody; what @champion serves cannot, by whatever spelling."""
    server.register()
    server.approve("models:/risk/1")
    server.client.set_registered_model_alias("risk", "champion", "1")
    digest = server.client.get_model_version("risk", "1").tags["governance.digest"]
    (origin,) = (server.folder / "mlartifacts").glob("*/models/*/artifacts/MLmodel")
    inside = origin.relative_to(server.folder / "mlartifacts").as_posix()

    overwritten = put(server, inside, b"evil")
    refused = [
        put(server, f"{prefix}/{digest}/MLmodel", b"evil")
        for prefix in ("frozen", "./frozen", "x/../frozen", "%66rozen", "%2566rozen", "FROZEN", "frozen//")
    ]
    removed = requests.delete(
        f"{server.tracking_uri}/api/2.0/mlflow-artifacts/artifacts/frozen/{digest}/MLmodel", timeout=30
    ).status_code
    served = mlflow.artifacts.download_artifacts("models:/risk@champion", dst_path=str(tmp_path / "served"))

    assert 200 == overwritten
    assert b"evil" == origin.read_bytes()
    assert all(code >= 400 for code in [*refused, removed]), refused
    assert "evil" not in (Path(served) / "MLmodel").read_text(encoding="utf-8")
    found = json.loads(server.run("doctor", "--format", "json").stdout)["ailments"]
    assert ["tampered-origin"] == [ailment["kind"] for ailment in found]


def test_a_copy_by_an_unmodified_client_keeps_the_label(server: Any) -> None:
    """MLflow's client sends every tag of the source along; the plugin's own are made anew."""
    server.register()
    source = server.client.get_model_version("risk", "1").tags

    copy = server.client.copy_model_version("models:/risk/1", "risk-copy").tags

    assert source == copy


def test_a_caller_cannot_assert_a_label_while_registering(server: Any) -> None:
    """A version created with a reserved tag of the caller's making is refused."""
    server.register()
    create, forged = server.client.create_model_version, {"governance.label": "public"}

    message = denial(lambda: create("risk", "models:/risk/1", tags=forged))

    assert "tags that begin with 'governance.' are the plugin's" in message


def test_without_identity_protected_targets_are_closed(serve: Callable[..., Any]) -> None:
    """A server that knows nobody promotes for nobody."""
    server = serve(GOVERNANCE_ACTOR="")
    server.extra = {"GOVERNANCE_ACTOR": "alice"}
    server.register()
    server.approve("models:/risk/1")

    message = denial(server.client.set_registered_model_alias, "risk", "champion", "1")

    assert "actor-known [missing]" in message


def test_on_stock_mlflow_the_same_calls_go_through(serve: Callable[..., Any]) -> None:
    """The control: without the plugin, what is refused above is done."""
    server = serve(governed=False)
    mlflow.set_tracking_uri(server.tracking_uri)
    server.register("blind", log=False)

    server.client.set_registered_model_alias("blind", "champion", "1")
    server.client.set_model_version_tag("blind", "1", "governance.label", "public")
    written = put(server, "frozen/x/MLmodel", b"evil")

    assert (200, "1") == (
        written,
        str(server.client.get_model_version_by_alias("blind", "champion").version),
    )
