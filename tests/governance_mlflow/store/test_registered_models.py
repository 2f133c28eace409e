"""Names that change and go: what hangs on a version follows it, and no place is entered by renaming."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.slow

FLAG = "mlflow.prompt.is_prompt"


def log(store: Any) -> list[tuple[str, str]]:
    """The audit log as (type, what was done)."""
    with store.reading() as books:
        return [(entry.type, entry.body.get("change", "")) for entry in books.audit.entries()]


@pytest.fixture
def narrow(tracking: Any, store: Any) -> Any:
    """The store under a policy that protects @audited and the latest version of some models only."""
    policy = tracking.folder / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    more = (
        "\n  audited: {aliases: [audited], for_models: [audited-*]}"
        "\n  newest: {aliases: [latest], for_models: [newest-*]}\n"
    )
    policy.write_text(text.replace("\nroles:", f"{more}roles:"), encoding="utf-8")
    return store


@pytest.mark.parametrize(
    ("alias", "name", "words"),
    [
        ("audited", "audited-risk", "alias @audited of audited-risk"),
        ("audited", "Audited-risk", "alias @audited of Audited-risk"),
        (None, "newest-risk", "the latest version of newest-risk"),
    ],
)
def test_no_place_is_entered_by_renaming(
    narrow: Any, known: Callable[[], str], alias: str | None, name: str, words: str
) -> None:
    """Under the new name the alias, or being the latest, would be a protected place that nobody judged."""
    known()
    if alias:
        narrow.set_registered_model_alias("risk", alias, 1)

    with pytest.raises(MlflowException, match=f"would become {words} without a decision") as refused:
        narrow.rename_registered_model("risk", name)

    assert "PERMISSION_DENIED" == refused.value.error_code
    assert ("change:refused", f"Renaming 'risk' to {name!r}") == log(narrow)[-1]
    assert ["risk"] == [model.name for model in narrow.search_registered_models()]


def test_a_place_is_left_by_renaming(narrow: Any, known: Callable[[str], str]) -> None:
    """What is protected under the old name only is left, and what is protected under both is not."""
    known("audited-risk")
    for alias in ("audited", "champion"):
        narrow.set_registered_model_alias("audited-risk", alias, 1)

    narrow.rename_registered_model("audited-risk", "audited-hazard")
    narrow.rename_registered_model("audited-hazard", "risk")

    assert [
        ("version:renamed", ""),
        ("promotion:withdrawn", "alias @audited of audited-hazard"),
        ("version:renamed", ""),
    ] == log(narrow)[-3:]


def test_a_name_may_be_spelled_anew(narrow: Any, known: Callable[[str], str]) -> None:
    """The same places under a name that is the same to the policy."""
    known("audited-risk")
    narrow.set_registered_model_alias("audited-risk", "audited", 1)

    narrow.rename_registered_model("audited-risk", "Audited-Risk")

    assert "version:renamed" == log(narrow)[-1][0]


def test_deleting_a_model_leaves_its_places(store: Any, known: Callable[[], str]) -> None:
    """Each is on record before the versions are."""
    for _ in range(2):
        known()
    store.set_registered_model_alias("risk", "champion", 2)
    store.transition_model_version_stage("risk", 1, "Production", False)

    store.delete_registered_model("risk")

    assert [
        ("promotion:withdrawn", "alias @champion of risk"),
        ("promotion:withdrawn", "stage Production of risk"),
        ("version:deleted", ""),
        ("version:deleted", ""),
    ] == log(store)[-4:]


def test_a_prompt_is_flagged_whole_or_not_at_all(store: Any) -> None:
    """In other spellings MLflow takes the flag for one in some places and not in others."""
    with pytest.raises(MlflowException, match="a prompt is flagged with 'true'"):
        store.create_registered_model("greeting", [RegisteredModelTag(FLAG, "True")])

    store.create_registered_model("plain", [RegisteredModelTag(FLAG, "false")])
    assert not store.flagged_as_prompt("plain")


def test_prompts_take_any_name(store: Any) -> None:
    """A name that imitates a protected one, or is one, says nothing of a prompt."""
    for name in ("сhampion", "released-greeting"):
        store.create_prompt(name)
        store.create_prompt_version(name, "Hello")
        store.rename_registered_model(name, f"{name}-2")
        store.rename_registered_model(f"{name}-2", name)

    assert [] == log(store)
    assert {"сhampion", "released-greeting"} == {prompt.name for prompt in store.search_prompts()}
