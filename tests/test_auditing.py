from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from governance.auditing import Held, Place, as_of, held
from governance.domain.chain import GENESIS, Entry, seal
from governance.domain.decision import Decision, Finding, Status
from governance.domain.events import (
    ChangeRefused,
    Event,
    PromotionAllowed,
    PromotionDenied,
    PromotionWithdrawn,
    VersionDeleted,
    VersionRegistered,
    VersionRenamed,
)
from governance.domain.subject import VersionName
from governance.errors import Undecided
from governance.memory import MemoryArchive

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CHAMPION, PRODUCTION = "alias @champion of visits", "stage Production of visits"


def day(number: int) -> datetime:
    """The start of that many days after the first."""
    return START + timedelta(days=number)


class Story:
    """A log in the making, an event a day, and the decisions behind it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.decisions: dict[str, Decision] = {}

    def tell(self, event: Event, by: str = "ada") -> None:
        """Something happens."""
        number = len(self.entries) + 1
        parent = self.entries[-1].hash if self.entries else GENESIS
        self.entries.append(seal(number, day(number), by, event.name, event.body(), parent))

    def register(self, uid: str, version: str) -> None:
        """A version is registered."""
        self.tell(VersionRegistered(uid, version, "b" * 64, {}, []))

    def allow(self, uid: str, change: str, workspace: str = "default", by: str = "ada") -> Decision:
        """A promotion is allowed."""
        decision = Decision(
            subject_uid=uid,
            named=VersionName("visits", 1, workspace),
            digest="b" * 64,
            target="production",
            change=change,
            policy_name="baseline",
            policy_digest="d" * 64,
            findings=(Finding("dpia", Status.WAIVED, "none", "one", "no DPIA"),),
            actor=by,
            at=day(len(self.entries) + 1),
        )
        self.decisions[decision.record_digest] = decision
        self.tell(
            PromotionAllowed(uid, decision.record_digest, "production", change, "nothing", "/frozen"), by
        )
        return decision

    def leave(self, uid: str, change: str) -> None:
        """A place is left."""
        self.tell(PromotionWithdrawn(uid, "production", change))

    def at(self, number: int | None = None) -> tuple[Held, ...]:
        """What stood where on a day, by default the last."""
        when = day(len(self.entries) if number is None else number)
        return held(self.entries, when, self.decisions.__getitem__)

    def holders(self, number: int | None = None) -> dict[str, list[str]]:
        """The versions by place."""
        found: dict[str, list[str]] = {}
        for each in self.at(number):
            found.setdefault(f"{each.place.word} of {each.place.model}", []).append(each.version)
        return found


@pytest.fixture
def story() -> Story:
    """Two versions of one model are registered on the first two days."""
    story = Story()
    story.register("u1", "models:/visits/1")
    story.register("u2", "models:/visits/2")
    return story


def test_an_alias_is_held_from_its_promotion_on(story: Story) -> None:
    """By whose decision and under which policy stands beside it; a moment before, nothing was there."""
    decision = story.allow("u1", CHAMPION, by="zoë")

    expected = Held(
        Place("@champion", "visits", "default"), "models:/visits/1", "u1", day(3), "zoë", decision
    )
    assert (expected,) == story.at(3)
    assert () == held(story.entries, day(3) - timedelta(microseconds=1), story.decisions.__getitem__)
    assert {
        "place": "@champion",
        "model": "visits",
        "workspace": "default",
        "version": "models:/visits/1",
        "uid": "u1",
        "since": "2026-01-04T00:00:00.000000Z",
        "actor": "zoë",
        "target": "production",
        "decision": decision.record_digest,
        "policy": {"name": "baseline", "digest": "d" * 64},
        "exceptions": [{"check": "dpia", "status": "waived"}],
    } == expected.to_json()


def test_an_alias_moves(story: Story) -> None:
    """Whoever held it before does no longer; each day has its own answer."""
    story.allow("u1", CHAMPION)
    story.tell(PromotionDenied("u2", "e" * 64, "production", CHAMPION))
    story.tell(ChangeRefused("alias", "it looks like another"))
    story.allow("u2", CHAMPION)
    story.leave("u2", CHAMPION)

    first, second = (
        {"@champion of visits": ["models:/visits/1"]},
        {"@champion of visits": ["models:/visits/2"]},
    )
    assert [{}, {}, {}, first, first, first, second, {}] == [story.holders(number) for number in range(8)]


def test_two_aliases_are_two_places(story: Story) -> None:
    """Of one model and of two, also where a name has the word that stands before names."""
    story.allow("u1", CHAMPION)
    story.allow("u2", "alias @challenger of visits")
    story.allow("u1", "alias @champion of cost of care")
    story.leave("u2", "alias @challenger of visits")

    assert {
        "@champion of cost of care": ["models:/visits/1"],
        "@champion of visits": ["models:/visits/1"],
    } == story.holders()


def test_a_stage_may_be_shared(story: Story) -> None:
    """Two versions are in it until one is archived, in whatever case somebody typed it."""
    story.allow("u1", PRODUCTION)
    story.allow("u2", "stage production of visits")
    assert {"stage:Production of visits": ["models:/visits/1", "models:/visits/2"]} == story.holders()

    story.leave("u1", "stage PRODUCTION of visits")
    assert {"stage:Production of visits": ["models:/visits/2"]} == story.holders()


def test_a_version_is_in_one_stage(story: Story) -> None:
    """Entering another it left the first, whatever the policy said of that; its aliases stay."""
    story.allow("u1", CHAMPION)
    story.allow("u1", "stage Staging of visits")
    story.allow("u1", PRODUCTION)

    assert {
        "@champion of visits": ["models:/visits/1"],
        "stage:Production of visits": ["models:/visits/1"],
    } == story.holders()


def test_a_copy_into_a_protected_name_is_held_itself(story: Story) -> None:
    """Its origin was judged, the copy is what is there; the next copy joins it."""
    story.register("c1", "models:/prod.visits/1")
    story.allow("u1", "a version of prod.visits")
    story.register("c2", "models:/prod.visits/2")
    story.allow("u2", "a version of prod.visits")
    assert {"name of prod.visits": ["models:/prod.visits/1", "models:/prod.visits/2"]} == story.holders()
    assert ["c1", "c2"] == [each.uid for each in story.at()]

    story.tell(VersionDeleted("c1", "models:/prod.visits/1"))
    assert {"name of prod.visits": ["models:/prod.visits/2"]} == story.holders()


def test_the_latest_version_is_one(story: Story) -> None:
    """The copy that was registered last, in place of the one before."""
    for uid, number in (("c1", 1), ("c2", 2)):
        story.register(uid, f"models:/clinic/{number}")
        story.allow("u1", "the latest version of clinic")

    assert {"latest of clinic": ["models:/clinic/2"]} == story.holders()
    assert {"latest of clinic": ["models:/clinic/1"]} == story.holders(4)


def test_a_renamed_model_keeps_its_places_under_its_new_name(story: Story) -> None:
    """A promotion under the new name moves the alias that was given under the old one."""
    story.allow("u1", CHAMPION)
    for uid, number in (("u1", 1), ("u2", 2)):
        story.tell(VersionRenamed(uid, f"models:/visits/{number}", f"models:/clinic/{number}"))
    assert {"@champion of visits": ["models:/visits/1"]} == story.holders(3)
    assert {"@champion of clinic": ["models:/clinic/1"]} == story.holders()

    story.allow("u2", "alias @champion of clinic")
    assert {"@champion of clinic": ["models:/clinic/2"]} == story.holders()


def test_a_name_used_again_is_another_model(story: Story) -> None:
    """Deletion empties the places; the new version of that name is told by its uid."""
    story.allow("u1", CHAMPION)
    story.tell(VersionDeleted("u1", "models:/visits/1"))
    assert {} == story.holders()

    story.register("u3", "models:/visits/1")
    story.allow("u3", CHAMPION)
    assert ["u3"] == [each.uid for each in story.at()]


def test_workspaces_do_not_drive_each_other_out(story: Story) -> None:
    """The same alias of the same name, in two workspaces."""
    story.allow("u1", CHAMPION, "cardiology")
    story.allow("u2", CHAMPION, "oncology")
    assert [("cardiology", "u1"), ("oncology", "u2")] == [(h.place.workspace, h.uid) for h in story.at()]

    story.leave("u1", CHAMPION)
    assert [("oncology", "u2")] == [(h.place.workspace, h.uid) for h in story.at()]


def test_an_alias_that_somebody_moved_past_the_gate_is_empty_once_it_is_removed(story: Story) -> None:
    """The log names a version that it never saw there."""
    story.allow("u1", CHAMPION)
    story.leave("u2", CHAMPION)

    assert {} == story.holders()


def test_an_unknown_change_is_a_place_by_its_words(story: Story) -> None:
    """Whatever else may one day be protected."""
    story.allow("u1", "endpoint eu-west")

    assert {"endpoint eu-west of ": ["models:/visits/1"]} == story.holders()


@pytest.mark.parametrize("body", [{"unreadable": "?"}, {"uid": ["u1"], "version": "models:/visits/1"}])
@pytest.mark.parametrize("type", ["promotion:allowed", "promotion:withdrawn", "version:registered"])
def test_a_log_that_cannot_be_read_has_no_answer(story: Story, type: str, body: dict[str, Any]) -> None:
    """Whoever wrote over an entry does not choose the answer."""
    story.entries.append(seal(3, day(3), "eve", type, body, story.entries[-1].hash))

    with pytest.raises(Undecided, match=f"Entry 3 of the audit log is no {type}"):
        story.at()


@pytest.fixture
def books(archive: Any, make: Any) -> Callable[..., tuple[Held, ...]]:
    """Asks a real archive in which two models have a champion and one a version in production."""
    with archive.writing() as open_books:
        for uid, name, change in (
            ("u1", "visits", "alias @champion of visits"),
            ("u2", "visits", "stage Production of visits"),
            ("u3", "costs", "alias @champion of costs"),
        ):
            named = VersionName(name, int(uid[1]))
            decision = make.decision(uid, named=named, change=change)
            open_books.audit.append(make.noon, "ada", VersionRegistered(uid, str(named), "b" * 64, {}, []))
            open_books.decisions.add(decision, "/frozen")
            digest = decision.record_digest
            event = PromotionAllowed(uid, digest, "production", change, "nothing", "/frozen")
            open_books.audit.append(make.noon, "ada", event)

    def ask(*arguments: Any) -> tuple[Held, ...]:
        with archive.reading() as open_books:
            return as_of(open_books, make.noon, *arguments)

    return ask


@pytest.mark.parametrize(
    ("place", "model", "expected"),
    [
        (None, None, ["u3", "u1", "u2"]),
        ("@champion", None, ["u3", "u1"]),
        ("@Champion", "VISITS", ["u1"]),
        (None, "visits", ["u1", "u2"]),
        ("stage:production", None, ["u2"]),
        ("champion", None, []),
        ("@champion", "nothing", []),
    ],
)
def test_one_place_or_one_model_can_be_asked_for(
    books: Callable[..., tuple[Held, ...]], place: str | None, model: str | None, expected: list[str]
) -> None:
    """In any spelling that the policy takes for the same; each with the decision that is recorded."""
    found = books(place, model)

    assert expected == [each.uid for each in found]
    assert [each.uid for each in found] == [each.decision.subject_uid for each in found]


def test_a_decision_that_was_removed_leaves_no_answer(make: Any) -> None:
    """The log names it, so it was there."""
    archive = MemoryArchive()
    with archive.writing() as open_books:
        event = PromotionAllowed("u1", "e" * 64, "production", CHAMPION, "nothing", "/frozen")
        open_books.audit.append(make.noon, "ada", event)

    with (
        archive.reading() as open_books,
        pytest.raises(Undecided, match=f"{'e' * 64}, which is not recorded"),
    ):
        as_of(open_books, make.noon)
