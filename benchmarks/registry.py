"""The governed registry beside plain MLflow: the same calls of the same client, on two databases alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import yaml
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

from benchmarks.pairs import Action, Comparison, compare
from benchmarks.servers import serving
from governance import approving, cataloguing, measuring, registering
from governance.domain.approval import Verdict
from governance.domain.dataset import Budget
from governance.domain.mechanism import DpTraining, Neighbouring, SampledGaussian, Sampling
from governance.measuring import Assessment
from governance.privacy.target import ShadowBudget
from governance_mlflow import log_input
from governance_mlflow.demo.story import ALIAS, LABEL, OFFICER, POLICY, REVIEWER, SCIENTIST, TARGET
from governance_mlflow.registry import governed_store

MODEL, SCRATCH, DATASET = "benchmark", "benchmark-scratch", "records"
SEARCHED = 20
"""Versions of the model that is searched."""


@dataclass
class Side:
    """One of the two registries, with a model of some versions in it."""

    client: MlflowClient
    run_id: str
    folder: Path
    """Of the run's artifacts."""
    store: str | None = None
    """The governed store's own URI; None for plain MLflow."""
    evidence: Assessment | None = None
    """What is measured of every version; None where nobody asks."""
    numbers: Iterator[int] = field(default_factory=count)

    def source(self, size: int = 1024) -> str:
        """A folder of model bytes like no other, `size` of them, that tell of a private training."""
        number = next(self.numbers)
        folder = self.folder / str(number)
        folder.mkdir(parents=True)
        said = {"flavors": {}, "metadata": {"governance": {"dp_training": TRAINING.to_json()}}}
        (folder / "MLmodel").write_text(yaml.safe_dump(said), encoding="utf-8")
        (folder / "weights").write_bytes(np.random.default_rng(number).bytes(size))
        return str(folder)

    def version(self, size: int = 1024) -> str:
        """A new version of the model; where it is governed, with all that its promotion needs."""
        made = self.client.create_model_version(MODEL, self.source(size), self.run_id)
        if self.store is not None and self.evidence is not None:
            _vouch(self.store, int(made.version), self.evidence)
        return str(made.version)


TRAINING = DpTraining(
    phases=(SampledGaussian(1.2, 0.01, 1000),),
    delta=1e-5,
    max_grad_norm=1.0,
    sampling=Sampling.POISSON,
    neighbouring=Neighbouring.ADD_OR_REMOVE_ONE,
    unit="record",
    unit_is_data_subject=False,
    max_records_per_subject=None,
    n_units=2000,
    datasets=(DATASET,),
    covers="final_model",
    secure_rng=True,
    libraries=(),
    key="benchmark",
)


def measure(
    plain: str, governed: str, folder: Path, pairs: int, size: int, served: bool = True
) -> list[Comparison]:
    """Compare both registries, call by call.

    Args:
        plain: The URL of a database with MLflow's tables.
        governed: The URL of another, with ours as well; it also holds the run that is read for lineage.
        folder: An empty folder for model bytes.
        size: Bytes of a model that is copied when it is promoted.
        served: Through two MLflow servers; otherwise both stores are in this process.
    """
    with _environment(folder, governed), ExitStack() as open_servers:
        store, measured = f"governed+{governed}", _measured()
        _catalogue(store)
        places = [(plain, plain), (governed, store)]
        if served:
            started = [open_servers.enter_context(serving(*place, folder)) for place in places]
            places = [(address, address) for address in started]
        sides = [
            Side(MlflowClient(*places[0]), *_run(places[0][0], folder / "plain")),
            Side(MlflowClient(*places[1]), *_run(places[1][0], folder / "governed"), store, measured),
        ]
        for side in sides:
            for name in (MODEL, SCRATCH):
                side.client.create_registered_model(name)
            for _ in range(SEARCHED):
                side.version()
            side.client.set_registered_model_alias(MODEL, "candidate", "1")
        return [
            compare(name, partial(action, sides[0]), partial(action, sides[1]), pairs)
            for name, action in _calls(size).items()
        ]


