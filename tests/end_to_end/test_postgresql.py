"""The whole way on PostgreSQL, and many at once, as several replicas of a server are."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.slow


def types(clinic: Any) -> list[str]:
    """The audit log's types."""
    done = clinic.run("audit", "log", "--format", "json")
    return [entry["type"] for entry in json.loads(done.stdout)["entries"]]


def test_denied_approved_allowed(embedded_in_postgresql: Any) -> None:
    """Refused without approval, allowed with it, served from frozen bytes, examined and verified."""
    clinic = embedded_in_postgresql
    clinic.register()
    with pytest.raises(MlflowException, match=r"approval \[missing\]"):
        clinic.client.set_registered_model_alias("risk", "champion", "1")
    clinic.approve("models:/risk/1")
    clinic.client.set_registered_model_alias("risk", "champion", "1")

    digest = clinic.client.get_model_version("risk", "1").tags["governance.digest"]
    location = Path(clinic.client.get_model_version_download_uri("risk", "1"))
    assert clinic.folder / "frozen" / digest == location
    assert (location / "MLmodel").is_file()
    assert [
        "dataset:catalogued",
        "version:registered",
        "promotion:denied",
        "approval:given",
        "promotion:allowed",
    ] == types(clinic)
    done = [clinic.run("doctor", "--format", "json"), clinic.run("audit", "verify")]
    assert ([0, 0], []) == ([d.returncode for d in done], json.loads(done[0].stdout)["ailments"])


def test_a_failed_change_is_undone(embedded_in_postgresql: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's failure takes the decision with it: both are one transaction here too."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    clinic = embedded_in_postgresql
    clinic.register()
    clinic.approve("models:/risk/1")
    before = types(clinic)

    def fail(*_: Any) -> None:
        raise MlflowException("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(SqlAlchemyStore, "set_registered_model_alias", fail)
        with pytest.raises(MlflowException, match="the disk is full"):
            clinic.client.set_registered_model_alias("risk", "champion", "1")

    assert before == types(clinic)
    found = json.loads(clinic.run("doctor", "--format", "json").stdout)["ailments"]
    assert ["unfinished-freeze"] == [ailment["kind"] for ailment in found]


def test_many_at_once(embedded_in_postgresql: Any) -> None:
    """Each registration its own number, each move its own decision; the log neither forks nor loses one."""
    clinic = embedded_in_postgresql
    clinic.register()
    clinic.approve("models:/risk/1")
    failures: list[MlflowException] = []

    def work(number: int) -> None:
        try:
            clinic.client.create_model_version("risk", f"nobody://knows/{number}")
            clinic.client.set_registered_model_alias("risk", "champion", "1")
        except MlflowException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
    versions = clinic.client.search_model_versions("name = 'risk'")
    assert list(range(1, 8)) == sorted(int(version.version) for version in versions)
    assert (7, 6) == (
        types(clinic).count("version:registered"),
        types(clinic).count("promotion:allowed"),
    )
    assert 0 == clinic.run("audit", "verify").returncode
