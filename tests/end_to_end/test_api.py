"""The REST interface of a real server with log-in: commands far from the database, and whoever plays foul."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from sklearn.linear_model import LogisticRegression

from governance.documents import entry_from
from governance.domain.chain import verify
from governance.domain.evidence import Evidence, EvidenceType
from governance_mlflow import log_input

pytestmark = pytest.mark.slow

PEOPLE = {name: f"the-password-of-{name}" for name in ("root", "alice", "rita", "dora", "eve")}
"""Registers, measures, approves, and has no role; root administers."""

POLICY = """\
schema: governance/policy/v1
name: clinic
evidence: {max_age_days: 30}
targets:
  production: {aliases: [champion], purpose: care, region: eu}
roles:
  data_scientist: {users: [alice]}
  privacy_reviewer: {users: [rita]}
  dpo: {users: [dora]}
break_glass: {roles: [dpo], max_hours: 4}
waivers:
  membership-auc: {roles: [dpo], count: 1, max_days: 7}
rules:
  - name: everything
    checks: [actor-known, lineage-known, purpose-permitted]
  - name: personal
    when: {identifiability: {at_least: pseudonymised}}
    checks: [{membership-auc: {max: 0.9}}, {approval: {role: dpo}}]
"""

AUTH = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/auth.db
admin_username = root
admin_password = {password}
auth_cache_ttl_seconds = 3600
"""


@dataclass
class Served:
    """A server, and commands at machines that have nothing but its address and a password."""

    clinic: Any
    key_folder: Path

    @property
    def api(self) -> str:
        return f"{self.clinic.tracking_uri}/api/governance/v1"

    def ask(self, who: str | None, method: str, path: str, **options: Any) -> requests.Response:
        login = (who, PEOPLE[who]) if who else None
        return requests.request(method, self.api + path, auth=login, timeout=60, **options)

    def run(self, who: str, *arguments: str) -> Any:
        """A command of somebody far away: no policy, no database, only the server's address."""
        self.clinic.extra = {
            "MLFLOW_TRACKING_USERNAME": who,
            "MLFLOW_TRACKING_PASSWORD": PEOPLE[who],
            "MLFLOW_REGISTRY_URI": self.clinic.tracking_uri,
            "GOVERNANCE_POLICY": "",
            "GOVERNANCE_ACTOR": "",
        }
        return self.clinic.run(*arguments)


@pytest.fixture
def served(serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A governed server with MLflow's log-in, the people who use it, and one registered version."""
    ini = tmp_path / "auth.ini"
    ini.write_text(AUTH.format(folder=tmp_path, password=PEOPLE["root"]), encoding="utf-8")
    (tmp_path / "clinic.yaml").write_text(POLICY, encoding="utf-8")
    clinic = serve(
        arguments=("--app-name", "governance-auth"),
        catalogue=False,
        MLFLOW_AUTH_CONFIG_PATH=str(ini),
        MLFLOW_FLASK_SERVER_SECRET_KEY="for-this-test",
        GOVERNANCE_POLICY=str(tmp_path / "clinic.yaml"),
        GOVERNANCE_ACTOR="",
    )
    for name in PEOPLE:
        requests.post(
            f"{clinic.tracking_uri}/api/2.0/mlflow/users/create",
            json={"username": name, "password": PEOPLE[name]},
            auth=("root", PEOPLE["root"]),
            timeout=30,
        )
    world = Served(clinic, tmp_path)
    made = world.run("alice", *catalogued(clinic.folder))
    assert 0 == made.returncode, made.stderr
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "alice")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PEOPLE["alice"])
    register(clinic)
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    return world


def catalogued(folder: Path) -> tuple[str, ...]:
    """The command that catalogues the visits of a folder."""
    frame = visits(800)
    frame[:400].to_csv(folder / "visits.csv", index=False)
    frame[400:].to_csv(folder / "strangers.csv", index=False)
    (folder / "label.yaml").write_text(LABEL, encoding="utf-8")
    return ("dataset", "add", "visits", "visits.csv", "--label", "label.yaml")


