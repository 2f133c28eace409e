"""`python -m benchmarks.reconciling`: how long a whole look at a large registry takes, and how it asks.

The registry is filled past the gate, many rows at once. Every tenth version is in service: in a protected
stage, the last one of each registered model under a protected alias as well, on a measurement, two
approvals, and a decision that the log names. What is measured is what `governance reconcile` does.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np
from sklearn.linear_model import LogisticRegression
from sqlalchemy import Connection, Table, create_engine, event

from governance.canonical import canonical, digest, timestamp
from governance.domain.approval import Approval, Verdict
from governance.domain.chain import GENESIS, seal
from governance.domain.decision import Decision
from governance.domain.discrepancy import Kind
from governance.domain.dossier import Asking, Dossier
from governance.domain.events import Event, PromotionAllowed, VersionRegistered
from governance.domain.label import to_json
from governance.domain.lineage import DatasetUse, Lineage
from governance.domain.manifest import File, Manifest
from governance.domain.subject import Subject, VersionName
from governance.labelling import inherit
from governance.measuring import Data, assess
from governance.policy.document import Policy
from governance.policy.evaluate import evaluate
from governance.policy.parse import parse
from governance.storage import tables
from governance.storage.archive import SqlArchive, open_archive

VERSIONS_OF_A_MODEL = 100
IN_SERVICE = 10
"""Every so many versions one is in service."""
CHUNK = 5_000
PARENTS = ("registered_models", "governance_manifests")
"""Tables that rows of others refer to."""

POLICY = """\
schema: governance/policy/v1
name: benchmark
targets:
  production: {aliases: [champion], stages: [Production], purpose: care, region: eu}
roles:
  privacy_reviewer: {users: [bob]}
  dpo: {users: [dora]}
rules:
  - name: everything
    checks: [actor-known, lineage-known, purpose-permitted, region-permitted, retention-open, consent-valid]
  - name: personal
    when: {identifiability: {at_least: pseudonymised}}
    checks:
      - legal-basis-documented
      - membership-auc: {max: 0.6}
      - approval: {role: privacy_reviewer}
      - approval: {role: dpo}
"""
LABEL = """\
confidentiality: confidential
identifiability: personal
special_categories: [health]
subject_categories: [patient]
purposes: [care]
regions: [eu]
retention: 2099-12-31
consent: valid
legal_basis: documented
"""


@click.command()
@click.option("--versions", type=click.IntRange(min=100), default=100_000, show_default=True)
@click.option(
    "--page", type=click.IntRange(min=1), default=1_000, show_default=True, help="In memory at once."
)
@click.option("--database", metavar="URL", help="An empty database. Default: a new SQLite file.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(versions: int, page: int, database: str | None, as_json: bool) -> None:
    """Fill a registry with so many versions, and look at all of it once."""
    os.environ |= {"MLFLOW_LOGGING_LEVEL": "ERROR", "MLFLOW_DISABLE_TELEMETRY": "true"}
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        place = Path(folder)
        url = database or f"sqlite:///{place / 'registry.db'}"
        (place / "policy.yaml").write_text(POLICY, encoding="utf-8")
        os.environ |= {
            "GOVERNANCE_POLICY": str(place / "policy.yaml"),
            "GOVERNANCE_FROZEN_ROOT": str(place / "frozen"),
        }
        click.echo(f"writing {versions} versions", err=True)
        fill(url, place, versions)
        click.echo("looking", err=True)
        found = measure(url, page)
    if as_json:
        click.echo(json.dumps({"schema": "governance/reconciling-benchmark/v1"} | found, indent=2))
        return
    for name, value in found.items():
        click.echo(f"{name.replace('_', ' ')}: {value}")


def measure(url: str, page: int) -> dict[str, Any]:
    """Look at everything once: time, statements, and what is found, which should be nothing."""
    from governance.inspecting import Inspection
    from governance.reconciling import Cursor, reconcile
    from governance_mlflow.operations.reconcile import MlflowInventory
    from governance_mlflow.registry import governed_store

    store = governed_store(f"governed+{url}")
    sent = [0]
    event.listen(store.engine, "before_cursor_execute", lambda *_: sent.__setitem__(0, sent[0] + 1))
    now = datetime.now(timezone.utc)
    inspection = Inspection(MlflowInventory(store), store.gate.artifacts, store.gate.policy, now)
    began = perf_counter()
    versions, kinds = 0, set[Kind]()
    for one in reconcile(inspection, Cursor(), page):
        versions += one.looked_at
        kinds |= {found.discrepancy.kind for found in one.found}
    seconds = perf_counter() - began
    return {
        "versions": versions,
        "in_service": versions // IN_SERVICE,
        "seconds": round(seconds, 1),
        "statements_per_1000_versions": round(sent[0] * 1000 / versions, 1),
        "found": sorted(kind.value for kind in kinds),
    }


def fill(url: str, folder: Path, versions: int) -> None:
    """Write a registry in which nothing is amiss."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(url)
    _initialize_tables(engine)
    engine.dispose()
    archive = open_archive(url)
    archive.upgrade()
    writer = _Writer(archive, folder, datetime.now(timezone.utc) - timedelta(days=1))
    with create_engine(url).begin() as connection:
        rows = writer.rows(versions)
        while chunk := list(islice(rows, CHUNK)):
            _insert(connection, chunk)
    archive.engine.dispose()


