"""What is put right in MLflow's tables and in the books, under the gate's lock and on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governance.mending import to_vacate

pytestmark = pytest.mark.slow

AS_CHAMPION = "models:/risk/1 as alias @champion of risk"


@pytest.mark.usefixtures("champion")
def test_an_alias_removed_around_the_gate(around: Any) -> None:
    """The log would answer wrongly who was champion; mended, it says that the version left."""
    around.plain.delete_registered_model_alias("risk", "champion")

    found = around.look()
    assert [("decision-without-change", AS_CHAMPION)] == around.kinds()
    assert [("decision-without-change", True)] == around.mend(found)

    assert [] == around.kinds()
    (withdrawn,) = around.events("promotion:withdrawn")
    assert ("alias @champion of risk", "the registry did not have it there") == (
        withdrawn["change"],
        withdrawn["reason"],
    )


@pytest.mark.usefixtures("champion")
def test_a_version_deleted_around_the_gate(around: Any) -> None:
    """It is buried when asked to, and its name is free for another uid; decided things stay."""
    around.plain.delete_model_version("risk", 1)

    (found,) = around.look()
    assert "tombstone-mismatch" == found.discrepancy.kind.value
    assert found.discrepancy.subject.startswith("models:/risk/1 (")
    assert [("tombstone-mismatch", True)] == around.mend([found])

    assert [] == around.kinds()
    (deleted,) = around.events("version:deleted")
    assert found.subject.uid == deleted["uid"]


def test_a_version_older_than_governance(store: Any, known: Any, around: Any) -> None:
    """It is adopted when asked to: a uid and a label; into a protected place it is not let by that."""
    known()
    source = store.get_model_version("risk", "1").source
    around.plain.create_registered_model("older")
    around.plain.create_model_version("older", source)
    around.plain.set_registered_model_alias("older", "champion", 1)

    found = around.look()
    assert [("unregistered", True), ("ungated-promotion", False)] == around.mend(found)
    assert [("ungated-promotion", "models:/older/1 as alias @champion of older")] == around.kinds()


def test_what_goes_around_the_gate_is_taken_out(store: Any, known: Any, around: Any) -> None:
    """Alias removed, stage archived, both on record with who and why; what is in order stays."""
    known()
    known()
    store.set_registered_model_alias("risk", "champion", "2")
    around.plain.transition_model_version_stage("risk", 1, "Production", False)
    around.plain.create_registered_model("other")
    around.plain.create_model_version("other", store.get_model_version("risk", "1").source)
    around.plain.set_registered_model_alias("other", "champion", 1)

    leaving = to_vacate(around.look())
    for place, why in leaving.items():
        around.inventory.vacate(place, around.dora, why)

    assert [] == around.kinds()
    assert ({"champion": 2}, {}, "Archived") == (
        store.get_registered_model("risk").aliases,
        store.get_registered_model("other").aliases,
        store.get_model_version("risk", 1).current_stage,
    )
    assert [
        ("alias @champion of other", "ungated-promotion: no decision ever allowed it"),
        ("stage Production of risk", "ungated-promotion: no decision ever allowed it"),
    ] == [(body["change"], body["reason"]) for body in around.events("promotion:withdrawn")]


@pytest.mark.usefixtures("champion")
def test_what_was_replaced_meanwhile_is_left_alone(store: Any, around: Any) -> None:
    """Between finding and taking out somebody else may have mended it: the lock is looked under."""
    (entry,) = [e for e in around.held() if e.at == "champion"]
    store.create_model_version("risk", store.get_model_version("risk", "1").source)
    store.set_registered_model_alias("risk", "champion", "2")
    before = around.events("promotion:withdrawn")

    around.inventory.vacate(entry, around.dora, "stale")

    assert ({"champion": 2}, before) == (
        store.get_registered_model("risk").aliases,
        around.events("promotion:withdrawn"),
    )


def test_what_cannot_be_adopted_is_taken_out_all_the_same(store: Any, tracking: Any, around: Any) -> None:
    """Bytes that claim what cannot be read get no uid, and do not keep their place by that."""
    claimed = "metadata: {governance: {dp_training: {phases: none}}}\n"
    source = tracking.write(str(tracking.folder / "odd"), {"MLmodel": claimed})
    around.plain.create_registered_model("odd")
    around.plain.create_model_version("odd", source)
    around.plain.set_registered_model_alias("odd", "champion", 1)
    found = around.look()
    assert [("unregistered", False), ("ungated-promotion", False)] == around.mend(found)

    ((place, why),) = to_vacate(found).items()
    assert around.inventory.vacate(place, around.dora, why)

    assert {} == store.get_registered_model("odd").aliases
    (left,) = around.events("promotion:withdrawn")
    assert ("unregistered", "alias @champion of odd") == (left["uid"], left["change"])


@pytest.mark.usefixtures("champion")
def test_another_version_of_the_same_name_is_left_alone(store: Any, known: Any, around: Any) -> None:
    """What was found was deleted and made anew meanwhile, and went through the gate."""
    (place,) = around.held()
    store.delete_registered_model("risk")
    known()
    store.set_registered_model_alias("risk", "champion", "1")

    assert not around.inventory.vacate(place, around.dora, "stale")

    assert {"champion": 1} == store.get_registered_model("risk").aliases
    assert [] == around.kinds()


def test_a_copy_that_nothing_refers_to(champion: Path, around: Any) -> None:
    """What a killed promotion left is shown, and removed when asked to; the rest stays."""
    orphan = champion.parent / ("0" * 64)
    orphan.mkdir()
    (champion.parent / "README").write_text("somebody's")

    found = around.look()
    assert [("unfinished-freeze", str(orphan))] == around.kinds()
    assert [("unfinished-freeze", True)] == around.mend(found)

    assert [] == around.kinds()
    assert {champion.name, "README"} == {entry.name for entry in champion.parent.iterdir()}
