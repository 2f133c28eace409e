"""Rows X1 to X10: every way around the server, or into it as somebody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from governance.domain.label import Confidentiality

pytestmark = pytest.mark.slow

EVIL = b"flavors: {}\n# evil\n"

on_uvicorn = pytest.mark.parametrize("world", ["stock-uvicorn", "governed-uvicorn"], indirect=True)
on_gunicorn = pytest.mark.parametrize("world", ["stock-gunicorn", "governed-gunicorn"], indirect=True)


def moved(client: MlflowClient, name: str) -> bool:
    """Whether a client makes a version @champion."""
    try:
        client.set_registered_model_alias(name, "champion", "1")
    except MlflowException:
        return False
    return "1" == str(client.get_model_version_by_alias(name, "champion").version)


@on_uvicorn
def test_x1_jobs_of_the_server_meet_the_gate(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They get the database as their server; MLFLOW_REGISTRY_URI, as the guide sets it, leads to the gate."""
    name = world.bad("fraud")
    # A test before may have set it for the process, and that goes before the environment.
    monkeypatch.setattr("mlflow.tracking._model_registry.utils._registry_uri", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", world.server.database)
    if world.governed:
        monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"governed+{world.server.database}")
        monkeypatch.setenv("GOVERNANCE_POLICY", str(world.server.folder / "policy.yaml"))

    assert world.open is moved(MlflowClient(), name)


@on_uvicorn
def test_x2_x3_what_goes_past_the_plugin_is_found(
    world: Any, examined: Callable[[Any], set[str]], second: Callable[[Any], Any]
) -> None:
    """A client with the database's credentials, or a second server without the plugin, cannot be stopped."""
    by_client, by_server = world.bad("fraud"), world.bad("fraud")

    assert moved(MlflowClient(world.server.database, world.server.database), by_client)
    assert second(world).alias(by_server, "champion")

    found = examined(world)
    assert [world.governed] * 2 == [
        f"ungated-promotion models:/{name}/1 as alias @champion of {name}" in found
        for name in (by_client, by_server)
    ]


@pytest.mark.parametrize("world", ["governed-uvicorn"], indirect=True)
def test_x4_the_assistant_is_for_the_machine_itself(world: Any) -> None:
    """It has a shell there; by default MLflow sends everybody away who comes from elsewhere."""
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    routes = (("POST", "skills/install"), ("PUT", "config"), ("PATCH", "sessions/x"))

    answers = [
        world.send(method, f"ajax-api/3.0/mlflow/assistant/{route}", "root", headers=elsewhere, json={})
        for method, route in routes
    ]

    assert [403] * 3 == [answer.status_code for answer in answers]


@on_uvicorn
def test_x5_a_load_that_skips_the_registry_asks_nobody(world: Any) -> None:
    """What was logged can be loaded past the alias, so that serving must take `models:/NAME@ALIAS` only."""
    name, model = world.in_service("fraud")
    assert world.put(f"{model.path}/MLmodel", EVIL)

    skipping = world.send("GET", f"api/2.0/mlflow-artifacts/artifacts/{model.path}/MLmodel")

    assert EVIL == skipping.content
    assert world.open is (world.served(name) == EVIL)


@on_uvicorn
def test_x6_bytes_are_for_those_whom_the_policy_lets_have_them(world: Any) -> None:
    """Every route that leads to a version is closed to whoever does not hold the role."""
    name = world.new("staff")
    assert "1" == world.register(name, world.model("staff")), world.said
    routes = (
        f"api/2.0/mlflow/model-versions/get-download-uri?name={quote(name)}&version=1",
        f"ajax-api/2.0/mlflow/model-versions/get-download-uri?name={quote(name)}&version=1",
        f"model-versions/get-artifact?path=MLmodel&name={quote(name)}&version=1",
        f"api/2.0/mlflow/registered-models/alias?name={quote(name)}&alias=latest",
    )

    assert [world.open] * 4 == [world.send("GET", route, "bob").ok for route in routes]
    assert [True] * 4 == [world.send("GET", route, "dora").ok for route in routes]


@on_uvicorn
def test_x8_a_change_of_mind_and_a_promotion_do_not_cross(world: Any, make: Any) -> None:
    """Once the data count as restricted no promotion is allowed, however many ask at that moment."""
    name = world.new("shifting")
    dataset = make.dataset(
        name, sha256(name.encode()).hexdigest(), mlflow_digest=name, source=f"s3://clinic/{name}"
    )
    if world.governed:
        with world.archive.writing() as books:
            books.catalogue.add(dataset, make.labelling(dataset, label=make.label(Confidentiality.INTERNAL)))
    assert "1" == world.register(name, world.model(name)), world.said
    threads = [threading.Thread(target=world.alias, args=(name, "champion")) for _ in range(6)]

    for thread in threads:
        thread.start()
    relabelled = relabel(world, dataset, make)
    for thread in threads:
        thread.join()

    told = {
        kind: [e.position for e in entries(world, f"promotion:{kind}") if name in e.body["change"]]
        for kind in ("allowed", "denied")
    }
    assert [] == [at for at in told["allowed"] if at > relabelled]
    assert [] == [at for at in told["denied"] if at < relabelled]
    assert (0 if world.open else len(threads)) == len(told["allowed"] + told["denied"])
    world.call("DELETE", "registered-models/alias", name=name, alias="champion")
    assert world.open is world.alias(name, "champion")


def entries(world: Any, type: str) -> list[Any]:
    """The audit entries of a type; stock MLflow has none."""
    if world.open:
        return []
    with world.archive.reading() as books:
        return [entry for entry in books.audit.entries() if entry.type == type]


def relabel(world: Any, dataset: Any, make: Any) -> int:
    """Call a dataset restricted; where the log ended then."""
    from governance.domain.events import DatasetRelabelled

    if world.open:
        return 0
    with world.archive.writing() as books:
        books.catalogue.relabel(make.labelling(dataset, minutes=1))
        event = DatasetRelabelled(dataset.identity, {}, {}, "a change of mind")
        return int(books.audit.append(datetime.now(timezone.utc), "dora", event).position)


@on_gunicorn
def test_x9_a_workspace_lends_another_no_approval(world: Any) -> None:
    """One name in two workspaces is two models, and what one froze is not written through the other."""
    name = world.approved("fraud")
    digest = world.location(name).rsplit("/", 1)[-1]
    other = world.elsewhere("other")
    other.must("POST", "registered-models/create", name=name)
    assert "1" == other.register(name, other.model("patients"))

    assert world.open is other.alias(name, "champion")
    for path in (f"workspaces/team/frozen/{digest}/MLmodel", f"frozen/{digest}/MLmodel"):
        other.put(path, EVIL)
    assert EVIL != world.served(name)


@on_uvicorn
def test_x10_administrators_are_judged_like_everybody(world: Any) -> None:
    """MLflow asks them for nothing; the gate does, and knows who asked."""
    name = world.bad("fraud")

    assert world.open is world.alias(name, "champion", by="root")
    asked = [entry.actor for entry in entries(world, "promotion:denied") if name in entry.body["change"]]
    assert ([] if world.open else ["root"]) == asked
