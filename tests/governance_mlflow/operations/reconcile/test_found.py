"""What went around the gate, what was lost, what no longer holds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from governance.domain.label import Confidentiality
from governance.mending import to_vacate

pytestmark = pytest.mark.slow

AS_CHAMPION = "models:/risk/1 as alias @champion of risk"


def test_an_empty_registry(around: Any) -> None:
    """Nothing is there, nothing is wrong."""
    assert [] == around.kinds(read_bytes=True, read_lineage=True)


@pytest.mark.usefixtures("champion")
def test_a_promotion_as_it_should_be(around: Any) -> None:
    """Nothing is wrong with it, however thoroughly one looks."""
    assert [] == around.kinds(read_bytes=True, read_lineage=True)


def test_promotions_around_the_gate(known: Any, around: Any) -> None:
    """By alias, by stage and by name: what no decision allowed is named; so is what governance never saw."""
    known()
    around.plain.set_registered_model_alias("risk", "champion", 1)
    around.plain.transition_model_version_stage("risk", 1, "Production", False)
    around.plain.create_registered_model("released-risk")
    around.plain.create_model_version("released-risk", "models:/risk/1")

    assert [
        ("unregistered", "models:/released-risk/1"),
        ("ungated-promotion", "models:/released-risk/1 as a version of released-risk"),
        ("ungated-promotion", AS_CHAMPION),
        ("ungated-promotion", "models:/risk/1 as stage Production of risk"),
    ] == around.kinds()


@pytest.mark.usefixtures("champion")
def test_another_place_of_the_same_target(around: Any) -> None:
    """What was allowed under the alias was not allowed in the stage."""
    around.plain.transition_model_version_stage("risk", 1, "Production", False)

    (found,) = around.look()

    assert ("ungated-promotion", "what was allowed into production was another place") == (
        found.discrepancy.kind.value,
        found.discrepancy.observed,
    )


@pytest.mark.usefixtures("champion")
def test_a_version_put_back_after_it_left(store: Any, around: Any) -> None:
    """An old decision does not let a version in that has left since, whether it was taken out or replaced."""
    store.delete_registered_model_alias("risk", "champion")
    around.plain.set_registered_model_alias("risk", "champion", 1)

    (found,) = around.look()
    assert "ungated-promotion" == found.discrepancy.kind.value
    assert found.discrepancy.observed.startswith("it left on 20")


@pytest.mark.usefixtures("champion")
def test_a_successor_and_what_it_replaced(store: Any, around: Any) -> None:
    """Replaced is no discrepancy; going back to the replaced one around the gate is two."""
    model = store.get_model_version("risk", "1").source
    store.create_model_version("risk", model)
    store.set_registered_model_alias("risk", "champion", "2")
    assert [] == around.kinds()

    around.plain.set_registered_model_alias("risk", "champion", 1)

    assert [
        ("ungated-promotion", AS_CHAMPION),
        ("decision-without-change", "models:/risk/2 as alias @champion of risk"),
    ] == around.kinds()


@pytest.mark.usefixtures("champion")
def test_a_renamed_model(store: Any, around: Any) -> None:
    """Its versions are where they were, and the log knew them under another name."""
    store.rename_registered_model("risk", "hazard")

    assert [] == around.kinds()


def test_a_copy_into_a_protected_name(store: Any, known: Any, around: Any) -> None:
    """It was judged by its origin and serves the approved bytes; serving others, nothing lets it stay."""
    known()
    store.copy_model_version(store.get_model_version("risk", "1"), "released-risk")
    assert [] == around.kinds(read_bytes=True)

    around.sql("UPDATE model_versions SET storage_location = 'elsewhere' WHERE name = 'released-risk'")

    assert [("ungated-promotion", "models:/released-risk/1 as a version of released-risk")] == around.kinds()


def test_prompts_are_no_models(store: Any, around: Any) -> None:
    """A prompt under a protected alias or name was never gated, and need not be."""
    store.create_prompt("released-greeting")
    store.create_prompt_version("released-greeting", "Hello {{name}}")
    store.set_registered_model_alias("released-greeting", "champion", 1)

    assert [] == around.kinds()


def test_a_model_that_passes_for_a_prompt(known: Any, around: Any) -> None:
    """The flag alone hides nothing: it has bytes."""
    known()
    around.plain.set_registered_model_alias("risk", "champion", 1)
    around.sql(
        "INSERT INTO registered_model_tags (workspace, name, key, value) "
        "VALUES ('default', 'risk', 'mlflow.prompt.is_prompt', 'true')",
    )

    assert [("ungated-promotion", AS_CHAMPION)] == around.kinds()


@pytest.mark.usefixtures("champion")
def test_a_version_served_from_elsewhere(tracking: Any, around: Any) -> None:
    """Who rewrites MLflow's row around the gate is found out."""
    elsewhere = tracking.write(str(tracking.folder / "evil"), {"MLmodel": "evil"})
    around.sql("UPDATE model_versions SET storage_location = :elsewhere", elsewhere=elsewhere)

    (found,) = around.look()

    assert ("unfrozen", AS_CHAMPION, f"served from {elsewhere}") == (
        found.discrepancy.kind.value,
        found.discrepancy.subject,
        found.discrepancy.observed,
    )


