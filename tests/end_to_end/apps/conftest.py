"""Real servers started with our apps, and plain HTTP requests to them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from governance.storage.archive import open_archive

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production: {aliases: [champion]}
roles:
  dpo: {users: [dora]}
rules:
  - name: everything
    checks: [actor-known, {approval: {role: dpo}}]
"""
DOOR = '''\
"""A function in the place of basic-auth: a badge, or a password for whoever has none."""

from flask import Response, request
from mlflow.server.auth import authenticate_request_basic_auth
from werkzeug.datastructures import Authorization


def authenticate():
    badge = request.headers.get("X-Badge")
    if badge is None:
        return authenticate_request_basic_auth()
    if badge in ("bob", "carol"):
        return Authorization("badge", {"username": badge})
    return Response("No such badge", 403, {"X-Door": "shut"})
'''
WITNESS = '''\
"""An artifact destination that writes down who asks for what."""

import os

from governance_mlflow.artifacts.artifact_repository import GovernedArtifactRepository
from governance_mlflow.callers.identity import authenticated


def seen(what):
    with open(os.environ["WITNESS"], "a") as log:
        log.write(f"{what} {authenticated()}\\n")


class Witness(GovernedArtifactRepository):
    def __init__(self, artifact_uri, *args, **kwargs):
        super().__init__(artifact_uri.replace("witness:", "file:", 1), *args, **kwargs)

    def log_artifact(self, local_file, artifact_path=None):
        seen(f"put {os.path.basename(local_file)}")
        super().log_artifact(local_file, artifact_path)

    def log_artifact_from_stream(self, stream, artifact_file_name, artifact_path=None):
        seen(f"put {artifact_file_name}")
        super().log_artifact_from_stream(stream, artifact_file_name, artifact_path)

    async def log_artifact_from_async_stream(self, stream, artifact_file_name, artifact_path=None):
        seen(f"put {artifact_file_name}")
        await super().log_artifact_from_async_stream(stream, artifact_file_name, artifact_path)

    def get_local_path(self, artifact_path):
        seen(f"get {os.path.basename(artifact_path)}")
        return super().get_local_path(artifact_path)

    def list_artifacts(self, path=None):
        seen("list")
        return super().list_artifacts(path)
'''
AUTH = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/auth.db
admin_username = alice
admin_password = the-password-of-alice
authorization_function = door:authenticate
"""
ARTIFACTS = "2.0/mlflow-artifacts/artifacts"


@dataclass
class Server:
    """A server in a folder of its own, and how its requests are sent."""

    folder: Path
    uri: str
    numbers: Iterator[int]

    def send(self, method: str, path: str, peer: str = "127.0.0.1", **rest: Any) -> requests.Response:
        """A request from one of this machine's addresses."""
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(pool_maxsize=1))
            session.get_adapter(self.uri).init_poolmanager(1, 1, source_address=(peer, 0))  # type: ignore[attr-defined]  # only a base class is named
            return session.request(method, f"{self.uri}/{path}", timeout=60, **rest)

    def whoami(self, **credentials: Any) -> requests.Response:
        """Ask our interface who is calling."""
        return self.send("GET", "api/governance/v1/whoami", **credentials)

    def put(self, path: str, api: str = "api", data: bytes = b"x", **credentials: Any) -> int:
        """Upload a file; the status."""
        return self.send("PUT", f"{api}/{ARTIFACTS}/{path}", data=data, **credentials).status_code

    def get(self, path: str, **credentials: Any) -> int:
        """Download a file; the status."""
        return self.send("GET", f"api/{ARTIFACTS}/{path}", **credentials).status_code

    def register(self, name: str, **credentials: Any) -> None:
        """Register version 1 of a model with one file, and nothing known of its data."""

        def call(path: str, **body: Any) -> Any:
            answer = self.send("POST", f"api/2.0/mlflow/{path}", json=body, **credentials)
            assert answer.ok, answer.text
            return answer.json()

        experiment = call("experiments/create", name=name)["experiment_id"]
        run = call("runs/create", experiment_id=experiment)["run"]["info"]
        inside = f"{run['artifact_uri'].removeprefix('mlflow-artifacts:/').lstrip('/')}/model"
        assert 200 == self.put(f"{inside}/MLmodel", data=b"flavors: {}\n", **credentials)
        call("registered-models/create", name=name)
        source = f"{run['artifact_uri']}/model"
        call("model-versions/create", name=name, source=source, run_id=run["run_id"])

    def champion(self, name: str, **credentials: Any) -> requests.Response:
        """Move the protected alias to version 1."""
        body = {"name": name, "alias": "champion", "version": "1"}
        return self.send("POST", "api/2.0/mlflow/registered-models/alias", json=body, **credentials)

    def refused(self, api: str = "api", **rest: Any) -> str:
        """Who stands in the log after a change that the store refuses to anybody."""
        name = f"forged-{next(self.numbers)}"
        body = {"name": name, "tags": [{"key": "governance.label", "value": "public"}]}
        answer = self.send("POST", f"{api}/2.0/mlflow/registered-models/create", json=body, **rest)
        assert (403, "PERMISSION_DENIED") == (answer.status_code, answer.json()["error_code"]), answer.text
        return next(entry.actor for entry in reversed(self.log()) if name in str(entry.body))

    def log(self) -> list[Any]:
        """The audit log, past the server."""
        with open_archive(f"sqlite:///{self.folder / 'mlflow.db'}").reading() as books:
            return list(books.audit.entries())

    def witnessed(self) -> list[str]:
        """What the artifact destination saw, and from now on only what is new."""
        found = (self.folder / "witness.log").read_text("utf-8").splitlines()
        (self.folder / "witness.log").write_text("", "utf-8")
        return found


