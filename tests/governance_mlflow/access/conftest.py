"""A governed registry whose policy restricts access, and people who ask the server before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask import Flask, g
from mlflow.exceptions import MlflowException

from governance.domain.label import BOTTOM

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production: {aliases: [champion], stages: [Production]}
roles:
  clinician: {users: [ada]}
  reader: {users: [rosa]}
rules:
  - {name: everything, checks: [actor-known]}
access:
  - name: patients
    when: {confidentiality: {at_least: restricted}}
    roles: [clinician]
    actions: [load, download]
    purposes: [care, research]
  - name: entries
    when: {confidentiality: {at_least: restricted}}
    roles: [clinician, reader]
    actions: [see]
"""


@contextmanager
def _asking(name: str | None, purpose: str = "") -> Iterator[None]:
    """Inside, the server serves a request of that person's."""
    app = Flask("server")
    with app.test_request_context("/api/2.0/mlflow/x", headers={"X-Governance-Purpose": purpose}):
        if name is not None:
            g.mlflow_authenticated_user = name
        yield


@pytest.fixture
def asking() -> Callable[..., AbstractContextManager[None]]:
    """Serves a request of somebody's, who may state a purpose."""
    return _asking


@pytest.fixture
def refused() -> Callable[..., str]:
    """What somebody is told who is refused."""

    def told(name: str | None, call: Callable[[], Any], purpose: str = "care") -> str:
        with _asking(name, purpose), pytest.raises(MlflowException) as caught:
            call()
        assert "PERMISSION_DENIED" == caught.value.error_code
        return str(caught.value.message)

    return told


@pytest.fixture
def policy_text() -> str:
    """The policy of that registry."""
    return POLICY


@pytest.fixture
def guarded(store: Any, tracking: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The store of a server whose policy restricts access: `visits` are for few, `maps` are public."""
    (tracking.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", tracking.uri)
    monkeypatch.delenv("GOVERNANCE_ACTOR")
    with store.writing() as books:
        for name, label in (("visits", make.label()), ("maps", BOTTOM)):
            dataset = make.dataset(name, name[0] * 64, mlflow_digest=name, source=f"s3://clinic/{name}")
            books.catalogue.add(dataset, make.labelling(dataset, label=label))
    store.create_registered_model("risk")
    return store


@pytest.fixture
def register(guarded: Any, tracking: Any) -> Callable[..., str]:
    """Registers versions trained on these datasets, one each; returns where the last one's bytes lie."""

    def create(*datasets: str) -> str:
        location = ""
        for dataset in datasets:
            model = tracking.model(tracking.run(dataset))
            version = guarded.create_model_version("risk", f"models:/{model}").version
            location = guarded.get_model_version_download_uri("risk", version)
        return location

    return create