@pytest.mark.usefixtures("champion")
def test_an_origin_that_was_overwritten(tracking: Any, around: Any) -> None:
    """Users are served the approved bytes; only who reads every byte sees that somebody wrote there."""
    (origin,) = (tracking.folder / "artifacts").rglob("MLmodel")
    origin.write_text("flavors: {}\n# evil\n")
    (origin.parent / "extra").write_text("more")
    assert [] == around.kinds()

    (found,) = around.look(read_bytes=True)

    assert ("tampered-origin", "models:/risk/1") == (found.discrepancy.kind.value, found.discrepancy.subject)
    assert found.discrepancy.observed.startswith("MLmodel: changed; extra: added (digest ")
    assert {} == to_vacate([found]), "whoever may write an origin could take the version out of service"


@pytest.mark.usefixtures("champion")
def test_an_origin_that_is_gone(tracking: Any, around: Any) -> None:
    """Cleaning up is no tampering; whose lineage can no longer be read is stale for who reads it anew."""
    (model,) = tracking.client.search_logged_models([tracking.experiment])
    shutil.rmtree(tracking.folder / "artifacts")
    assert [] == around.kinds(read_bytes=True)

    tracking.client.delete_logged_model(model.model_id)

    assert ([], [("stale", AS_CHAMPION)]) == (around.kinds(), around.kinds(read_lineage=True))


def test_frozen_bytes_that_were_changed(champion: Path, around: Any) -> None:
    """File by file, for who reads every byte."""
    (champion / "MLmodel").chmod(0o644)
    (champion / "MLmodel").write_text("evil")
    assert [] == around.kinds()

    (found,) = around.look(read_bytes=True)

    assert ("tampered-frozen", f"models:/risk/1 at {champion}", "MLmodel: changed") == (
        found.discrepancy.kind.value,
        found.discrepancy.subject,
        found.discrepancy.observed,
    )
    assert 1 == len(to_vacate([found]))


def test_frozen_bytes_that_are_gone(store: Any, champion: Path, around: Any) -> None:
    """Nobody can load it; that is seen without reading a byte, in service or not."""
    for folder in (champion, champion.parent):
        folder.chmod(0o755)
    shutil.rmtree(champion)
    lost = [("lost-frozen", f"models:/risk/1 at {champion}")]
    assert lost == around.kinds()

    store.delete_registered_model_alias("risk", "champion")

    assert lost == around.kinds()


@pytest.mark.usefixtures("champion")
def test_facts_that_no_longer_allow_it(store: Any, make: Any, around: Any) -> None:
    """A dataset relabelled since reaches what is in service."""
    with store.writing() as books:
        (entry,) = books.catalogue.all()
        label = replace(entry.label, confidentiality=Confidentiality.RESTRICTED)
        books.catalogue.relabel(make.labelling(entry.dataset, minutes=1, label=label))

    (found,) = around.look()

    assert {
        "kind": "stale",
        "subject": AS_CHAMPION,
        "observed": "the policy would refuse it today: approval",
        "expected": "facts that still allow it",
        "remedy": "See what is missing: governance check models:/risk/1 --for production",
        "harmful": True,
        "mended": False,
    } == found.discrepancy.to_json()


@pytest.mark.usefixtures("champion")
def test_a_record_that_was_changed_concerns_its_version_only(store: Any, around: Any) -> None:
    """What cannot be read any more is named, and hides nothing else."""
    store.create_registered_model("other")
    store.create_model_version("other", store.get_model_version("risk", "1").source)
    around.plain.set_registered_model_alias("other", "champion", 1)
    around.sql(
        "DROP TRIGGER governance_decisions_no_update",
        "UPDATE governance_decisions SET record = replace(record, 'alice', 'mallory')",
    )

    assert [
        ("ungated-promotion", "models:/other/1 as alias @champion of other"),
        ("undecidable", "models:/risk/1"),
    ] == around.kinds()


@pytest.mark.usefixtures("champion")
def test_decisions_and_log_that_disagree(store: Any, around: Any) -> None:
    """A decision that is in one place only, or in the log twice."""
    with store.reading() as books:
        ((decision, _),) = books.decisions.frozen()
    around.sql(
        "INSERT INTO governance_audit SELECT 101, at, actor, type, body, parent, hash "
        "FROM governance_audit WHERE type = 'promotion:allowed'",
        "INSERT INTO governance_audit SELECT 102, at, actor, type, "
        "replace(body, :decision, 'no such decision'), parent, hash "
        "FROM governance_audit WHERE position = 101",
        "INSERT INTO governance_decisions (digest, subject_uid, target, outcome, at, record) "
        "VALUES ('nobody knows', 'u', 'production', 'denied', 't', '{}')",
        decision=decision.record_digest,
    )

    assert [
        ("lost-decision", "decision no such decision"),
        ("unlogged-decision", "decision nobody knows"),
        ("duplicate-decision", f"decision {decision.record_digest}"),
    ] == around.kinds()
