"""A version is registered, kept and frozen in the regions that its data permit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from governance.domain.label import BOTTOM

POLICY = """\
schema: governance/policy/v1
name: clinic
targets:
  production: {aliases: [champion], purpose: care, region: eu}
  abroad: {aliases: [abroad], region: us}
  released: {models: ["released-*"]}
rules:
  - {name: everything, checks: [actor-known]}
  - {name: region, targets: [abroad], checks: [region-permitted]}
regions:
  registry: REGISTRY
  artifacts:
    "file://FOLDER/us/*": us
    "file://FOLDER/frozen*": FROZEN
    "file://FOLDER/artifacts/*": eu
"""


@pytest.fixture
def clinic(store: Any, tracking: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets where the registry and its frozen area are; `visits` may be held in the EU, `maps` anywhere."""
    monkeypatch.setenv("GOVERNANCE_FROZEN_ROOT", str(tracking.folder / "frozen"))
    with store.writing() as books:
        for name, label in (
            ("visits", replace(BOTTOM, regions=frozenset({"eu"}), provenance=frozenset({"visits"}))),
            ("maps", BOTTOM),
        ):
            dataset = make.dataset(name, name[0] * 64, mlflow_digest=name, source=f"s3://clinic/{name}")
            books.catalogue.add(dataset, make.labelling(dataset, label=label))
    store.create_registered_model("risk")

    def located(registry: str = "eu", frozen: str = "eu") -> Any:
        text = POLICY.replace("REGISTRY", registry).replace("FROZEN", frozen)
        text = text.replace("FOLDER", str(tracking.folder))
        (tracking.folder / "policy.yaml").write_text(text, encoding="utf-8")
        return store

    return located


def refused(call: Any, *arguments: Any) -> str:
    """The message of a refusal."""
    with pytest.raises(MlflowException) as caught:
        call(*arguments)
    assert "PERMISSION_DENIED" == caught.value.error_code
    return str(caught.value.message)


def last(store: Any) -> tuple[str, dict[str, Any]]:
    """The newest entry of the log."""
    with store.reading() as books:
        entry = list(books.audit.entries())[-1]
    return entry.type, dict(entry.body)


def test_in_a_permitted_region_everything_goes(clinic: Any, tracking: Any) -> None:
    """Registered, promoted and frozen in the EU; data without restrictions anywhere."""
    store = clinic()
    model = tracking.model(tracking.run("visits"))
    store.create_model_version("risk", f"models:/{model}")
    store.set_registered_model_alias("risk", "champion", "1")

    assert store.get_model_version_download_uri("risk", "1").startswith(str(tracking.folder / "frozen"))
    clinic(registry="us", frozen="us")
    public = tracking.model(tracking.run("maps"))
    store.create_model_version("risk", f"models:/{public}")
    store.set_registered_model_alias("risk", "champion", "2")
    assert 2 == int(store.get_model_version_by_alias("risk", "champion").version)


def test_not_registered_in_a_registry_elsewhere(clinic: Any, tracking: Any) -> None:
    """Refused, on record, and the permitted region is named; no version is left behind."""
    store = clinic(registry="us")
    model = tracking.model(tracking.run("visits"))

    message = refused(store.create_model_version, "risk", f"models:/{model}")

    reason = "its data may be held in eu only, and this registry is in us. Use one in eu."
    words = "Registering a version of 'risk'"
    assert f"{words} is refused: {reason}" == message
    assert ("change:refused", {"change": words, "reason": reason}) == last(store)
    assert [] == list(store.search_model_versions())


def test_not_registered_from_elsewhere(clinic: Any, tracking: Any) -> None:
    """Where the bytes lie counts, and a place that no pattern describes is nowhere that is permitted."""
    store = clinic()
    client = tracking.client
    for folder, why in (("us", "is in us"), ("unsaid", "nobody said in which region")):
        experiment = client.create_experiment(folder, str(tracking.folder / folder))
        run = tracking.run("visits", experiment=experiment)
        made = client.create_logged_model(experiment, source_run_id=run)
        tracking.write(made.artifact_location, {"MLmodel": "flavors: {}"})

        message = refused(store.create_model_version, "risk", f"models:/{made.model_id}")

        assert why in message
        assert "Use one in eu." in message


