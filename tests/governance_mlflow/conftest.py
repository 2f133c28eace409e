"""A real MLflow tracking store in a SQLite file, and a governed registry over the same file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput

from governance.domain.label import Confidentiality

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production:
    aliases: [champion]
    stages: [Production]
  released:
    models: ["released-*"]
roles:
  dpo: {users: [dora]}
rules:
  - name: everything
    checks: [actor-known]
  - name: guarded
    when: {confidentiality: {at_least: restricted}}
    checks: [{approval: {role: dpo}}]
"""
"""Whatever has a known label below `restricted` goes through; what is unknown needs an approval."""


@dataclass
class Tracking:
    """A tracking store with one experiment, written to as any client may."""

    folder: Path
    uri: str
    experiment: str

    @property
    def client(self) -> MlflowClient:
        """A client of the tracking store alone."""
        return MlflowClient(self.uri, self.uri)

    def run(self, *datasets: str, parent: str | None = None, experiment: str | None = None) -> str:
        """A run that read these datasets; `name:source` gives the source, the digest is the name."""
        tags = {"mlflow.parentRunId": parent} if parent else {}
        run_id = str(self.client.create_run(experiment or self.experiment, tags=tags).info.run_id)
        for dataset in datasets:
            self.log(run_id, dataset)
        return run_id

    def log(self, run_id: str, dataset: str, context: str = "training", **tags: str) -> None:
        """Log a dataset as an input of a run."""
        name, _, source = dataset.partition(":")
        described = json.dumps({"uri": source or f"s3://clinic/{name}"})
        given = {"mlflow.data.context": context} | tags
        used = DatasetInput(
            Dataset(name, name, "code", described), [InputTag(k, v) for k, v in given.items()]
        )
        self.client.log_inputs(run_id, datasets=[used])

    def model(self, run_id: str | None, files: dict[str, str] | None = None) -> str:
        """A logged model that a run put out, with its files; returns its id."""
        made = self.client.create_logged_model(self.experiment, source_run_id=run_id)
        if run_id:
            self.client.log_outputs(run_id, [LoggedModelOutput(made.model_id, 0)])
        self.write(made.artifact_location, files or {"MLmodel": "flavors: {}\n"})
        return str(made.model_id)

    def reads_model(self, run_id: str, model_id: str) -> None:
        """Log a model as an input of a run."""
        self.client.log_inputs(run_id, models=[LoggedModelInput(model_id)])

    def artifacts(self, run_id: str) -> str:
        """Where a run's artifacts lie."""
        return str(self.client.get_run(run_id).info.artifact_uri)

    def write(self, location: str, files: dict[str, str]) -> str:
        """Put files at a local location; returns it."""
        for name, text in files.items():
            path = Path(location.removeprefix("file://")) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return location


@pytest.fixture
def tracking(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracking]:
    """A tracking store of this test's own, and MLflow's global one meanwhile."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    mlflow.set_tracking_uri(uri)
    experiment = MlflowClient(uri).create_experiment("clinic", str(tmp_path / "artifacts"))
    yield Tracking(tmp_path, uri, str(experiment))
    mlflow.set_tracking_uri(None)


@pytest.fixture
def store(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The governed registry in the same file; alice acts."""
    from governance_mlflow.store.registry_store import open_store

    policy = tracking.folder / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    monkeypatch.setenv("GOVERNANCE_POLICY", str(policy))
    monkeypatch.setenv("GOVERNANCE_ACTOR", "alice")
    return open_store(f"governed+{tracking.uri}")


@pytest.fixture
def known(tracking: Any, store: Any, make: Any) -> Callable[..., str]:
    """Registers a version whose label is known and low, so that it is allowed at once; returns its number."""
    dataset = make.dataset("visits", mlflow_digest="visits", source="s3://clinic/visits")
    low = replace(make.label(), confidentiality=Confidentiality.INTERNAL)
    with store.writing() as books:
        books.catalogue.add(dataset, make.labelling(dataset, label=low))

    def register(name: str = "risk") -> str:
        if name not in {model.name for model in store.search_registered_models()}:
            store.create_registered_model(name)
        model = tracking.model(tracking.run("visits"))
        return str(store.create_model_version(name, f"models:/{model}").version)

    return register


@pytest.fixture(autouse=True)
def no_registry_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting an app names its registry in the environment; the next test would find it there."""
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
