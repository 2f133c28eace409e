"""A real `mlflow server` that keeps its artifacts in a real S3 server, and an unmodified client over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import mlflow
import pytest
import requests

pytestmark = pytest.mark.slow

BUCKET = "models"
ROUTES = ("api", "ajax-api")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment in which an S3 server with an empty bucket is found."""
    from moto.server import ThreadedMotoServer

    store = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    environment = {
        "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=environment["MLFLOW_S3_ENDPOINT_URL"]).create_bucket(Bucket=BUCKET)
    yield environment
    store.stop()


@pytest.fixture
def objects(settings: dict[str, str]) -> Callable[[str], dict[str, bytes]]:
    """Every object below a prefix, by what is left of its key."""
    client = boto3.client("s3", endpoint_url=settings["MLFLOW_S3_ENDPOINT_URL"])

    def read(prefix: str) -> dict[str, bytes]:
        listed = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
        return {
            entry["Key"][len(prefix) :]: client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
            for entry in listed
        }

    return read


def changes(server: Any, digest: str) -> Iterator[tuple[str, int]]:
    """Every way through the server to the bytes of a frozen tree, and how it was answered."""

    def ask(method: str, path: str, **content: Any) -> tuple[str, int]:
        answer = requests.request(method, f"{server.tracking_uri}/{path}", timeout=30, **content)
        return f"{method} {path}", answer.status_code

    for route in ROUTES:
        proxied = f"{route}/2.0/mlflow-artifacts"
        for spelling in ("frozen", "%66rozen", "%2566rozen", "FROZEN", "frozen/%2e"):
            yield ask("PUT", f"{proxied}/artifacts/{spelling}/{digest}/MLmodel", data=b"evil")
            yield ask("DELETE", f"{proxied}/artifacts/{spelling}/{digest}/MLmodel")
            part = {"path": "MLmodel", "upload_id": "x", "parts": [{"part_number": 1, "etag": "x"}]}
            for step in ("create", "complete", "abort"):
                yield ask("POST", f"{proxied}/mpu/{step}/{spelling}/{digest}", json=part)
    # A run that was said to lie in the frozen tree.
    client = server.client
    inside = client.create_experiment("inside", f"s3://{BUCKET}/served/frozen/{digest}")
    run = client.create_run(inside).info.run_id
    yield ask("POST", f"ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=MLmodel", data=b"evil")
    for route in ROUTES:
        wanted = {"run_id": run, "path": "MLmodel"}
        yield ask("POST", f"{route}/2.0/mlflow/artifacts/presigned-upload-url", json=wanted)


def test_frozen_objects_are_served_and_stay(
    serve: Callable[..., Any],
    settings: dict[str, str],
    objects: Callable[[str], dict[str, bytes]],
    tmp_path: Path,
) -> None:
    """Promoted, overwritten where they came from, attacked by every route, and still served."""
    destination = f"s3://{BUCKET}/served"
    server = serve(arguments=("--artifacts-destination", f"governed+{destination}"), **settings)
    server.register()
    server.approve("models:/risk/1")
    server.client.set_registered_model_alias("risk", "champion", "1")
    digest = server.client.get_model_version("risk", "1").tags["governance.digest"]
    approved = objects(f"served/frozen/{digest}")
    (origin,) = (key for key in objects("served/") if "/models/" in key and key.endswith("MLmodel"))
    url = f"{server.tracking_uri}/api/2.0/mlflow-artifacts/artifacts"

    overwritten = requests.put(f"{url}/{origin}", data=b"evil", timeout=30).status_code
    answers = dict(changes(server, digest))
    served = mlflow.artifacts.download_artifacts("models:/risk@champion", dst_path=str(tmp_path / "served"))

    assert f"mlflow-artifacts:/frozen/{digest}" == server.client.get_model_version_download_uri("risk", "1")
    assert {"/MLmodel", ".json"} < set(approved)
    assert (200, b"evil") == (overwritten, objects("served/")[origin])
    assert {403} == set(answers.values()), answers
    assert approved == objects(f"served/frozen/{digest}")
    assert approved["/MLmodel"] == (Path(served) / "MLmodel").read_bytes()


def test_on_stock_mlflow_the_same_requests_go_through(
    serve: Callable[..., Any], settings: dict[str, str], objects: Callable[[str], dict[str, bytes]]
) -> None:
    """The control: without the plugin, what is refused above is done."""
    server = serve(governed=False, arguments=("--artifacts-destination", f"s3://{BUCKET}/served"), **settings)

    answers = dict(changes(server, "a" * 64))

    done = {
        way: code for way, code in answers.items() if way.startswith(("PUT", "DELETE")) or "upload" in way
    }
    assert {200} == set(done.values()), done
    assert {b"evil"} == set(objects(f"served/frozen/{'a' * 64}").values())