def visits(count: int) -> Any:
    """Visits that never happened."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    age, bmi = random.integers(18, 90, count), random.normal(25, 4, count).round(4)
    return pd.DataFrame({"age": age, "bmi": bmi, "ill": (age + random.normal(0, 20, count) > 60).astype(int)})


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


def register(clinic: Any) -> None:
    """Train on the visits and register, with plain MLflow."""
    import pandas as pd

    mlflow.set_tracking_uri(clinic.tracking_uri)
    mlflow.set_registry_uri(clinic.tracking_uri)
    frame = pd.read_csv(clinic.folder / "visits.csv")
    mlflow.set_experiment("clinic")
    with mlflow.start_run():
        log_input(frame, name="visits")
        fitted = LogisticRegression().fit(frame[["age", "bmi"]], frame["ill"])
        mlflow.sklearn.log_model(
            fitted, name="model", registered_model_name="risk", pip_requirements=["scikit-learn"]
        )


RISK = "models:/risk/1"
ASSESS = ("assess", RISK, "--members", "visits.csv", "--non-members", "strangers.csv", "--target", "ill")


def test_the_whole_way_with_nothing_but_the_address(served: Served) -> None:
    """Denied, measured where the data are, approved with a signature, promoted: each by their own log-in."""
    denied = served.run("alice", "check", RISK, "--for", "production", "--format", "json")
    measured = served.run("rita", *ASSESS, "--format", "json")
    own = served.run("alice", "approve", RISK, "--for", "production", "--role", "dpo", "--reason", "mine")
    approved = served.run(
        *("dora", "approve", RISK, "--for", "production", "--role", "dpo"),
        *("--reason", "reviewed", "--format", "json"),
    )
    promoted = served.run("alice", "promote", RISK, "--to", "production", "--format", "json")

    unmet = [f["check"] for f in json.loads(denied.stdout)["findings"] if f["status"] == "missing"]
    assert (1, ["membership-auc", "approval"]) == (denied.returncode, unmet)
    assert (0, "membership-inference") == (measured.returncode, "membership-inference"), measured.stderr
    assert (2, True) == (own.returncode, "'alice' does not hold the role 'dpo'" in own.stderr)
    assert ("dora", "approved") == tuple(json.loads(approved.stdout)[key] for key in ("by", "verdict"))
    assert (0, "allowed") == (promoted.returncode, json.loads(promoted.stdout)["outcome"]), promoted.stderr
    label = served.run("eve", "label", RISK, "--format", "json")
    assert "confidential" == json.loads(label.stdout)["label"]["confidentiality"]
    report = served.run("eve", "report", RISK, "--for", "production", "--format", "html")
    assert (0, True) == (report.returncode, "<!doctype html>" in report.stdout.lower()[:40])

    entries = served.ask("dora", "GET", "/audit").json()
    assert None is verify(map(entry_from, entries["entries"])).flaw
    assert {"alice", "rita", "dora", "eve"} == {entry["actor"] for entry in entries["entries"]}
    foul_play(served)
    nothing_breaks(served)


def foul_play(served: Served) -> None:
    """What nobody may do, whoever they are: each refused with its status, nothing recorded."""
    before = served.ask("dora", "GET", "/audit").json()["position"]
    digest = served.ask("eve", "GET", "/label", params={"model": RISK}).json()["subject"]["digest"]
    evidence, *_ = served.ask("eve", "GET", "/evidence", params={"model": RISK}).json()["evidence"]
    real = evidence["statement"]
    on_other_bytes = {**real, "subject": [{"name": "model", "digest": {"sha256": "0" * 64}}]}
    said = {"kind": "approval", "model": RISK, "target": "production", "role": "dpo", "reason": "x"}
    promote = {"model": RISK, "target": "production"}
    label = {"dataset": "visits", "reason": "x"}

    def submit(statement: Any) -> dict[str, Any]:
        return {"json": {"model": RISK, "statement": statement}}

    attempts: list[tuple[int, str | None, str, str, dict[str, Any]]] = [
        (401, None, "GET", "/label", {"params": {"model": RISK}}),
        (404, "eve", "GET", "/label", {"params": {"model": "models:/nothing/1"}}),
        (422, "eve", "GET", "/label", {}),
        (403, "eve", "POST", "/promotions", {"json": promote}),
        (403, "eve", "GET", "/audit", {}),
        (403, "eve", "POST", "/labels", {"json": label | {"label": {}}}),
        (403, "alice", "POST", "/labels", {"json": label | {"label": json.loads(LOW)}}),
        (400, "alice", "POST", "/labels", {"json": label | {"label": {"confidentiality": "none"}}}),
        (400, "eve", "POST", "/drafts", {"json": said}),
        (400, "dora", "POST", "/answers", {"json": {"intent": said, "at": "2020-01-01T00:00:00.000000Z"}}),
        (409, "rita", "POST", "/evidence", submit(real)),
        (400, "rita", "POST", "/evidence", submit(on_other_bytes)),
        (400, "eve", "POST", "/evidence", submit(real)),
        (400, "eve", "POST", "/evidence", submit(claimed(digest))),
        (422, "eve", "POST", "/evidence", {"json": {"model": RISK}}),
        (413, "eve", "POST", "/evidence", {"data": b"x" * (17 * 1024 * 1024)}),
        (404, "eve", "GET", "/no-such-route", {}),
    ]
    # Where the log ends is asked with a role; who has none learns nothing from it.
    found = [
        (served.ask(who, method, path, **options).status_code, who, method, path)
        for _, who, method, path, options in attempts
    ]

    assert [(status, who, method, path) for status, who, method, path, _ in attempts] == found
    assert before == served.ask("dora", "GET", "/audit").json()["position"]


def claimed(digest: str) -> dict[str, Any]:
    """A differential-privacy guarantee that somebody typed."""
    from datetime import datetime, timezone

    at = datetime.now(timezone.utc)
    return Evidence(EvidenceType.DP_TRAINING, digest, "eve", at, at, {"epsilon": 0.1}).statement()


LOW = json.dumps(
    {
        "confidentiality": "public",
        "identifiability": "non_personal",
        "special_categories": [],
        "subject_categories": [],
        "purposes": ["*"],
        "regions": ["*"],
        "retention": "9999-12-31",
        "consent": "not_relied_on",
        "legal_basis": "documented",
        "provenance": [],
    }
)


def nothing_breaks(served: Served) -> None:
    """Whatever the schema allows, and much that it does not, is answered without a server error."""
    schema = schemathesis.openapi.from_dict(served.ask(None, "GET", "/openapi.json").json())
    schema.config.update(base_url=f"{served.clinic.tracking_uri}/api/governance")
    login = ("dora", PEOPLE["dora"])
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=int(os.environ.get("GOVERNANCE_TESTS_FUZZ", "12")),
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def fuzz(case: Any) -> None:
            answer = case.call(auth=login)
            assert answer.status_code < 500, (case.method, case.path, answer.text)

        fuzz()