Row = tuple[Table, dict[str, Any]]


def _insert(connection: Connection, chunk: list[Row]) -> None:
    by_table: dict[Table, list[dict[str, Any]]] = {}
    for table, values in chunk:
        by_table.setdefault(table, []).append(values)
    for table in sorted(by_table, key=lambda table: table.name not in PARENTS):
        connection.execute(table.insert(), by_table[table])


class _Writer:
    """Makes the rows of a registry, in an order in which they can be written."""

    def __init__(self, archive: SqlArchive, folder: Path, at: datetime) -> None:
        self._archive = archive
        self._frozen = folder / "frozen"
        self._at = at
        self._policy: Policy = parse(POLICY, str(folder / "policy.yaml"))
        self._lineage = Lineage((DatasetUse("r", "visits", "d", "s3://visits", "training", "a" * 64),))
        self._parent, self._position = GENESIS, 0
        self._catalogue()
        with archive.reading() as books:
            self._inheritance = inherit(books, self._lineage)
        random = np.random.default_rng(0)
        X, y = random.normal(size=(2000, 4)), random.integers(2, size=2000)
        inside, outside = Data(X[:1000], y[:1000]), Data(X[1000:], y[1000:])
        self._measured = assess(LogisticRegression().fit(inside.X, inside.y), inside, outside, seed=0)

    def _catalogue(self) -> None:
        from governance.domain.dataset import Dataset, Labelling
        from governance.policy.label_file import label_from_yaml

        dataset = Dataset(
            name="visits",
            sha256="a" * 64,
            n_records=1_000,
            columns=("age",),
            source="s3://visits",
            mlflow_digest="d",
            n_subjects=None,
            max_records_per_subject=None,
            budget=None,
            catalogued_at=self._at,
            catalogued_by="alice",
        )
        label = replace(label_from_yaml(LABEL, "label.yaml"), provenance=frozenset({dataset.identity}))
        with self._archive.writing() as books:
            books.catalogue.add(dataset, Labelling(dataset.identity, label, self._at, "alice", "benchmark"))

    def rows(self, versions: int) -> Iterator[Row]:
        """The rows of so many versions in registered models of a hundred each."""
        for number in range(versions):
            name, version = f"model-{number // VERSIONS_OF_A_MODEL:05}", number % VERSIONS_OF_A_MODEL + 1
            if version == 1:
                yield _mlflow("registered_models", name=name, creation_time=0)
            subject = Subject(
                uid=f"{number:032x}",
                named=VersionName(name, version),
                source=f"s3://models/{number}",
                run_id="r",
                model_id=None,
                registered_at=self._at,
                registered_by="alice",
            )
            places = self._places(number) if version % IN_SERVICE == 0 else ()
            if version == VERSIONS_OF_A_MODEL:
                yield _mlflow("registered_model_aliases", name=name, alias="champion", version=version)
                places = (*places, f"alias @champion of {name}")
            yield from self._version(subject, places)

    def _places(self, number: int) -> tuple[str, ...]:
        return (f"stage Production of model-{number // VERSIONS_OF_A_MODEL:05}",)

    def _version(self, subject: Subject, places: tuple[str, ...]) -> Iterator[Row]:
        manifest = Manifest((File("MLmodel", 1, digest(subject.uid)),))
        frozen = str(self._frozen / manifest.digest)
        yield _mlflow(
            "model_versions",
            name=subject.named.name,
            version=subject.named.version,
            creation_time=0,
            current_stage="Production" if places else "None",
            source=subject.source,
            storage_location=frozen if places else subject.source,
            run_id="r",
            status="READY",
        )
        yield tables.subjects, _subject(subject)
        reading = {"uses": [asdict(use) for use in self._lineage.uses], "parents": [], "gaps": []}
        said = {"uid": subject.uid, "digest": digest(reading), "lineage": canonical(reading).decode()}
        yield tables.lineages, said
        files = [[file.path, file.size, file.sha256] for file in manifest.files]
        yield tables.manifests, {"digest": manifest.digest, "files": canonical(files).decode()}
        yield tables.sightings, {"uid": subject.uid, "digest": manifest.digest}
        label = to_json(self._inheritance.effective)
        yield self._logged(
            VersionRegistered(subject.uid, str(subject.named), manifest.digest, label, []), "alice"
        )
        if places:
            Path(frozen).mkdir(parents=True)
            yield from self._in_service(subject, manifest.digest, frozen, places)

    def _in_service(self, subject: Subject, name: str, frozen: str, places: tuple[str, ...]) -> Iterator[Row]:
        evidence = self._measured.evidence(name, "alice", self._at, None)[0]
        yield (
            tables.evidence,
            {
                "digest": evidence.digest,
                "subject_digest": name,
                "type": evidence.type.value,
                "statement": canonical(evidence.statement()).decode(),
            },
        )
        dossier = Dossier(subject, name, self._lineage, self._inheritance, (evidence,), (), (), (), ())
        ground = dossier.ground("production", self._policy.digest)
        approvals = tuple(
            Approval(ground, role, by, self._at, Verdict.APPROVED, "benchmark")
            for role, by in (("privacy_reviewer", "bob"), ("dpo", "dora"))
        )
        for approval in approvals:
            yield tables.approvals, _approval(approval)
        dossier = replace(dossier, approvals=approvals)
        target, asking = self._policy.target("production"), Asking("alice", self._at)
        for words in places:
            decision = evaluate(self._policy, target, dossier, asking, words)
            yield tables.decisions, _decision(decision, frozen)
            event = PromotionAllowed(
                subject.uid, decision.record_digest, "production", words, "nothing", frozen
            )
            yield self._logged(event, "alice")

    def _logged(self, event: Event, actor: str) -> Row:
        entry = seal(self._position + 1, self._at, actor, event.name, event.body(), self._parent)
        self._position, self._parent = entry.position, entry.hash
        return tables.audit, {
            "position": entry.position,
            "at": timestamp(entry.at),
            "actor": actor,
            "type": event.name,
            "body": canonical(event.body()).decode(),
            "parent": entry.parent,
            "hash": entry.hash,
        }


