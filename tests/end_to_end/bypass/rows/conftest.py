"""People around a server: whoever attacks does so with plain HTTP requests, and so does whoever works.

An attack returns whether it succeeded. On stock MLflow each must succeed, which shows that it is one; on
the governed server it must fail.
"""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from http.client import HTTPConnection
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from mlflow import MlflowClient

from governance.approving import give
from governance.domain.approval import Verdict
from governance.domain.subject import VersionName
from governance.policy.parse import load
from governance.promoting import assemble
from governance.storage.archive import SqlArchive, open_archive

PEOPLE = ("alice", "bob", "dora")
GOOD = b"flavors: {}\n# good\n"


@dataclass(frozen=True)
class Model:
    """A logged model and the run that put it out."""

    run_id: str
    model_id: str
    path: str
    """Where its bytes lie, inside what the server serves."""


@dataclass
class World:
    """A server and everybody around it; names that are not given are new ones."""

    server: Any
    at: str | None = None
    """The workspace, where it is not the one in which everybody works."""
    said: str = ""
    """What the server answered last."""
    experiments: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def governed(self) -> bool:
        """Whether the plugin is there."""
        return bool(self.server.governed)

    @property
    def logged_in(self) -> bool:
        """Whether the server knows its users."""
        return bool(self.server.kind == "uvicorn")

    @property
    def workspace(self) -> str | None:
        """Where everybody works, if there are workspaces."""
        return self.at or ("team" if self.server.kind == "gunicorn" else None)

    def elsewhere(self, workspace: str) -> World:
        """The same server in another workspace."""
        return World(self.server, workspace, numbers=self.numbers)

    @property
    def open(self) -> bool:
        """Whether every attack is expected to succeed."""
        return not self.governed

    @cached_property
    def archive(self) -> SqlArchive:
        """The governance books, past the server."""
        return open_archive(self.server.database)

    def settle(self) -> None:
        """Let people in."""
        for name in PEOPLE if self.logged_in else ():
            self.must("POST", "users/create", "root", username=name, password=f"the-password-of-{name}")
        for name in ("team", "other") if self.workspace else ():
            asking = {"X-MLFLOW-WORKSPACE": "default"}
            assert self.send("POST", "api/3.0/mlflow/workspaces", json={"name": name}, headers=asking).ok

    def new(self, word: str) -> str:
        """A name that nobody has used."""
        return f"{word}-{next(self.numbers)}"

    def send(self, method: str, path: str, by: str = "alice", **rest: Any) -> requests.Response:
        """A request to any path of the server."""
        headers = self.headers(by) | rest.pop("headers", {})
        return requests.request(method, f"{self.server.uri}/{path}", headers=headers, timeout=60, **rest)

    def headers(self, by: str) -> dict[str, str]:
        """Who asks, and in which workspace."""
        workspace = {"X-MLFLOW-WORKSPACE": self.workspace} if self.workspace else {}
        if self.server.kind == "bucket":
            return {"X-User": by} if by else {}
        basic = b64encode(f"{by}:the-password-of-{by}".encode()).decode()
        return workspace | ({"Authorization": f"Basic {basic}"} if self.logged_in else {})

    def call(self, method: str, path: str, /, by: str = "alice", api: str = "api", **body: Any) -> Any:
        """A call of MLflow's REST interface; the answer's JSON, or None if it was refused."""
        given = {"params": body} if method == "GET" else {"json": body}
        answer = self.send(method, f"{api}/2.0/mlflow/{path}", by, **given)
        self.said = answer.text
        return answer.json() if answer.ok else None

    def must(self, method: str, path: str, /, by: str = "alice", **body: Any) -> Any:
        """A call that is no attack and has to go through."""
        answer = self.call(method, path, by, **body)
        assert answer is not None, self.said
        return answer

    def raw(self, method: str, path: str, data: bytes = b"", by: str = "alice") -> bool:
        """A request whose path goes over the wire letter by letter: clients tidy up dots."""
        host = urlsplit(self.server.uri)
        with closing(HTTPConnection(str(host.hostname), host.port, timeout=60)) as connection:
            connection.putrequest(method, f"/api/2.0/mlflow-artifacts/artifacts/{path}")
            connection.putheader("Content-Length", str(len(data)))
            for name, value in self.headers(by).items():
                connection.putheader(name, value)
            connection.endheaders(data)
            return connection.getresponse().status < 400

    def put(self, path: str, data: bytes, api: str = "api", by: str = "alice") -> bool:
        """Upload a file to what the server serves; the path goes over the wire as it is."""
        return self.send("PUT", f"{api}/2.0/mlflow-artifacts/artifacts/{path}", by, data=data).ok

    def model(self, *datasets: str, data: bytes = GOOD, by: str = "alice") -> Model:
        """Log a model whose run read these datasets."""
        run = self.must("POST", "runs/create", by, experiment_id=self.experiment(by))["run"]["info"]["run_id"]
        for name in datasets:
            self.read(run, name, by=by)
        made = self.must(
            "POST", "logged-models", by, experiment_id=self.experiment(by), name="m", source_run_id=run
        )
        info = made["model"]["info"]
        path = info["artifact_uri"].removeprefix("mlflow-artifacts:/").lstrip("/")
        assert self.put(f"{path}/MLmodel", data, by=by)
        return Model(run, info["model_id"], path)

    def read(self, run_id: str, name: str, by: str = "alice", **changes: str) -> None:
        """Log a dataset as an input of a run."""
        dataset = {"name": name, "digest": name, "source_type": "code"}
        dataset |= {"source": json.dumps({"uri": f"s3://clinic/{name}"})} | changes
        context = dataset.pop("context", "training")
        used = {"tags": [{"key": "mlflow.data.context", "value": context}], "dataset": dataset}
        self.must("POST", "runs/log-inputs", by, run_id=run_id, datasets=[used])

    def experiment(self, by: str) -> str:
        """The experiment of a person, made when it is first needed."""
        if by not in self.experiments:
            made = self.must("POST", "experiments/create", by, name=f"of {by}")
            self.experiments[by] = str(made["experiment_id"])
        return self.experiments[by]

    def register(self, name: str, model: Model, by: str = "alice", **body: Any) -> str | None:
        """Register a logged model, and its registered model if need be; the version, None if refused."""
        self.call("POST", "registered-models/create", by, name=name)
        body = {"source": f"models:/{model.model_id}", "model_id": model.model_id} | body
        made = self.call("POST", "model-versions/create", by, name=name, **body)
        return made and str(made["model_version"]["version"])

    def good(self, word: str, by: str = "alice") -> str:
        """A new registered model whose version 1 may be promoted by anybody."""
        name = self.new(word)
        assert "1" == self.register(name, self.model("public", by=by), by), self.said
        return name

    def bad(self, word: str, by: str = "alice") -> str:
        """A new registered model of whose version 1 nobody knows what went in."""
        name = self.new(word)
        assert "1" == self.register(name, self.model(by=by), by), self.said
        return name

    def in_service(self, word: str) -> tuple[str, Model]:
        """A new registered model whose version 1 is @champion, and what it was registered from."""
        name, model = self.new(word), self.model("public")
        assert "1" == self.register(name, model), self.said
        assert self.alias(name, "champion"), self.said
        return name, model

    def approved(self, word: str) -> str:
        """A new registered model, trained on patients, whose version 1 is approved and in production."""
        name = self.new(word)
        assert "1" == self.register(name, self.model("patients")), self.said
        self.approve(name)
        assert self.alias(name, "champion"), self.said
        return name

    def approve(self, name: str, version: int = 1) -> None:
        """Let the data-protection officer approve a version for production; stock MLflow has none."""
        if not self.governed:
            return
        policy = load(str(self.server.folder / "policy.yaml"))
        with self.archive.writing() as books:
            subject = books.subjects.find(VersionName(name, version, self.workspace or "default"))
            assert subject is not None
            (digest,) = books.evidence.seen(subject.uid)
            give(
                *(books, assemble(books, subject, digest, books.lineages.of(subject.uid)), policy),
                *(policy.target("production"),),
                role="dpo",
                by="dora",
                verdict=Verdict.APPROVED,
                reason="reviewed",
                now=datetime.now(timezone.utc),
            )

    def alias(self, name: str, alias: str, version: str = "1", by: str = "alice", api: str = "api") -> bool:
        """Set an alias; whether it then stands there."""
        self.call("POST", "registered-models/alias", by, api, name=name, alias=alias, version=version)
        found = self.call("GET", "registered-models/alias", name=name, alias=alias)
        return found is not None and int(version) == int(found["model_version"]["version"])

    def version(self, name: str, version: str = "1") -> Any:
        """A version as the server shows it; None if there is none."""
        found = self.call("GET", "model-versions/get", name=name, version=version)
        return found and found["model_version"]

    def tags(self, name: str, version: str = "1") -> dict[str, str]:
        """The tags of a version."""
        return {tag["key"]: tag["value"] for tag in self.version(name, version).get("tags", ())}

    def served(self, name: str, version: str = "1", by: str = "alice") -> bytes | None:
        """The MLmodel file that the registry serves for a version."""
        query = f"model-versions/get-artifact?path=MLmodel&name={quote(name)}&version={version}"
        answer = self.send("GET", query, by)
        return answer.content if answer.ok else None

    def location(self, name: str, version: str = "1") -> str:
        """Where the registry serves a version from, inside what the server serves."""
        uri = self.must("GET", "model-versions/get-download-uri", name=name, version=version)["artifact_uri"]
        return str(uri).removeprefix("mlflow-artifacts:/").lstrip("/")

    def log(self, *types: str) -> list[dict[str, Any]]:
        """The bodies of the audit entries of these types; stock MLflow has none."""
        if not self.governed:
            return []
        with self.archive.reading() as books:
            return [dict(entry.body) for entry in books.audit.entries() if entry.type in types]


