"""Real registries, real servers, real commands; models are small, everything else is as in service."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

from governance_mlflow import log_input

LABEL = """\
confidentiality: confidential
identifiability: personal
special_categories: [health]
subject_categories: [patient]
purposes: [care]
regions: [eu]
retention: 2035-12-31
consent: valid
legal_basis: documented
"""

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production:
    aliases: [champion]
    stages: [Production]
    purpose: care
    region: eu
  released:
    models: ["released-*"]
    purpose: care
    region: eu
roles:
  dpo: {users: [dora]}
rules:
  - name: everything
    checks: [actor-known, lineage-known, purpose-permitted, region-permitted, retention-open, consent-valid]
  - name: personal
    when: {identifiability: {at_least: pseudonymised}}
    checks: [{approval: {role: dpo}}]
"""


@dataclass
class Clinic:
    """One folder with a registry, a policy and a catalogued dataset; commands run as their own process."""

    folder: Path
    tracking_uri: str
    registry_uri: str
    database_uri: str
    actor: str = "alice"
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "MLFLOW_REGISTRY_URI": f"governed+{self.database_uri}",
            "GOVERNANCE_POLICY": str(self.folder / "policy.yaml"),
            "GOVERNANCE_ACTOR": self.actor,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # Background jobs of a server take seconds to start, and nothing here needs one.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            **self.extra,
        }

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.tracking_uri, self.registry_uri)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in this process, in this clinic's environment: a new one takes seconds."""
        from governance.cli.main import run

        before, folder, out, err = dict(os.environ), Path.cwd(), io.StringIO(), io.StringIO()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = run(list(arguments))
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)
        return subprocess.CompletedProcess(arguments, int(code), out.getvalue(), err.getvalue())

    def shell(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `governance …` as a user does, in a process of its own."""
        command = [str(Path(sys.executable).parent / "governance"), *arguments]
        return subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def catalogue(self) -> pd.DataFrame:
        """Catalogue the visits, from the command line."""
        frame = visits()
        frame.to_csv(self.folder / "visits.csv", index=False)
        (self.folder / "label.yaml").write_text(LABEL, encoding="utf-8")
        done = self.run("dataset", "add", "visits", "visits.csv", "--label", "label.yaml")
        assert (0, "") == (done.returncode, done.stderr), done.stderr
        return frame

    def register(self, name: str = "risk", log: bool = True, seed: int = 0) -> str:
        """Train a model on the visits and register it with plain MLflow; returns the version."""
        mlflow.set_tracking_uri(self.tracking_uri)
        mlflow.set_registry_uri(self.registry_uri)
        frame = pd.read_csv(self.folder / "visits.csv") if log else visits()
        experiment = self._experiment()
        with mlflow.start_run(experiment_id=experiment):
            if log:
                log_input(frame, name="visits")
            model = LogisticRegression(random_state=seed, C=1 + seed).fit(frame[["age", "bmi"]], frame["ill"])
            info = mlflow.sklearn.log_model(
                model, name="model", registered_model_name=name, pip_requirements=["scikit-learn"]
            )
        return str(info.registered_model_version)

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name("clinic")
        if found is not None:
            return str(found.experiment_id)
        location = None if self.tracking_uri.startswith("http") else str(self.folder / "artifacts")
        return str(self.client.create_experiment("clinic", artifact_location=location))

    def approve(self, model: str) -> None:
        """Let the data-protection officer approve a version for production."""
        done = self.run(
            *(
                "approve",
                model,
                "--for",
                "production",
                "--role",
                "dpo",
                "--as",
                "dora",
                "--reason",
                "reviewed",
            )
        )
        assert 0 == done.returncode, done.stderr


def visits() -> pd.DataFrame:
    """Two hundred visits that never happened."""
    random = np.random.default_rng(0)
    age, bmi = random.integers(18, 90, 200), random.normal(25, 4, 200).round(1)
    return pd.DataFrame({"age": age, "bmi": bmi, "ill": (age + random.normal(0, 20, 200) > 60).astype(int)})


@pytest.fixture(autouse=True)
def restored_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MLflow keeps its URIs in globals and in the environment; no test sees another's."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for name in ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    yield
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri("")


@pytest.fixture
def embedded(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """A registry reached directly: `governed+sqlite:///…`, no server."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    clinic = Clinic(tmp_path, database, f"governed+{database}", database)
    # Without the last, MLflow makes a database in the working directory for what names no tracking server.
    for name in ("GOVERNANCE_POLICY", "GOVERNANCE_ACTOR", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, clinic.environment[name])
    clinic.catalogue()
    return clinic


@pytest.fixture
def embedded_in_postgresql(
    tmp_path: Path, new_postgresql_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Clinic:
    """The same on PostgreSQL, where it must be told where to freeze."""
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    database = new_postgresql_database()
    frozen = {"GOVERNANCE_FROZEN_ROOT": str(tmp_path / "frozen")}
    clinic = Clinic(tmp_path, database, f"governed+{database}", database, extra=frozen)
    for name in ("GOVERNANCE_POLICY", "GOVERNANCE_ACTOR", "GOVERNANCE_FROZEN_ROOT"):
        monkeypatch.setenv(name, clinic.environment[name])
    # A shared database is upgraded by hand, after a backup.
    upgraded = clinic.run("db", "upgrade")
    assert 0 == upgraded.returncode, upgraded.stderr
    clinic.catalogue()
    return clinic


@pytest.fixture
def serve(tmp_path: Path, empty_database: Path) -> Iterator[Callable[..., Clinic]]:
    """Start real MLflow servers; each gets a clinic of its own, reached over HTTP."""
    running: list[subprocess.Popen[bytes]] = []

    def start(
        governed: bool = True, arguments: tuple[str, ...] = (), catalogue: bool = True, **extra: str
    ) -> Clinic:
        folder = tmp_path / f"server-{len(running)}"
        folder.mkdir()
        shutil.copy(empty_database, folder / "mlflow.db")
        (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        database = f"sqlite:///{folder / 'mlflow.db'}"
        port = free_port()
        uri = f"http://127.0.0.1:{port}"
        clinic = Clinic(folder, uri, uri, database, extra=extra)
        prefix = "governed+" if governed else ""
        destination = (folder / "mlartifacts").as_uri()
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", "1", "--backend-store-uri", database),
            *("--registry-store-uri", prefix + database, "--artifacts-destination", prefix + destination),
            *arguments,
        ]
        environment = clinic.environment
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            environment.pop(name)
        with (folder / "server.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
                )
            )
        wait_for(uri, running[-1], folder / "server.log")
        if governed and catalogue:
            clinic.catalogue()
        else:
            visits().to_csv(folder / "visits.csv", index=False)
        return clinic

    yield start
    for server in running:
        os.killpg(server.pid, 9)
        server.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(uri: str, server: subprocess.Popen[Any], log: Path) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            if requests.get(f"{uri}/health", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    raise AssertionError(log.read_text())