def test_not_copied_elsewhere(clinic: Any, tracking: Any) -> None:
    """The registry moved, or the policy learnt where it is: then it is not copied further there."""
    store = clinic()
    store.create_model_version("risk", f"models:/{tracking.model(tracking.run('visits'))}")
    store.create_registered_model("copies")
    store.create_registered_model("released-risk")
    clinic(registry="us")
    source = store.get_model_version("risk", "1")

    for name in ("copies", "released-risk"):
        assert "this registry is in us" in refused(store.copy_model_version, source, name)
    assert 1 == len(store.search_model_versions())


def test_not_promoted_elsewhere(clinic: Any, tracking: Any) -> None:
    """A target in another region: the check of the policy says so."""
    store = clinic()
    store.create_model_version("risk", f"models:/{tracking.model(tracking.run('visits'))}")

    assert "region-permitted [failed]" in refused(store.set_registered_model_alias, "risk", "abroad", "1")


def test_not_frozen_elsewhere(clinic: Any, tracking: Any) -> None:
    """The target may be in the right region and the frozen area not: nothing is copied there."""
    store = clinic(frozen="us")
    store.create_model_version("risk", f"models:/{tracking.model(tracking.run('visits'))}")

    message = refused(store.set_registered_model_alias, "risk", "champion", "1")

    assert "is in us. Use one in eu." in message
    assert message.startswith("Freezing models:/risk/1 for alias @champion of risk is refused: ")
    assert ("change:refused", "Freezing models:/risk/1 for alias @champion of risk") == (
        last(store)[0],
        last(store)[1]["change"],
    )
    assert not (tracking.folder / "frozen").exists()


def test_a_dataset_relabelled_while_its_model_is_frozen(
    clinic: Any, tracking: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is seen under the lock counts: the promotion is undone, and the refusal stays."""
    from governance_mlflow.artifacts.version_bytes import MlflowArtifacts

    store = clinic(frozen="us")
    store.create_model_version("risk", f"models:/{tracking.model(tracking.run('maps'))}")
    freeze = MlflowArtifacts.freeze

    def relabelled(artifacts: Any, uri: str) -> Any:
        done = freeze(artifacts, uri)
        maps = make.dataset("maps", "m" * 64)
        with store.writing() as books:
            label = replace(BOTTOM, regions=frozenset({"eu"}))
            books.catalogue.relabel(make.labelling(maps, 1, label=label))
        return done

    monkeypatch.setattr(MlflowArtifacts, "freeze", relabelled)

    assert "is in us" in refused(store.set_registered_model_alias, "risk", "champion", "1")
    assert store.alias_version("risk", "champion") is None
    with store.reading() as books:
        assert () == books.decisions.frozen()
    assert "change:refused" == last(store)[0]


def test_unknown_data_may_be_nowhere(clinic: Any, tracking: Any) -> None:
    """Where regions are set, what went in must be known; the way out is named."""
    store = clinic()

    message = refused(store.create_model_version, "risk", f"models:/{tracking.model(tracking.run())}")

    assert "what went into it is not known, so there is no region in which it may be held" in message
    assert "Catalogue what is missing" in message


def test_a_folder_out_of_a_permitted_one_is_not_in_it(clinic: Any, tracking: Any) -> None:
    """Patterns are held against where a path leads, not against how it is written."""
    store = clinic()
    (tracking.folder / "artifacts").mkdir(exist_ok=True)
    away = tracking.write(str(tracking.folder / "us" / "m"), {"MLmodel": "flavors: {}"})
    run = tracking.run("visits")
    inside = Path(tracking.artifacts(run)) / "model"
    inside.parent.mkdir(parents=True, exist_ok=True)
    inside.symlink_to(away)

    assert "is in us" in refused(store.create_model_version, "risk", str(inside), run)