@pytest.fixture(scope="session")
def worlds(servers: Callable[[str], Any]) -> Iterator[Callable[[str], World]]:
    """The world of each server."""
    known: dict[str, World] = {}

    def enter(name: str) -> World:
        if name not in known:
            known[name] = World(servers(name))
            known[name].settle()
        return known[name]

    yield enter
    for world in known.values():
        world.archive.engine.dispose()


@pytest.fixture
def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    """The world that the test is run in."""
    return worlds(request.param)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Callable[..., MlflowClient]:
    """Makes MLflow's own client, logged in as somebody."""

    def client(world: World, name: str = "alice") -> MlflowClient:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", f"the-password-of-{name}")
        return MlflowClient(world.server.uri, world.server.uri)

    return client


@pytest.fixture
def second(servers: Callable[..., Any]) -> Callable[[World], World]:
    """A second server on the same database, without the plugin."""
    return lambda world: World(servers("stock-plain", world.server.database)) if world.governed else world


@pytest.fixture
def examined(person: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[World], set[str]]:
    """What `governance reconcile` finds; on stock MLflow nobody looks."""
    from governance.cli.main import run

    def examine(world: World) -> set[str]:
        if not world.governed:
            return set()
        person(world)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", world.server.uri)
        monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"governed+{world.server.database}")
        monkeypatch.setenv("GOVERNANCE_POLICY", str(world.server.folder / "policy.yaml"))
        monkeypatch.setenv("GOVERNANCE_FROZEN_ROOT", "mlflow-artifacts:/frozen")
        out = io.StringIO()
        with redirect_stdout(out):
            run(["reconcile", "--bytes", "--format", "json"])
        return {f"{found['kind']} {found['subject']}" for found in json.loads(out.getvalue())["findings"]}

    return examine
