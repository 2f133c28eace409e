"""Rows B1 to B13 on a folder: every way to change the bytes behind a name that somebody answered for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

pytestmark = pytest.mark.slow

GOOD, EVIL = b"flavors: {}\n# good\n", b"flavors: {}\n# evil\n"

everywhere = pytest.mark.parametrize(
    "world", ["stock-uvicorn", "governed-uvicorn", "stock-gunicorn", "governed-gunicorn"], indirect=True
)
on_uvicorn = pytest.mark.parametrize("world", ["stock-uvicorn", "governed-uvicorn"], indirect=True)


def changed(world: Any, name: str) -> bool:
    """Whether the registry serves other bytes than those that were promoted."""
    return GOOD != world.served(name)


@everywhere
@pytest.mark.parametrize("api", ["api", "ajax-api"], ids=["b1", "b2"])
def test_b1_b2_uploads_change_nothing_in_service(world: Any, api: str) -> None:
    """Neither over what was registered nor over what is served; both routes, ASGI and WSGI."""
    name, model = world.in_service("fraud")

    for place in dict.fromkeys((model.path, world.location(name))):
        world.put(f"{place}/MLmodel", EVIL, api)
        world.put(f"{place}/more", EVIL, api)

    assert world.open is changed(world, name)


@everywhere
@pytest.mark.parametrize("api", ["api", "ajax-api"])
def test_b3_deleting_removes_nothing_in_service(world: Any, api: str) -> None:
    """Neither the file nor the folders around it."""
    name, model = world.in_service("fraud")
    served = world.location(name)

    for place in dict.fromkeys((model.path, served)):
        for path in (f"{place}/MLmodel", place, str(Path(place).parent)):
            if world.governed or path.startswith(model.path):
                world.send("DELETE", f"{api}/2.0/mlflow-artifacts/artifacts/{path}")

    assert world.open is changed(world, name)


@everywhere
def test_b5_the_upload_of_a_run_changes_nothing_in_service(world: Any) -> None:
    """The route of the web pages writes into the run that a version was registered from."""
    model, name = world.model("public"), world.new("fraud")
    info = world.must("GET", "runs/get", run_id=model.run_id)["run"]["info"]
    path = info["artifact_uri"].removeprefix("mlflow-artifacts:/").lstrip("/")
    assert world.put(f"{path}/model/MLmodel", GOOD)
    source = f"runs:/{model.run_id}/model"
    world.must("POST", "registered-models/create", name=name)
    world.must("POST", "model-versions/create", name=name, source=source, run_id=model.run_id)
    assert world.alias(name, "champion"), world.said

    query = f"run_uuid={model.run_id}&path=model/MLmodel"
    uploaded = world.send("POST", f"ajax-api/2.0/mlflow/upload-artifact?{query}", data=EVIL)

    assert uploaded.ok, uploaded.text
    assert world.open is changed(world, name)


@on_uvicorn
def test_b7_a_finished_model_that_is_written_to_changes_nothing_in_service(
    world: Any, tmp_path: Path, person: Any
) -> None:
    """MLflow's client writes into a logged model that is READY."""
    name, model = world.in_service("fraud")
    finish(world, model.model_id, "LOGGED_MODEL_READY")
    (tmp_path / "MLmodel").write_bytes(EVIL)

    client: MlflowClient = person(world)
    client.log_model_artifact(model.model_id, str(tmp_path / "MLmodel"))

    assert world.open is changed(world, name)


@on_uvicorn
def test_b9_a_status_is_no_freeze(world: Any) -> None:
    """A logged model goes from READY to FAILED and back as its owner likes."""
    name, model = world.in_service("fraud")

    finish(world, model.model_id, "LOGGED_MODEL_UPLOAD_FAILED")
    world.put(f"{model.path}/MLmodel", EVIL)
    finish(world, model.model_id, "LOGGED_MODEL_READY")

    assert world.open is changed(world, name)


def finish(world: Any, model_id: str, status: str) -> None:
    """Set the status of a logged model."""
    world.must("PATCH", f"logged-models/{model_id}", model_id=model_id, status=status)


@on_uvicorn
def test_b10_what_is_collected_as_garbage_stays_in_service(
    world: Any, person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mlflow gc` asks no registry before it destroys the bytes of a deleted model."""
    from mlflow.cli import cli

    name, model = world.in_service("fraud")
    world.must("DELETE", f"logged-models/{model.model_id}")
    world.must("POST", "runs/delete", run_id=model.run_id)

    person(world)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", world.server.uri)
    options = ["--backend-store-uri", world.server.database, "--tracking-uri", world.server.uri]
    collected = CliRunner().invoke(
        cli, ["gc", *options, "--run-ids", model.run_id, "--logged-model-ids", model.model_id]
    )

    assert 0 == collected.exit_code, collected.output
    assert not list((world.server.folder / "artifacts" / model.path).glob("*"))
    assert world.open is changed(world, name)


@on_uvicorn
def test_b11_a_tag_that_links_to_a_version_proves_nothing(world: Any) -> None:
    """`mlflow.modelVersions` on a logged model is written by whoever may write to it."""
    good, _ = world.in_service("fraud")
    evil, name = world.model(), world.new("fraud")
    link = [{"key": "mlflow.modelVersions", "value": json.dumps([{"name": good, "version": 1}])}]

    world.must("PATCH", f"logged-models/{evil.model_id}/tags", model_id=evil.model_id, tags=link)

    assert "1" == world.register(name, evil)
    assert world.open is world.alias(name, "champion")


@everywhere
def test_b12_a_copy_in_service_has_bytes_of_its_own(world: Any) -> None:
    """MLflow lets a copy point to where its origin points to."""
    origin, model = world.good("fraud"), None
    model = world.version(origin)["source"].removeprefix("models:/")
    path = world.location(origin)
    copy = world.new("copy")
    world.must("POST", "registered-models/create", name=copy)
    world.must("POST", "model-versions/create", name=copy, source=f"models:/{origin}/1")
    assert world.alias(copy, "champion"), (model, world.said)

    assert world.put(f"{path}/MLmodel", EVIL)

    assert world.open is changed(world, copy)


@everywhere
def test_b13_no_spelling_of_a_path_leads_to_frozen_bytes(world: Any) -> None:
    """Dots, encodings of encodings, back slashes and capitals."""
    name, _ = world.in_service("fraud")
    path = f"{world.location(name)}/MLmodel"
    *above, part, folder, file = path.split("/")
    spelled = [
        path,
        f"./{path}",
        f"x/../{path}",
        f"x/%2e%2e/{path}",
        f"x/%252e%252e/{path}",
        path.replace("/", "//"),
        path.replace("/", "%2F"),
        path.replace("/", "%252F"),
        path.replace("/", "%5C"),
        *("/".join([*above, written, folder, file]) for written in spellings(part)),
    ]

    for one in spelled:
        world.raw("PUT", one, EVIL)
    overwritten = world.served(name) == EVIL
    for one in spelled:
        world.raw("DELETE", one)

    assert [world.open] * 2 == [overwritten, changed(world, name)]


def spellings(part: str) -> list[str]:
    """One segment of a path, written otherwise."""
    return [f"%{ord(part[0]):02x}{part[1:]}", f"%25{ord(part[0]):02x}{part[1:]}", part.upper(), f"{part}/."]
