"""Aliases and stages, where the end-to-end rows do not reach: who leaves, is archived, or was swapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

pytestmark = pytest.mark.slow

ARCHIVE = "\n  stowed:\n    stages: [Archived]\n  staged:\n    stages: [Staging]\n"


def log(store: Any) -> list[tuple[str, str]]:
    """The audit log as (type, what was done)."""
    with store.reading() as books:
        return [(entry.type, entry.body.get("change", "")) for entry in books.audit.entries()]


@pytest.fixture
def widened(tracking: Any, store: Any) -> Any:
    """The store under a policy that protects the stages Staging and Archived as well."""
    policy = tracking.folder / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("\nroles:", f"{ARCHIVE}roles:"), encoding="utf-8")
    return store


def test_nobody_is_archived_into_a_protected_stage(widened: Any, known: Callable[[], str]) -> None:
    """One call would send others into a place that each must be judged for."""
    for _ in range(2):
        known()
    widened.transition_model_version_stage("risk", 1, "Staging", False)

    with pytest.raises(MlflowException, match="move them there one by one") as refused:
        widened.transition_model_version_stage("risk", 2, "Staging", True)

    assert "PERMISSION_DENIED" == refused.value.error_code
    assert ["Staging", "None"] == [stage for _, _, stage in widened.versions("risk")]


def test_one_protected_stage_is_left_for_another(widened: Any, known: Callable[[], str]) -> None:
    """Entering is judged and leaving is on record, in one move."""
    known()
    for stage in ("Staging", "Production", "None"):
        widened.transition_model_version_stage("risk", "1", stage, False)

    assert [
        ("promotion:allowed", "stage Staging of risk"),
        ("promotion:withdrawn", "stage Staging of risk"),
        ("promotion:allowed", "stage Production of risk"),
        ("promotion:withdrawn", "stage Production of risk"),
    ] == [entry for entry in log(widened) if entry[0].startswith("promotion")]


def test_a_stage_entered_again_is_not_left(store: Any, known: Callable[[], str]) -> None:
    """Whoever is in Production and moves there stays there."""
    known()
    for _ in range(2):
        store.transition_model_version_stage("risk", 1, "Production", False)

    assert ["promotion:allowed"] * 2 == [kind for kind, _ in log(store) if kind.startswith("promotion")]


def test_a_version_swapped_while_it_is_judged_is_not_promoted(
    store: Any, known: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted and made anew under the same name and number it is another, whatever was decided before."""
    known()
    promote = store.gate.promote

    def meanwhile(*given: Any) -> Any:
        store.delete_registered_model("risk")
        known()
        return promote(*given)

    monkeypatch.setattr(store.gate, "promote", meanwhile)
    with pytest.raises(MlflowException, match="made anew while it was being judged"):
        store.set_registered_model_alias("risk", "champion", 1)

    assert [] == store.aliases("risk")
    assert "promotion:allowed" not in dict(log(store))


def test_an_alias_set_before_governance_is_left_on_record(store: Any, tracking: Any) -> None:
    """A version that nobody registered here is adopted when it leaves, so that the record has a subject."""
    plain = SqlAlchemyStore(tracking.uri)
    plain.create_registered_model("old")
    plain.create_model_version("old", "nobody://knows")
    plain.set_registered_model_alias("old", "champion", 1)

    store.delete_registered_model_alias("old", "champion")

    assert [("version:registered", ""), ("promotion:withdrawn", "alias @champion of old")] == log(store)


def test_an_alias_that_is_not_there_is_not_left(store: Any, known: Callable[[], str]) -> None:
    """MLflow says nothing about it; nor does the log."""
    known()
    before = log(store)

    store.delete_registered_model_alias("risk", "champion")

    assert before == log(store)