def _mlflow(table: str, **values: Any) -> Row:
    from mlflow.store.db.base_sql_model import Base

    return Base.metadata.tables[table], {"workspace": "default"} | values


def _subject(subject: Subject) -> dict[str, Any]:
    named = subject.named
    return {
        "uid": subject.uid,
        "workspace": named.workspace,
        "name": named.name,
        "version": named.version,
        "source": subject.source,
        "run_id": subject.run_id,
        "registered_at": timestamp(subject.registered_at),
        "registered_by": subject.registered_by,
        "adopted": subject.adopted,
    }


def _approval(approval: Approval) -> dict[str, Any]:
    return {
        "digest": approval.digest,
        "subject_uid": approval.ground.subject_uid,
        "ground": canonical(approval.ground.to_json()).decode(),
        "role": approval.role,
        "actor": approval.by,
        "at": timestamp(approval.at),
        "verdict": approval.verdict.value,
        "reason": approval.reason,
    }


def _decision(decision: Decision, frozen: str) -> dict[str, Any]:
    return {
        "digest": decision.record_digest,
        "subject_uid": decision.subject_uid,
        "target": decision.target,
        "outcome": decision.outcome.value,
        "at": timestamp(decision.at),
        "record": canonical(decision.record()).decode(),
        "frozen_uri": frozen,
    }


if __name__ == "__main__":
    main()