def _calls(size: int) -> dict[str, Any]:
    return {
        "get a version": lambda side, _: partial(side.client.get_model_version, MODEL, "1"),
        "get a version by alias": lambda side, _: partial(
            side.client.get_model_version_by_alias, MODEL, "candidate"
        ),
        f"search {SEARCHED} versions": lambda side, _: partial(
            side.client.search_model_versions, f"name = '{MODEL}'"
        ),
        "create a version": lambda side, _: partial(
            side.client.create_model_version, SCRATCH, side.source(), side.run_id
        ),
        "move an unprotected alias": lambda side, number: _move(side, "candidate", str(1 + number % 2)),
        "move a protected alias, bytes frozen before": lambda side, number: _move(
            side, ALIAS, str(1 + number % 2)
        ),
        f"move a protected alias, {size / 1e6:g} MB to freeze": lambda side, _: _move(
            side, ALIAS, side.version(size)
        ),
    }


def _move(side: Side, alias: str, version: str) -> Action:
    return partial(side.client.set_registered_model_alias, MODEL, alias, version)


@contextmanager
def _environment(folder: Path, governed: str) -> Iterator[None]:
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    before = dict(os.environ)
    os.environ.update(
        MLFLOW_REGISTRY_URI=f"governed+{governed}",
        GOVERNANCE_POLICY=str(folder / "policy.yaml"),
        GOVERNANCE_FROZEN_ROOT=str(folder / "frozen"),
        GOVERNANCE_ACTOR=SCIENTIST,
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _measured() -> Assessment:
    """A real measurement of a model that learned nothing of anybody: no policy has a reason to refuse it."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(4000, 4)), random.integers(2, size=4000)
    inside, outside = measuring.Data(X[:2000], y[:2000]), measuring.Data(X[2000:], y[2000:])
    model = LogisticRegression().fit(X[:2000], y[:2000])
    return measuring.assess(model, inside, outside, seed=0, budget=ShadowBudget(shadows=2))


FRAME = pd.DataFrame({"record": np.arange(2000.0)})


def _catalogue(registry_uri: str) -> None:
    """The dataset that every version is trained on."""
    gate = governed_store(registry_uri).gate
    with gate.writing() as books:
        cataloguing.catalogue(
            books,
            FRAME,
            name=DATASET,
            label=LABEL,
            source="numbers",
            budget=Budget(epsilon=3.0, delta=1e-5, unit="record", unit_is_data_subject=False),
            subject_column=None,
            mlflow_digest=None,
            by=SCIENTIST,
            now=gate.asking().at,
            reason="benchmark",
        )


def _run(tracking_uri: str, folder: Path) -> tuple[str, Path]:
    """A run that read the dataset, and the folder of its artifacts."""
    mlflow.set_tracking_uri(tracking_uri)
    experiment = mlflow.create_experiment(DATASET, artifact_location=folder.as_uri())
    with mlflow.start_run(experiment_id=experiment) as run:
        log_input(FRAME, name=DATASET)
    return str(run.info.run_id), folder / run.info.run_id / "artifacts"


def _vouch(registry_uri: str, number: int, measured: Assessment) -> None:
    """Record the measurement and both approvals that the policy asks for."""
    store = governed_store(registry_uri)
    subject, policy = store.subject(MODEL, number), store.gate.policy
    digest = store.gate.artifacts.manifest(store.location(subject)).digest
    now, target = store.gate.asking().at, policy.target(TARGET)
    with store.writing() as books:
        for evidence in measured.evidence(digest, SCIENTIST, now, policy.max_age_days):
            registering.record(books, evidence, now, SCIENTIST)
    dossier = store.gate.dossier(subject, store.location(subject))
    for person, role in ((REVIEWER, "privacy_reviewer"), (OFFICER, "dpo")):
        with store.writing() as books:
            approving.give(
                books,
                dossier,
                policy,
                target,
                role=role,
                by=person,
                verdict=Verdict.APPROVED,
                reason="benchmark",
                now=store.gate.asking().at,
            )