def prepared(folder: Path, empty_database: Path) -> dict[str, str]:
    """A folder with all that a server needs, and the environment of that server."""
    shutil.copy(empty_database, folder / "mlflow.db")
    modules = folder / "modules"
    (modules / "witness-1.dist-info").mkdir(parents=True)
    (modules / "witness-1.dist-info" / "METADATA").write_text("Name: witness\nVersion: 1\n", "utf-8")
    (modules / "witness-1.dist-info" / "entry_points.txt").write_text(
        "[mlflow.artifact_repository]\nwitness = witness:Witness\n", "utf-8"
    )
    for name, text in {
        "modules/door.py": DOOR,
        "modules/witness.py": WITNESS,
        "policy.yaml": POLICY,
        "basic_auth.ini": AUTH.format(folder=folder),
        "witness.log": "",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(modules), os.environ.get("PYTHONPATH"))))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "GOVERNANCE_"))}
    return kept | {
        "PYTHONPATH": path,
        "WITNESS": str(folder / "witness.log"),
        "GOVERNANCE_POLICY": str(folder / "policy.yaml"),
        "GOVERNANCE_TRUSTED_USER_HEADER": "X-User",
        "GOVERNANCE_TRUSTED_GROUPS_HEADER": "X-Groups",
        "GOVERNANCE_TRUSTED_PROXIES": "127.0.0.1",
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "basic_auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of this test",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


@dataclass
class Servers:
    """Starts servers, each in a folder of its own, and stops them."""

    new_folder: Callable[[str], Path]
    empty_database: Path
    running: list[subprocess.Popen[bytes]]

    def command(self, folder: Path, *options: str) -> list[str]:
        """`mlflow server` over the database in a folder."""
        database = f"sqlite:///{folder / 'mlflow.db'}"
        return [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, *options]

    def fails(self, *options: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """How a server ends that has no governed registry."""
        folder = self.new_folder("failing")
        return subprocess.run(
            self.command(folder, "--port", "0", *options),
            env=prepared(folder, self.empty_database) | extra,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *options: str, prefix: str = "") -> Server:
        """A governed server that answers."""
        folder = self.new_folder("server")
        environment = prepared(folder, self.empty_database)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        whole = self.command(
            folder,
            *("--registry-store-uri", f"governed+sqlite:///{folder / 'mlflow.db'}"),
            *("--artifacts-destination", f"witness://{folder / 'served'}", "--port", str(port), *options),
            *(("--static-prefix", prefix) if prefix else ()),
        )
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                whole, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
        self.running.append(process)
        server = Server(folder, f"http://127.0.0.1:{port}{prefix}", count())
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            assert process.poll() is None, (folder / "server.log").read_text()
            try:
                if server.send("GET", "health").ok:
                    return server
            except requests.RequestException:
                time.sleep(0.2)
        raise AssertionError((folder / "server.log").read_text())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Servers]:
    """The servers of one module."""
    running: list[subprocess.Popen[bytes]] = []
    yield Servers(tmp_path_factory.mktemp, empty_database, running)
    for process in running:
        os.killpg(process.pid, 9)
        process.wait()
