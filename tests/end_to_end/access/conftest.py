"""Three servers on one database and one folder of artifacts: two of ours, and MLflow's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from governance.domain.label import BOTTOM
from governance.storage.archive import open_archive

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production: {aliases: [champion]}
  abroad: {aliases: [abroad], region: us}
roles:
  clinician: {users: [ada]}
rules:
  - {name: everything, checks: [actor-known]}
  - {name: region, targets: [abroad], checks: [region-permitted]}
access:
  - name: patients
    when: {confidentiality: {at_least: restricted}}
    roles: [clinician]
  - name: purpose
    when: {confidentiality: {at_least: restricted}}
    roles: [clinician]
    actions: [load, download]
    purposes: [care]
regions:
  registry: EU
  artifacts: {"mlflow-artifacts:/*": EU}
"""
AUTH = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/auth.db
admin_username = alice
admin_password = the-password-of-alice
authorization_function = door:authenticate
"""
DOOR = """\
from functools import cache

from mlflow.server.auth import authenticate_request_basic_auth as authenticate
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

SqlAlchemyStore.authenticate_user = cache(SqlAlchemyStore.authenticate_user)
"""
"""MLflow's basic-auth; that it looks at each password once saves this module half of its time."""

CARE = {"X-Governance-Purpose": "care"}
API = "api/2.0/mlflow"


@dataclass
class Server:
    """A running server, and people who log in there."""

    uri: str
    process: subprocess.Popen[bytes]
    sessions: dict[str, requests.Session] = field(default_factory=dict)

    def send(self, name: str, method: str, path: str, **rest: Any) -> requests.Response:
        """What somebody gets; ada says what she wants it for."""
        session = self.sessions.setdefault(name, requests.Session())
        session.auth = (name, f"the-password-of-{name}")
        headers = (CARE if name == "ada" else {}) | rest.pop("headers", {})
        return session.request(method, f"{self.uri}/{path}", headers=headers, timeout=60, **rest)

    def ask(self, who: str, path: str, /, **body: Any) -> dict[str, Any]:
        """What MLflow's API answers to a request that goes well."""
        answer = self.send(who, "POST", f"{API}/{path}", json=body)
        assert answer.ok, f"{path}: {answer.text}"
        found: dict[str, Any] = answer.json()
        return found


@dataclass
class Model:
    """A model that was logged, one that lies in its run, and both registered; the second is in service."""

    name: str
    experiment: str
    run: str
    model_id: str
    frozen: str
    weights: bytes


@dataclass
class World:
    """The servers, and on them a model of patients and one of maps."""

    servers: dict[str, Server]
    visits: Model
    maps: Model
    database: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path, make: Any) -> Iterator[World]:
    """All three servers, started at once, and the two models, registered through the first of them."""
    folder = tmp_path_factory.mktemp("access")
    shutil.copy(empty_database, folder / "mlflow.db")
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (folder / "door.py").write_text(DOOR, encoding="utf-8")
    (folder / "auth.ini").write_text(AUTH.format(folder=folder), encoding="utf-8")
    database = f"sqlite:///{folder / 'mlflow.db'}"
    catalogue(database, make)
    servers: dict[str, Server] = {}
    try:
        # One after the other: each makes the accounts' tables if it finds none.
        servers["uvicorn"] = start(folder, database, "governance-auth", "governed+")
        wait_for(servers["uvicorn"], folder)
        servers["gunicorn"] = start(
            folder, database, "governance-auth", "governed+", "--gunicorn-opts=--threads 2"
        )
        servers["stock"] = start(folder, database, "basic-auth", "")
        server = servers["uvicorn"]
        for name in ("ada", "bob"):
            server.ask("alice", "users/create", username=name, password=f"the-password-of-{name}")
        visits, maps = (register(server, name) for name in ("visits", "maps"))
        for name in ("gunicorn", "stock"):
            wait_for(servers[name], folder)
        yield World(servers, visits, maps, database)
    finally:
        for one in servers.values():
            os.killpg(one.process.pid, 9)
            one.process.wait()


def catalogue(database: str, make: Any) -> None:
    """The visits may be seen by few and held in the EU, the maps are public."""
    archive = open_archive(database)
    archive.upgrade()
    with archive.writing() as books:
        for name, label in (("visits", make.label()), ("maps", BOTTOM)):
            dataset = make.dataset(name, name[0] * 64, mlflow_digest=name, source=f"s3://clinic/{name}")
            books.catalogue.add(dataset, make.labelling(dataset, label=label))
    archive.engine.dispose()


def start(folder: Path, database: str, app: str, prefix: str, *arguments: str) -> Server:
    """Start a server; the same database and the same folder for all."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = os.environ | {
        "GOVERNANCE_POLICY": str(folder / "policy.yaml"),
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "for one test",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": str(folder),
    }
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "GOVERNANCE_ACTOR"):
        environment.pop(name, None)
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port),
        *("--app-name", app, "--workers", "1", "--backend-store-uri", database),
        *("--registry-store-uri", prefix + database),
        *("--artifacts-destination", prefix + (folder / "artifacts").as_uri(), *arguments),
    ]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    return Server(f"http://127.0.0.1:{port}", process)


def wait_for(server: Server, folder: Path) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert server.process.poll() is None, (folder / "server.log").read_text()
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{server.uri}/health", timeout=2).ok:
                return
        time.sleep(0.1)
    raise AssertionError((folder / "server.log").read_text())


def register(server: Server, name: str) -> Model:
    """Ada trains on a dataset, logs the model twice and registers both; the second she puts into service."""
    weights = f"weights of {name}".encode() * 100
    experiment = server.ask("ada", "experiments/create", name=name)["experiment_id"]
    run = trained(server, "ada", experiment, name)
    model_id = server.ask("ada", "logged-models", experiment_id=experiment, source_run_id=run)["model"][
        "info"
    ]["model_id"]
    logged, of_run = f"{experiment}/models/{model_id}/artifacts", f"{experiment}/{run}/artifacts/model"
    for place in (logged, of_run):
        for file, data in (("MLmodel", b"flavors: {}\n"), ("weights.bin", weights)):
            url = f"api/2.0/mlflow-artifacts/artifacts/{place}/{file}"
            assert server.send("ada", "PUT", url, data=data).ok
    server.ask("ada", "registered-models/create", name=name)
    server.ask("ada", "model-versions/create", name=name, source=f"models:/{model_id}", model_id=model_id)
    server.ask("ada", "model-versions/create", name=name, source=f"mlflow-artifacts:/{of_run}", run_id=run)
    server.ask("ada", "registered-models/alias", name=name, alias="champion", version="2")
    uri = server.send(
        "ada", "GET", f"{API}/model-versions/get-download-uri", params={"name": name, "version": "2"}
    )
    return Model(name, experiment, run, model_id, uri.json()["artifact_uri"].rpartition("/")[2], weights)


def trained(server: Server, name: str, experiment: str, dataset: str) -> str:
    """A run that read a dataset."""
    run = server.ask(name, "runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    used = {
        "name": dataset,
        "digest": dataset,
        "source_type": "code",
        "source": f'{{"uri": "s3://clinic/{dataset}"}}',
    }
    server.ask(name, "runs/log-inputs", run_id=run, datasets=[{"dataset": used}])
    return str(run)
