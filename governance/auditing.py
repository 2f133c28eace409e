"""What stood in which protected place at a time, by whose decision: the log played up to then.

Only what went through the gate is in the log. A place that the policy of the day did not protect, and
a change that somebody made past the gate, leave no trace here; `governance doctor` looks for those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from governance.canonical import timestamp
from governance.domain.chain import Entry
from governance.domain.decision import Decision
from governance.domain.events import (
    PromotionAllowed,
    PromotionWithdrawn,
    VersionDeleted,
    VersionRegistered,
    VersionRenamed,
)
from governance.errors import NotFound, Undecided
from governance.policy.names import canonical_name
from governance.ports import Books

BY_NAME = "name"
"""The place of every version of a registered model whose name is protected."""
LATEST = "latest"
"""The place of the newest version, where the policy protects what loads without naming a version."""


@dataclass(frozen=True, slots=True)
class Place:
    """A protected place of one registered model: `@champion`, `stage:Production`, `latest` or `name`."""

    word: str
    model: str
    workspace: str

    def same(self, other: Place) -> bool:
        """Whether both words are spellings of one place of one model."""
        return (self.model, self.workspace) == (other.model, other.workspace) and alike(self.word, other.word)


@dataclass(frozen=True, slots=True)
class Held:
    """A version in a protected place, and the decision that let it in."""

    place: Place
    version: str
    """`models:/name/3`, as it was called at that time."""
    uid: str
    since: datetime
    actor: str
    decision: Decision

    def to_json(self) -> dict[str, Any]:
        """One of the answers of `governance/as-of/v1`."""
        return {
            "place": self.place.word,
            "model": self.place.model,
            "workspace": self.place.workspace,
            "version": self.version,
            "uid": self.uid,
            "since": timestamp(self.since),
            "actor": self.actor,
            "target": self.decision.target,
            "decision": self.decision.record_digest,
            "policy": {"name": self.decision.policy_name, "digest": self.decision.policy_digest},
            "exceptions": [
                {"check": finding.check, "status": finding.status.value}
                for finding in self.decision.exceptional
            ],
        }


def as_of(books: Books, at: datetime, place: str | None = None, model: str | None = None) -> tuple[Held, ...]:
    """What stood in the protected places at a time, sorted by model and place.

    Args:
        place: Only this one, for example `@champion`.
        model: Only this registered model, by its name at that time.

    Raises:
        Undecided: an entry cannot be read, or names a decision that is not recorded.
    """

    def decision(digest: str) -> Decision:
        try:
            return books.decisions.get(digest)
        except NotFound as error:
            raise Undecided(
                f"The audit log names the decision {digest}, which is not recorded: somebody removed it.",
                "Restore the database from a backup.",
            ) from error

    return tuple(
        found
        for found in held(books.audit.entries(), at, decision)
        if (place is None or alike(found.place.word, place))
        and (model is None or alike(found.place.model, model))
    )


def alike(one: str, other: str) -> bool:
    """Whether two words are spellings of one name."""
    return canonical_name(one) == canonical_name(other)


def held(entries: Iterable[Entry], at: datetime, decision: Callable[[str], Decision]) -> tuple[Held, ...]:
    """What stood in the protected places at a time, sorted by model and place.

    Args:
        entries: The whole log, in order of position.
        at: Entries later than this did not happen yet.
        decision: Finds a decision by its digest.

    Raises:
        Undecided: an entry up to then is not what its type has.
    """
    places = _Places(decision)
    for entry in entries:
        play = _PLAYS.get(entry.type)
        if play is None or entry.at > at:
            continue
        try:
            play(places, entry)
        except (KeyError, TypeError, AttributeError) as error:
            raise Undecided(
                f"Entry {entry.position} of the audit log is no {entry.type}.", "Run: governance audit verify"
            ) from error
    return tuple(sorted(places.held, key=lambda found: (*_order(found.place), found.version)))


def _order(place: Place) -> tuple[str, str, str]:
    return place.workspace, place.model, place.word


class _Places:
    """The protected places while the log is played."""

    def __init__(self, decision: Callable[[str], Decision]) -> None:
        self.held: list[Held] = []
        self._decision = decision
        self._versions: dict[str, str] = {}
        """What each uid is called."""
        self._newest: dict[str, str] = {}
        """The uid that was registered last, by registered model."""

    def register(self, entry: Entry) -> None:
        """A version gets its name."""
        uid, version = entry.body["uid"], entry.body["version"]
        self._versions[uid] = version
        self._newest[_model(version)] = uid

    def rename(self, entry: Entry) -> None:
        """Its places are renamed with it."""
        uid, after = entry.body["uid"], entry.body["after"]
        self._versions[uid] = after
        self.held = [
            replace(h, version=after, place=replace(h.place, model=_model(after))) if h.uid == uid else h
            for h in self.held
        ]

    def delete(self, entry: Entry) -> None:
        """It leaves every place."""
        self.held = [h for h in self.held if h.uid != entry.body["uid"]]

    def allow(self, entry: Entry) -> None:
        """It enters a place, and drives out whatever was there unless the place can be shared."""
        decision = self._decision(entry.body["decision"])
        place = _place(entry.body["change"], decision.named.workspace)
        uid = entry.body["uid"]
        if place.word in (BY_NAME, LATEST):
            # Of a copy, the origin was judged. The copy was registered just before, in one transaction.
            uid = self._newest.get(place.model, uid)
        if _is_stage(place):
            # A version is in one stage; a stage may have several versions.
            self.held = [h for h in self.held if not (h.uid == uid and _is_stage(h.place))]
        elif place.word != BY_NAME:
            self.held = [h for h in self.held if not h.place.same(place)]
        version = self._versions.get(uid, str(decision.named))
        self.held.append(Held(place, version, uid, entry.at, entry.actor, decision))

    def withdraw(self, entry: Entry) -> None:
        """It leaves one place."""
        uid, words = entry.body["uid"], entry.body["change"]
        there = [h for h in self.held if h.place.same(_place(words, h.place.workspace))]
        left = [h for h in there if h.uid == uid]
        if not left and len(there) == 1:
            # Somebody had changed the holder past the gate; the place is empty all the same.
            left = there
        self.held = [h for h in self.held if h not in left]


_PLAYS: dict[str, Callable[[_Places, Entry], None]] = {
    VersionRegistered.name: _Places.register,
    VersionRenamed.name: _Places.rename,
    VersionDeleted.name: _Places.delete,
    PromotionAllowed.name: _Places.allow,
    PromotionWithdrawn.name: _Places.withdraw,
}

_PLACES: tuple[tuple[str, Callable[[str], str]], ...] = (
    (r"alias @(\S*) of (.*)", lambda alias: f"@{alias}"),
    # A stage may be typed in any case.
    (r"stage (\S*) of (.*)", lambda stage: f"stage:{stage.capitalize()}"),
    (r"(a version) of (.*)", lambda _: BY_NAME),
    (r"(the latest version) of (.*)", lambda _: LATEST),
)
"""The words of a change, and how its place is called."""


def _place(change: str, workspace: str) -> Place:
    for words, name in _PLACES:
        found = re.fullmatch(words, change, re.DOTALL)
        if found is not None:
            return Place(name(found[1]), found[2], workspace)
    return Place(change, "", workspace)


def _is_stage(place: Place) -> bool:
    return place.word.startswith("stage:")


def _model(version: str) -> str:
    return version.removeprefix("models:/").rpartition("/")[0]
