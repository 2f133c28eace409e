"""A real S3 server on this machine, and a bucket of each test's own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from governance.domain.manifest import Manifest
from governance.hashing import hash_tree
from governance_mlflow.artifacts.s3_artifacts import S3Trees
from governance_mlflow.artifacts.s3_objects import Objects, connect

FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"w" * 1000}


@dataclass
class Bucket:
    """One bucket, seen through a client that no test interferes with."""

    name: str
    client: Any

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def model(self, key: str, files: dict[str, bytes] = FILES) -> str:
        """Put a model below a key; returns its URI."""
        for name, data in files.items():
            self.put(f"{key}/{name}", data)
        return self.uri(key)

    def contents(self, prefix: str = "") -> dict[str, bytes]:
        """Every object below a prefix, by what is left of its key."""
        listed = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", ())
        return {
            entry["Key"][len(prefix) :]: self.client.get_object(Bucket=self.name, Key=entry["Key"])[
                "Body"
            ].read()
            for entry in listed
        }

    def frozen(self, manifest: Manifest) -> dict[str, bytes]:
        """The frozen tree of that digest, file by file."""
        return self.contents(f"frozen/{manifest.digest}/")

    def uploads(self) -> list[str]:
        """The keys of all unfinished uploads."""
        found = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return [entry["Key"] for entry in found]


@dataclass
class Watched:
    """Trees over a client of the test's own, of which each call can be watched or answered."""

    trees: S3Trees

    def before(self, operation: str, act: Callable[[dict[str, Any]], Any]) -> None:
        """Act before each call of an operation, on its request; what is returned is the server's answer."""
        name = f"before-call.s3.{operation}"
        self.trees.objects.client.meta.events.register(name, lambda params, **_: act(params))

    @staticmethod
    def refusal(status: int, code: str) -> Any:
        """An S3 server's answer that says no."""
        error = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return SimpleNamespace(status_code=status, headers={}, content=b""), error

    def after(self, operation: str, act: Callable[[dict[str, Any]], Any]) -> None:
        """Act on the answer to each call of an operation."""
        name = f"after-call.s3.{operation}"
        self.trees.objects.client.meta.events.register(name, lambda parsed, **_: act(parsed))


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a server that speaks S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def settings(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment with which MLflow finds that server; returns its address."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return endpoint


@pytest.fixture
def connected(settings: str) -> Callable[[], Any]:
    """Makes a client of that server."""
    import boto3

    return lambda: boto3.client("s3", endpoint_url=settings)


@pytest.fixture
def bucket(connected: Callable[[], Any]) -> Bucket:
    """An empty bucket."""
    made = Bucket(f"bucket-{uuid.uuid4().hex}", connected())
    made.client.create_bucket(Bucket=made.name)
    return made


@pytest.fixture
def watched(connected: Callable[[], Any]) -> Watched:
    """Trees whose every call can be watched."""
    return Watched(S3Trees(Objects(connected(), {})))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The model that tests put into buckets, in a folder."""
    folder = tmp_path / "model"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def manifest(model: Path) -> Manifest:
    """What must be found wherever the model lies."""
    return hash_tree(model)


@pytest.fixture
def trees(settings: str) -> S3Trees:
    """Trees over the client that MLflow makes from its settings."""
    del settings
    return S3Trees(connect())
