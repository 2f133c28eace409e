"""Rows B4, B6 and B8, which need object storage, and X11 on a server whose proxy says who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

pytestmark = pytest.mark.slow

GOOD, EVIL = b"flavors: {}\n# good\n", b"flavors: {}\n# evil\n"

on_a_bucket = pytest.mark.parametrize("world", ["stock-bucket", "governed-bucket"], indirect=True)


@pytest.fixture
def objects(storage: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the object storage, for those who have its credentials."""
    import boto3

    for name, value in storage.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=storage["MLFLOW_S3_ENDPOINT_URL"])
    yield client
    client.close()


@on_a_bucket
@pytest.mark.parametrize("api", ["api", "ajax-api"])
def test_b4_uploads_in_parts_change_nothing_in_service(world: Any, api: str) -> None:
    """Begun, filled and completed as MLflow's client does with large files."""
    name, model = world.in_service("fraud")

    for place in dict.fromkeys((model.path, world.location(name))):
        route = f"{api}/2.0/mlflow-artifacts/mpu"
        begun = world.send("POST", f"{route}/create/{place}", json={"path": "MLmodel", "num_parts": 1})
        if not begun.ok:
            continue
        upload, (part,) = begun.json()["upload_id"], begun.json()["credentials"]
        tag = requests.put(part["url"], data=EVIL, timeout=60).headers["ETag"]
        parts = [{"part_number": 1, "etag": tag}]
        world.send(
            "POST",
            f"{route}/complete/{place}",
            json={"path": "MLmodel", "upload_id": upload, "parts": parts},
        )

    assert world.open is (GOOD != world.served(name))


@on_a_bucket
def test_b6_a_presigned_upload_changes_nothing_in_service(world: Any, objects: Any) -> None:
    """A URL that the server signs is good for minutes, and what is uploaded there it does not see."""
    name, model = in_service(world, objects)

    signed = world.call("POST", "artifacts/presigned-upload-url", model_id=model["model_id"], path="MLmodel")

    if signed is not None:
        requests.put(signed["presigned_url"], data=EVIL, headers=signed.get("headers"), timeout=60)
    assert world.open is (GOOD != world.served(name))


@on_a_bucket
def test_b6_no_run_lies_among_frozen_bytes(world: Any, objects: Any) -> None:
    """Where an experiment lies its owner says, and what is signed for its runs is written there."""
    name, model = in_service(world, objects)
    served = f"s3://governed/artifacts/{world.location(name)}" if world.governed else model["artifact_uri"]

    made = world.call("POST", "experiments/create", name=world.new("inside"), artifact_location=served)
    if made is not None:
        run = world.call("POST", "runs/create", experiment_id=made["experiment_id"])
        signed = run and world.call(
            "POST", "artifacts/presigned-upload-url", run_id=run["run"]["info"]["run_id"], path="more"
        )
        if signed:
            requests.put(signed["presigned_url"], data=EVIL, headers=signed.get("headers"), timeout=60)

    place = urlsplit(served)
    listed = objects.list_objects_v2(Bucket=place.netloc, Prefix=place.path.strip("/"))["Contents"]
    files = [entry["Key"].rsplit("/", 1)[-1] for entry in listed]
    assert world.open is ("more" in files)


@on_a_bucket
def test_b8_who_may_write_to_the_bucket_is_found(
    world: Any, objects: Any, examined: Callable[[Any], set[str]]
) -> None:
    """Writing over what was registered changes nothing; writing over frozen bytes shows."""
    name, model = in_service(world, objects)
    put(objects, f"{model['artifact_uri']}/MLmodel", EVIL)
    assert world.open is (GOOD != world.served(name))

    if world.governed:
        put(objects, f"s3://governed/artifacts/{world.location(name)}/MLmodel", EVIL)

    assert EVIL == world.served(name)
    found = {ailment.split()[0] for ailment in examined(world)}
    assert world.governed is ("tampered-frozen" in found)


@on_a_bucket
def test_x11_whoever_nobody_knows_promotes_nothing(world: Any) -> None:
    """Without the header of the proxy, nobody asks; and nobody may."""
    name = world.good("fraud")

    assert world.open is world.alias(name, "champion", by="")


def put(objects: Any, uri: str, data: bytes) -> None:
    """Write to the bucket with credentials of one's own."""
    place = urlsplit(uri)
    objects.put_object(Bucket=place.netloc, Key=place.path.strip("/"), Body=data)


def in_service(world: Any, objects: Any) -> tuple[str, dict[str, Any]]:
    """A model in service whose bytes lie in the bucket itself, not behind the server."""
    experiment = world.must(
        "POST",
        "experiments/create",
        name=world.new("direct"),
        artifact_location=f"s3://{'governed' if world.governed else 'stock'}/direct",
    )["experiment_id"]
    run = world.must("POST", "runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    world.read(run, "public")
    made = world.must("POST", "logged-models", experiment_id=experiment, name="m", source_run_id=run)
    model, name = made["model"]["info"], world.new("fraud")
    put(objects, f"{model['artifact_uri']}/MLmodel", GOOD)
    world.must("POST", "registered-models/create", name=name)
    world.must(
        "POST",
        "model-versions/create",
        name=name,
        source=f"models:/{model['model_id']}",
        model_id=model["model_id"],
    )
    assert world.alias(name, "champion"), world.said
    return name, model
