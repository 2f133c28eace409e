"""Tags and descriptions: of what is in service every change is on record, by digest; of all else none is."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.slow


def told(store: Any) -> list[tuple[str, str, str, str]]:
    """The annotations on record: of what, what, before, after."""
    with store.reading() as books:
        return [
            (
                entry.body.get("version") or entry.body["model"],
                entry.body["what"],
                entry.body["before"],
                entry.body["after"],
            )
            for entry in books.audit.entries()
            if entry.type in ("version:annotated", "model:annotated")
        ]


def digest(text: str) -> str:
    """What the log says of a text."""
    return sha256(text.encode()).hexdigest()


def annotate(store: Any) -> None:
    """Everything that people may write about a model and its version, and take away again."""
    store.update_registered_model("risk", "about")
    store.update_model_version("risk", "01", "words")
    store.update_model_version("risk", 1)
    store.set_registered_model_tag("risk", RegisteredModelTag("team", "care"))
    store.set_model_version_tag("risk", "1", ModelVersionTag("card", "x"))
    store.delete_registered_model_tag("risk", "team")
    store.delete_model_version_tag("risk", 1, "card")


def test_what_is_said_of_a_version_in_service_is_on_record(store: Any, known: Callable[[], str]) -> None:
    """Each change with the digests of the texts before and after, and never the text."""
    known()
    store.set_registered_model_alias("risk", "champion", 1)

    annotate(store)

    assert [
        ("risk", "description", "nothing", digest("about")),
        ("models:/risk/1", "description", "nothing", digest("words")),
        ("models:/risk/1", "description", digest("words"), "nothing"),
        ("risk", "tag team", "nothing", digest("care")),
        ("models:/risk/1", "tag card", "nothing", digest("x")),
        ("risk", "tag team", digest("care"), "nothing"),
        ("models:/risk/1", "tag card", digest("x"), "nothing"),
    ] == told(store)


def test_what_is_said_of_others_is_not(store: Any, known: Callable[[], str]) -> None:
    """Neither of a model out of service, nor of the other versions of one that is in."""
    known()
    annotate(store)
    known()
    store.set_registered_model_alias("risk", "champion", 2)
    store.update_model_version("risk", 1, "words")

    assert [] == told(store)


def test_what_stays_as_it_was_is_not(store: Any, known: Callable[[], str]) -> None:
    """Saying the same again changes nothing."""
    known()
    annotate(store)
    store.set_registered_model_alias("risk", "champion", 1)
    store.update_registered_model("risk", "about")
    store.delete_model_version_tag("risk", 1, "card")

    assert [] == told(store)


def test_a_record_that_cannot_be_written_undoes_the_change(
    store: Any, known: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text and its record are one transaction."""
    known()
    store.set_registered_model_alias("risk", "champion", 1)

    def fail(*_: Any) -> None:
        raise MlflowException("the disk is full")

    monkeypatch.setattr(store, "_record", fail)
    with pytest.raises(MlflowException, match="the disk is full"):
        store.update_model_version("risk", 1, "words")

    assert store.get_model_version("risk", 1).description is None


def test_a_flag_that_is_not_there_is_taken_away_like_any_tag(store: Any, known: Callable[[], str]) -> None:
    """MLflow does nothing then; there is nothing to refuse."""
    known()

    store.delete_registered_model_tag("risk", "mlflow.prompt.is_prompt")
    store.delete_model_version_tag("risk", 1, "mlflow.prompt.is_prompt")

    assert [] == told(store)
