"""Real servers, each kind once as stock MLflow and once governed; a session starts each at most once."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from packaging.version import Version

from governance.domain.label import Confidentiality
from governance.storage.archive import open_archive

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production: {aliases: [champion], stages: [Production]}
  released: {models: ["released-*"]}
  newest: {aliases: [latest], for_models: ["newest-*"]}
  audited: {aliases: [audited], for_models: ["audited-*"]}
roles:
  dpo: {users: [dora]}
rules:
  - name: everything
    checks: [actor-known]
  - name: guarded
    when: {confidentiality: {at_least: restricted}}
    checks: [{approval: {role: dpo}}]
access:
  - name: staff
    when: {unknown: false, subject_categories: {any_of: [employee]}}
    roles: [dpo]
"""
"""What was trained on the public data goes through; the patients' and the unknown need an approval."""

DATASETS = {
    "public": (Confidentiality.INTERNAL, "patient"),
    "patients": (Confidentiality.RESTRICTED, "patient"),
    "staff": (Confidentiality.RESTRICTED, "employee"),
}
STOCK = Version("3.17")
"""The MLflow whose ways past a gate the rows are about."""
ROOT, PASSWORD = "root", "the-password-of-root"
AUTH = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/auth.db
admin_username = root
admin_password = {password}
auth_cache_ttl_seconds = 3600
"""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what shows what stock MLflow does where it is an older one, which did otherwise."""
    if Version(mlflow.__version__) >= STOCK:
        return
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    stock = [item for item in here if re.search(r"\[.*stock-|unmodified_mlflow", item.nodeid)]
    config.hook.pytest_deselected(items=stock)
    items[:] = [item for item in items if item not in stock]


@dataclass(frozen=True)
class Server:
    """A running server and what lies behind it."""

    folder: Path
    uri: str
    database: str
    governed: bool
    kind: str
    """`uvicorn`: with log-in, on SQLite; `gunicorn`: with workspaces, on PostgreSQL; `bucket`: on S3, behind
    a proxy that says who asks; `plain`: nothing of it."""
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Starts a server when it is first asked for: `stock-uvicorn`, `governed-gunicorn`, …"""
    started: dict[tuple[str, str | None], Server] = {}

    def start(name: str, database: str | None = None) -> Server:
        known = name, database
        if known not in started:
            folder = tmp_path_factory.mktemp(name)
            kind = name.split("-")[1]
            started[known] = launch(name, request, folder, database or new_database(kind, request, folder))
        return started[known]

    yield start
    for server in started.values():
        os.killpg(server.process.pid, 9)
        server.process.wait()


def launch(name: str, request: pytest.FixtureRequest, folder: Path, database: str) -> Server:
    """Start a server and wait until it answers."""
    (which, kind), port = name.split("-"), free_port()
    governed = which == "governed"
    prefix = "governed+" if governed else ""
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (folder / "auth.ini").write_text(AUTH.format(folder=folder, password=PASSWORD))
    told, destination = environment(kind, folder), (folder / "artifacts").as_uri()
    if governed:
        catalogue(database, request.getfixturevalue("make"))
    if kind == "bucket":
        told |= request.getfixturevalue("storage")
        destination = f"s3://{which}/artifacts"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", database, "--registry-store-uri", prefix + database),
        *("--artifacts-destination", prefix + destination, *OPTIONS[kind], *APPS.get(name, ())),
    ]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=told, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    uri, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 90
    while not answers(uri):
        assert process.poll() is None, (folder / "server.log").read_text()
        assert time.monotonic() < deadline, (folder / "server.log").read_text()
        time.sleep(0.2)
    return Server(folder, uri, database, governed, kind, process)


OPTIONS = {
    "uvicorn": (),
    "gunicorn": ("--gunicorn-opts", "--timeout 120", "--enable-workspaces"),
    "bucket": (),
    "plain": (),
}
APPS = {
    "stock-uvicorn": ("--app-name", "basic-auth"),
    "governed-uvicorn": ("--app-name", "governance-auth"),
    "governed-gunicorn": ("--app-name", "governance"),
    "governed-bucket": ("--app-name", "governance"),
}


def new_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """A database with MLflow's tables."""
    if kind == "gunicorn":
        return str(request.getfixturevalue("postgresql_with_mlflow")())
    shutil.copy(request.getfixturevalue("empty_database"), folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


def environment(kind: str, folder: Path) -> dict[str, str]:
    """The environment of a server; under gunicorn nobody logs in, so that it is told who acts."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "GOVERNANCE_"))}
    return ours | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "GOVERNANCE_ACTOR": "alice" if kind == "gunicorn" else "",
        "GOVERNANCE_TRUSTED_USER_HEADER": "X-User" if kind == "bucket" else "",
        "GOVERNANCE_TRUSTED_PROXIES": "127.0.0.1" if kind == "bucket" else "",
        "GOVERNANCE_POLICY": str(folder / "policy.yaml"),
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of no use to anybody",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def answers(uri: str) -> bool:
    """Whether a server is up."""
    try:
        return requests.get(f"{uri}/health", timeout=2).ok
    except requests.RequestException:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def catalogue(database: str, make: Any) -> None:
    """Make the governance tables and catalogue both datasets."""
    archive = open_archive(database)
    archive.upgrade()
    with archive.writing() as books:
        for name, (confidentiality, people) in DATASETS.items():
            dataset = make.dataset(name, mlflow_digest=name, source=f"s3://clinic/{name}")
            label = replace(make.label(confidentiality), subject_categories=frozenset({people}))
            books.catalogue.add(dataset, make.labelling(dataset, label=label))
    archive.engine.dispose()


@pytest.fixture(scope="session")
def postgresql_with_mlflow(new_postgresql_database: Callable[..., str]) -> Callable[[], str]:
    """Makes a PostgreSQL database with MLflow's tables, which takes seconds once."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy import make_url

    url = new_postgresql_database()
    SqlAlchemyStore(url, "unused").engine.dispose()
    return lambda: new_postgresql_database(make_url(url).database)


@pytest.fixture(scope="session")
def storage() -> Iterator[dict[str, str]]:
    """A server that speaks S3, with a bucket for each MLflow: the environment in which it is found."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = {
        "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=found["MLFLOW_S3_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    for name in ("stock", "governed"):
        client.create_bucket(Bucket=name)
    client.close()
    yield found
    server.stop()
