"""Versions, where the end-to-end rows do not reach: what is latest, what is a copy, what is deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

pytestmark = pytest.mark.slow


def log(store: Any) -> list[tuple[str, str]]:
    """The audit log as (type, what was done)."""
    with store.reading() as books:
        return [(entry.type, entry.body.get("change", "")) for entry in books.audit.entries()]


@pytest.fixture
def protect_latest(store: Any, tracking: Any) -> Callable[[str], None]:
    """Protects the latest version of all models of some names from now on."""

    def protect(names: str) -> None:
        assert store.gate.policy.target_for_alias("risk", "latest") is None
        policy = tracking.folder / "policy.yaml"
        text = policy.read_text(encoding="utf-8")
        more = f"\n  newest: {{aliases: [latest], for_models: [{names}]}}\n"
        policy.write_text(text.replace("\nroles:", f"{more}roles:"), encoding="utf-8")

    return protect


def test_the_latest_is_judged_frozen_and_left(
    store: Any, tracking: Any, known: Callable[[], str], protect_latest: Callable[[str], None]
) -> None:
    """To register is to promote, and to delete the newest makes the one before it the latest again."""
    protect_latest("risk")
    known()
    known()
    assert "frozen" in store.get_model_version_download_uri("risk", 2)

    with pytest.raises(MlflowException, match="may not become the latest version of risk"):
        store.create_model_version("risk", tracking.write(str(tracking.folder / "x"), {"MLmodel": "{}"}))
    store.delete_model_version("risk", 2)

    assert [
        ("promotion:allowed", "the latest version of risk"),
        ("promotion:allowed", "the latest version of risk"),
        ("promotion:denied", "the latest version of risk"),
        ("promotion:withdrawn", "the latest version of risk"),
        ("version:deleted", ""),
    ] == [entry for entry in log(store) if entry[0] != "version:registered"]
    assert 1 == int(store.get_model_version_by_alias("risk", "latest").version)


def test_no_older_version_becomes_the_latest_unjudged(
    store: Any, known: Callable[[], str], protect_latest: Callable[[str], None]
) -> None:
    """What was registered before the policy protected the latest must go first."""
    known()
    protect_latest("risk")
    known()

    with pytest.raises(MlflowException, match="models:/risk/1 would become the latest"):
        store.delete_model_version("risk", "2")

    store.delete_model_version("risk", "1")
    store.delete_model_version("risk", "2")
    assert [] == store.versions("risk")


def test_two_places_at_once_are_refused(
    known: Callable[[str], str], protect_latest: Callable[[str], None]
) -> None:
    """Only one decision can be asked for in one step."""
    protect_latest("'*'")

    with pytest.raises(MlflowException, match="two protected places at once: 'released' and, being the"):
        known("released-risk")


@pytest.mark.parametrize("source", ["models:/risk/1", "MODELS:/risk/1", "models://risk/1", "models:/risk/01"])
def test_a_copy_by_any_spelling_is_a_copy(store: Any, known: Callable[[], str], source: str) -> None:
    """What MLflow takes for a version is one here, with its label; what it refuses leaves nothing behind."""
    known()
    store.create_registered_model("copy")
    before = log(store)
    try:
        store.create_model_version("copy", source)
    except MlflowException:
        assert before == log(store)
        return

    labels = [store.get_model_version(name, 1).tags["governance.label"] for name in ("risk", "copy")]
    assert labels[0] == labels[1]
    assert "unknown" not in labels[1]


def test_an_origin_swapped_while_it_is_copied_is_not_copied(
    store: Any, known: Callable[[], str], monkeypatch: pytest.MonkeyPatch, tracking: Any
) -> None:
    """Else other bytes would take the label of the first."""
    known()
    store.create_registered_model("copy")
    inspect = store.gate.inspect

    def meanwhile(uri: str) -> Any:
        monkeypatch.setattr(store.gate, "inspect", inspect)
        store.delete_registered_model("risk")
        store.create_registered_model("risk")
        store.create_model_version("risk", tracking.write(str(tracking.folder / "evil"), {"MLmodel": "{}"}))
        return inspect(uri)

    monkeypatch.setattr(store.gate, "inspect", meanwhile)
    with pytest.raises(MlflowException, match="made anew while it was being judged"):
        store.create_model_version("copy", "models:/risk/1")

    assert [] == store.versions("copy")


def test_a_version_older_than_governance_leaves_its_places(store: Any, tracking: Any) -> None:
    """Deleted before anybody judged it, it is adopted, so that the record has a subject."""
    plain = SqlAlchemyStore(tracking.uri)
    plain.create_registered_model("released-old")
    plain.create_model_version("released-old", "nobody://knows")

    store.delete_model_version("released-old", " 1")

    assert [
        ("version:registered", ""),
        ("promotion:withdrawn", "a version of released-old"),
        ("version:deleted", ""),
    ] == log(store)


def test_a_version_of_nothing_is_mlflow_s_to_refuse(store: Any) -> None:
    """Before anything is read, judged or recorded."""
    with pytest.raises(MlflowException, match="Registered Model with name=released-x not found") as refused:
        store.create_model_version("released-x", "s3://x")

    assert ("RESOURCE_DOES_NOT_EXIST", []) == (refused.value.error_code, log(store))
