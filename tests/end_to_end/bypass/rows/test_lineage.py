"""Rows 6.5 to 6.8: every way to make training data look like other data, or like none."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.slow

on_uvicorn = pytest.mark.parametrize("world", ["stock-uvicorn", "governed-uvicorn"], indirect=True)


@on_uvicorn
def test_l5_the_first_who_names_a_dataset_does_not_say_what_it_is(world: Any) -> None:
    """MLflow keeps the source that the first caller gave for a name and digest, whoever logs it later."""
    # In her own experiment, where nobody else has named it yet.
    poisoner, name = world.model(by="dora"), world.new("fraud")
    harmless = json.dumps({"uri": "s3://clinic/public"})
    world.read(poisoner.run_id, "patients", by="dora", source=harmless)

    honest = world.model("patients", by="dora")

    kept = world.must("GET", "runs/get", "dora", run_id=honest.run_id)["run"]["inputs"]["dataset_inputs"]
    assert [harmless] == [used["dataset"]["source"] for used in kept]
    assert "1" == world.register(name, honest, "dora")
    assert world.open is world.alias(name, "champion", by="dora")


@on_uvicorn
def test_l6_what_was_first_logged_for_validation_counts(world: Any) -> None:
    """The context of a dataset is frozen when it is first logged, so that no context is believed."""
    model, name = world.model("public"), world.new("fraud")
    world.read(model.run_id, "patients", context="validation")
    world.read(model.run_id, "patients", context="training")

    used = world.must("GET", "runs/get", run_id=model.run_id)["run"]["inputs"]["dataset_inputs"]
    assert ["training", "validation"] == sorted(used["tags"][0]["value"] for used in used)
    assert "1" == world.register(name, model)
    assert world.open is world.alias(name, "champion")


@on_uvicorn
def test_l7_what_is_logged_after_the_end_counts(world: Any) -> None:
    """A run that is FINISHED takes further inputs, and a version that is registered inherits them still."""
    model, name = world.model("public"), world.new("fraud")
    assert "1" == world.register(name, model)
    world.must("POST", "runs/update", run_id=model.run_id, status="FINISHED")

    world.read(model.run_id, "patients")

    assert world.open is world.alias(name, "champion")


@on_uvicorn
def test_l8_equal_digests_are_not_equal_data(world: Any) -> None:
    """MLflow digests some columns of ten thousand rows; who states the whole content is held to it."""
    model, name = world.model(), world.new("fraud")
    content = [{"key": "governance.sha256", "value": "b" * 64}]
    dataset = {"name": "public", "digest": "public", "source_type": "code"}
    dataset |= {"source": json.dumps({"uri": "s3://clinic/public"})}

    world.must(
        "POST", "runs/log-inputs", run_id=model.run_id, datasets=[{"tags": content, "dataset": dataset}]
    )

    assert "1" == world.register(name, model)
    assert world.open is world.alias(name, "champion")
