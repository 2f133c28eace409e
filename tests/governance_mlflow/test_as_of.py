"""What the log says of a time is what the registry had then: after every change, and in retrospect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from governance.auditing import as_of

pytestmark = pytest.mark.slow

CHAMPION, PRODUCTION = "@champion of risk", "stage:Production of risk"


def standing(store: Any, at: datetime | None = None) -> dict[str, list[str]]:
    """The versions by place, as the log has them, by default now."""
    found: dict[str, list[str]] = {}
    with store.reading() as books:
        for held in as_of(books, at or datetime.now(timezone.utc)):
            assert (held.decision.actor, held.actor) == ("alice", "alice")
            found.setdefault(f"{held.place.word} of {held.place.model}", []).append(held.version)
    return found


def test_the_log_follows_the_registry(store: Any, known: Callable[..., str]) -> None:
    """Aliases, stages, protected names, renaming and deletion; each answer stays the same for ever."""
    for _ in range(3):
        known()
    store.create_registered_model("released-risk")

    def copy(version: str) -> None:
        store.copy_model_version(store.get_model_version("risk", version), "released-risk")

    def move(version: str, stage: str, archive: bool = False) -> None:
        store.transition_model_version_stage("risk", version, stage, archive)

    released = "name of released-risk"
    first, second, third = (f"models:/risk/{number}" for number in (1, 2, 3))
    of_first, of_second = "models:/released-risk/1", "models:/released-risk/2"
    steps: list[tuple[Callable[[], Any], dict[str, list[str]]]] = [
        (lambda: store.set_registered_model_alias("risk", "champion", "1"), {CHAMPION: [first]}),
        (lambda: store.set_registered_model_alias("risk", "other", "2"), {CHAMPION: [first]}),
        (lambda: store.set_registered_model_alias("risk", "champion", "2"), {CHAMPION: [second]}),
        (lambda: move("1", "Production"), {CHAMPION: [second], PRODUCTION: [first]}),
        (lambda: move("3", "production"), {CHAMPION: [second], PRODUCTION: [first, third]}),
        (lambda: move("2", "Production", True), {CHAMPION: [second], PRODUCTION: [second]}),
        (lambda: move("2", "Staging"), {CHAMPION: [second]}),
        (lambda: copy("1"), {CHAMPION: [second], released: [of_first]}),
        (lambda: copy("3"), {CHAMPION: [second], released: [of_first, of_second]}),
        (
            lambda: store.delete_model_version("released-risk", "1"),
            {CHAMPION: [second], released: [of_second]},
        ),
        (
            lambda: store.rename_registered_model("risk", "hazard"),
            {"@champion of hazard": ["models:/hazard/2"], released: [of_second]},
        ),
        (lambda: store.delete_registered_model_alias("hazard", "champion"), {released: [of_second]}),
        (lambda: store.delete_registered_model("released-risk"), {}),
    ]
    moments = []
    for change, expected in steps:
        change()
        moments.append(datetime.now(timezone.utc))
        assert expected == standing(store)

    assert [expected for _, expected in steps] == [standing(store, at) for at in moments]
