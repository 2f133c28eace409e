"""Who was let in and who was not is on record, and the policy that says so is the one in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from governance_mlflow.access.doorkeeper import Doorkeeper
from governance_mlflow.artifacts.locations import places_of


def accesses(store: Any) -> list[tuple[str, str, str, str, str]]:
    """Type, actor, version, action, and purpose or reason, of every access on record."""
    with store.reading() as books:
        found = [entry for entry in books.audit.entries() if "access" in entry.type]
    return [
        (e.type, e.actor, e.body["version"], e.body["action"], e.body.get("purpose", "refused"))
        for e in found
    ]


def test_accesses_are_on_record_one_a_minute(guarded: Any, register: Any, asking: Any, refused: Any) -> None:
    """Of a hundred files the first is recorded; another purpose, action or minute is another entry."""
    location = register("visits", "maps", "visits")
    now = [guarded.gate.asking().at]
    guarded.door = Doorkeeper(guarded.gate, clock=lambda: now[0])

    def fetch(name: str, purpose: str, files: int) -> None:
        with asking(name, purpose):
            for number in range(files):
                guarded.admit_reading(places_of(f"{location}/{number}"))

    fetch("ada", "care", 100)
    fetch("ada", "research", 2)
    now[0] += timedelta(seconds=59)
    fetch("ada", "care", 2)
    now[0] += timedelta(seconds=2)
    fetch("ada", "care", 2)
    with asking("ada", "care"):
        guarded.get_model_version("risk", "1")
        guarded.get_model_version_download_uri("risk", "3")
        guarded.get_model_version_download_uri("risk", "2")
    for _ in range(3):
        refused("bob", lambda: guarded.get_model_version_download_uri("risk", "3"))

    assert [
        ("version:accessed", "ada", "models:/risk/3", "download", "care"),
        ("version:accessed", "ada", "models:/risk/3", "download", "research"),
        ("version:accessed", "ada", "models:/risk/3", "download", "care"),
        ("version:accessed", "ada", "models:/risk/3", "load", "care"),
        ("access:denied", "bob", "models:/risk/3", "load", "refused"),
    ] == accesses(guarded)
    with guarded.reading() as books:
        last = list(books.audit.entries())[-1]
    assert ("GET /api/2.0/mlflow/x", "unknown" != last.body["uid"]) == (last.body["route"], True)


def test_what_cannot_be_recorded_is_not_let_out(guarded: Any, register: Any, asking: Any) -> None:
    """The record comes before the bytes; without it there are none, and the next attempt tries again."""
    location = register("visits")
    with guarded.transaction() as session:
        session.connection().exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON governance_audit BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with asking("ada", "care"):
        for _ in range(2):
            with pytest.raises(MlflowException):
                guarded.admit_reading(places_of(location))
    with guarded.transaction() as session:
        session.connection().exec_driver_sql("DROP TRIGGER full")
    with asking("ada", "care"):
        guarded.admit_reading(places_of(location))

    assert 1 == len(accesses(guarded))


def test_an_edited_policy_counts_within_a_second(
    guarded: Any, register: Any, tracking: Any, asking: Any, policy_text: str
) -> None:
    """A sound one at once when that is over; a broken one opens and closes nothing."""
    location = register("visits")
    ticks, policy = [0.0], tracking.folder / "policy.yaml"
    guarded.door = Doorkeeper(guarded.gate, ticks=lambda: ticks[0])

    def admitted(after: float, text: str) -> bool:
        policy.write_text(text, encoding="utf-8")
        ticks[0] += after
        with asking("rosa", "care"):
            try:
                guarded.admit_reading(places_of(location))
            except MlflowException as error:
                return error.error_code != "PERMISSION_DENIED"
            return True

    opened = policy_text.replace("roles: [clinician]", "roles: [clinician, reader]")
    assert [False, False, True, True, False] == [
        admitted(0, policy_text),
        admitted(0.9, opened),
        admitted(0.2, opened),
        admitted(2, "not: [a policy"),
        admitted(2, policy_text),
    ]


def test_without_any_sound_policy_nothing_is_read(
    guarded: Any, register: Any, tracking: Any, asking: Any
) -> None:
    """What the policy says nobody can tell, so nobody is let in."""
    register("maps")
    guarded.door = Doorkeeper(guarded.gate)
    (tracking.folder / "policy.yaml").write_text("not: [a policy", encoding="utf-8")

    with asking("ada", "care"), pytest.raises(MlflowException):
        guarded.get_model_version("risk", "1")


def test_the_operator_s_word_counts_where_it_is_known_that_somebody_asks(
    guarded: Any, register: Any, asking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GOVERNANCE_ACTOR names everybody who sends a request, and nobody where no request is to be seen."""
    location = register("visits")
    monkeypatch.setenv("GOVERNANCE_ACTOR", "ada")

    with asking(None, "care"):
        guarded.admit_reading(places_of(location))
    with pytest.raises(MlflowException, match="nobody was identified"):
        guarded.admit_reading(places_of(location))
    assert [("ada", "models:/risk/1"), ("unidentified", "models:/risk/1")] == [
        (actor, version) for _, actor, version, _, _ in accesses(guarded)
    ]
