"""The gate: what is seen under the lock counts, and decision, change and record stand or fall together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from governance.approving import give
from governance.cataloguing import relabel
from governance.domain.approval import Verdict
from governance.domain.decision import Decision, Outcome
from governance.domain.dossier import Asking
from governance.domain.label import Consent
from governance.domain.lineage import DatasetUse, Gap, Lineage
from governance.domain.manifest import File, Manifest
from governance.errors import Undecided
from governance.memory import MemoryArchive
from governance.policy.document import Policy
from governance.policy.parse import parse
from governance.ports import Books
from governance.promoting import Change, assemble, check, promote, withdraw
from governance.registering import register

POLICY = parse(
    """
schema: governance/policy/v1
name: clinic
targets:
  production: { aliases: [champion] }
roles:
  dpo: { users: [dora] }
rules:
  - name: everything
    checks: [actor-known, lineage-known, consent-valid, approval: {role: dpo}]
""",
    "clinic.yaml",
)

VISITS = Lineage((DatasetUse("r1", "visits", "0a1b2c3d", "s3://clinic/visits.parquet", "training"),))


def nothing() -> None:
    """What happens between two steps, unless a test says otherwise."""


@dataclass
class Shelf:
    """`ports.Artifacts` over a dictionary of trees, with a moment before each freeze and each look."""

    trees: dict[str, dict[str, bytes]]
    before_freezing: Callable[[], None] = nothing
    before_looking: Callable[[], None] = nothing

    def manifest(self, uri: str) -> Manifest:
        """List and hash the tree at a URI."""
        if uri not in self.trees:
            raise Undecided(f"There is no tree at {uri}.")
        files = self.trees[uri].items()
        return Manifest(tuple(File(path, len(data), data.hex().rjust(64, "0")) for path, data in files))

    def freeze(self, uri: str) -> tuple[Manifest, str]:
        """Copy the tree to its content address."""
        self.before_freezing()
        manifest = self.manifest(uri)
        frozen = f"frozen/{manifest.digest}"
        self.trees[frozen] = dict(self.trees[uri])
        return manifest, frozen

    def holds(self, frozen_uri: str) -> bool:
        """Whether a frozen tree is still there."""
        self.before_looking()
        return frozen_uri in self.trees

    def sweep(self, keep: frozenset[str]) -> tuple[str, ...]:
        """Remove frozen trees that are not kept."""
        doomed = tuple(uri for uri in self.trees if uri.startswith("frozen/") and uri not in keep)
        for uri in doomed:
            del self.trees[uri]
        return doomed


@dataclass
class Clinic:
    """A registered version on the way to production, and what a test may do to it meanwhile."""

    make: Any
    policy: Policy = POLICY
    lineage: Lineage = VISITS
    asking: Asking = field(init=False)
    archive: MemoryArchive = field(default_factory=MemoryArchive)
    shelf: Shelf = field(default_factory=lambda: Shelf({"origin": {"MLmodel": b"one"}}))
    carried_out: list[str] = field(default_factory=list)
    writings: int = 0
    after_reading: Callable[[], None] = nothing
    while_carrying_out: Callable[[], None] = nothing

    def __post_init__(self) -> None:
        self.asking = Asking("alice", self.make.later(10))
        self.subject = self.make.subject()
        dataset = self.make.dataset()
        with self.archive.writing() as books:
            books.catalogue.add(dataset, self.make.labelling(dataset))
            register(books, self.subject, VISITS, self.shelf.manifest("origin"), None)

    @property
    def change(self) -> Change:
        """What is asked for."""
        return Change(self.subject, "origin", self.policy.target("production"), "alias @champion", "nothing")

    @contextmanager
    def reading(self) -> Iterator[Books]:
        """The books for the first look; afterwards comes the moment before the lock."""
        with self.archive.reading() as books:
            yield books
        moment, self.after_reading = self.after_reading, nothing
        moment()

    @contextmanager
    def writing(self) -> Iterator[Books]:
        """The books under the lock."""
        self.writings += 1
        with self.archive.writing() as books:
            yield books

    def carry_out(self, frozen_uri: str) -> None:
        """The registry's change."""
        self.while_carrying_out()
        self.carried_out.append(frozen_uri)

    def promote(self) -> Decision:
        """Ask for the change."""
        return promote(
            self.change,
            self.policy,
            self.lineage,
            self.asking,
            artifacts=self.shelf,
            reading=self.reading,
            writing=self.writing,
            carry_out=self.carry_out,
        )

    def approve(
        self, verdict: Verdict = Verdict.APPROVED, minutes: int = 5, until: datetime | None = None
    ) -> None:
        """Let the data-protection officer answer for the version as it is now."""
        digest = self.shelf.manifest("origin").digest
        with self.archive.writing() as books:
            give(
                books,
                assemble(books, self.subject, digest, self.lineage),
                self.policy,
                self.policy.target("production"),
                role="dpo",
                by="dora",
                verdict=verdict,
                reason="looked at it",
                now=self.make.later(minutes),
                expires_at=until,
            )

    def relabel(self) -> None:
        """Consent to the data falls."""
        dataset, label = self.make.dataset(), replace(self.make.label(), consent=Consent.INVALID)
        with self.archive.writing() as books:
            now = self.make.labelling(dataset, minutes=6).at
            relabel(books, dataset.identity, label, by="ann", now=now, reason="consent fell")

    def overwrite(self) -> None:
        """Somebody writes other bytes to the origin."""
        self.shelf.trees["origin"] = {"MLmodel": b"two"}

    def recorded(self) -> tuple[list[tuple[str, str | None]], list[str]]:
        """Decisions as (outcome, frozen URI), and the promotion events."""
        with self.archive.reading() as books:
            frozen = {d.record_digest: uri for d, uri in books.decisions.frozen()}
            decisions = [
                (d.outcome.value, frozen.get(d.record_digest)) for d in books.decisions.of(self.subject.uid)
            ]
            events = [e.type for e in books.audit.entries() if e.type.startswith("promotion")]
        return decisions, events


@pytest.fixture
def clinic(make: Any) -> Clinic:
    """A version that nobody approved yet."""
    return Clinic(make)


@pytest.fixture
def approved(clinic: Clinic) -> Clinic:
    """A version that the data-protection officer approved."""
    clinic.approve()
    return clinic


def open_checks(decision: Decision) -> list[str]:
    """The checks that did not pass."""
    return [f.check for f in decision.findings if f.status.value != "passed"]


DENIED_ONCE = ([("denied", None)], ["promotion:denied"])
NOTHING: tuple[list[Any], list[str]] = ([], [])


def test_allowed(approved: Clinic) -> None:
    """The bytes are frozen, the change is made from the frozen URI, decision and event name both."""
    decision = approved.promote()

    frozen = f"frozen/{decision.digest}"
    assert Outcome.ALLOWED is decision.outcome
    assert ([frozen], {"MLmodel": b"one"}) == (approved.carried_out, approved.shelf.trees[frozen])
    assert ([("allowed", frozen)], ["promotion:allowed"]) == approved.recorded()
    with approved.archive.reading() as books:
        *_, entry = books.audit.entries()
        assert POLICY.text == books.policies.text(decision.policy_digest)
    assert ("alice", approved.asking.at) == (entry.actor, entry.at)
    assert {
        "uid": "u1",
        "decision": decision.record_digest,
        "target": "production",
        "change": "alias @champion",
        "before": "nothing",
        "serves": frozen,
    } == entry.body


def test_decision_change_and_event_are_one_writing(approved: Clinic) -> None:
    """While the change is made nobody else sees a decision; there is one transaction, no more."""
    seen: list[Any] = []
    approved.while_carrying_out = lambda: seen.append(approved.recorded())

    approved.promote()

    assert ([NOTHING], 1) == (seen, approved.writings)


def test_a_denial_is_recorded_once_and_changes_nothing(clinic: Clinic) -> None:
    """Nothing is frozen, nothing carried out; the decision says what is missing."""
    decision = clinic.promote()

    assert (Outcome.DENIED, ["approval"]) == (decision.outcome, open_checks(decision))
    assert (DENIED_ONCE, [], ["origin"]) == (clinic.recorded(), clinic.carried_out, list(clinic.shelf.trees))


def test_every_attempt_is_a_record(clinic: Clinic) -> None:
    """Who tries three times is on record three times."""
    for minutes in (10, 11, 12):
        clinic.asking = Asking("alice", clinic.make.later(minutes))
        clinic.promote()

    assert ([("denied", None)] * 3, ["promotion:denied"] * 3) == clinic.recorded()


def test_an_unidentified_caller_is_on_record_as_such(approved: Clinic) -> None:
    """Who could not be identified is denied, under that word."""
    approved.asking = Asking(None, approved.make.later(10))
    decision = approved.promote()

    assert (["actor-known", "approval"], "unidentified") == (sorted(open_checks(decision)), decision.actor)
    assert DENIED_ONCE == approved.recorded()


def test_a_change_that_fails_undoes_the_decision(approved: Clinic) -> None:
    """Decision, event and change stand or fall together; the frozen copy is all that is left."""

    def fail() -> None:
        raise ZeroDivisionError

    approved.while_carrying_out = fail
    with pytest.raises(ZeroDivisionError):
        approved.promote()

    assert NOTHING == approved.recorded()
    with approved.archive.reading() as books:
        keep = frozenset(uri for _, uri in books.decisions.frozen())
    assert 1 == len(approved.shelf.sweep(keep))


def test_unreadable_bytes_are_undecided(approved: Clinic) -> None:
    """Without bytes there is nothing to decide about, and nothing is recorded."""
    del approved.shelf.trees["origin"]

    with pytest.raises(Undecided, match="no tree at origin"):
        approved.promote()
    assert (NOTHING, []) == (approved.recorded(), approved.carried_out)


def test_bytes_changed_after_the_first_look(approved: Clinic) -> None:
    """What was frozen is judged, not what was hashed first: other bytes have no approval."""
    approved.shelf.before_freezing = approved.overwrite
    hashed = approved.shelf.manifest("origin").digest

    decision = approved.promote()

    assert hashed != decision.digest == approved.shelf.manifest("origin").digest
    assert ["approval"] == open_checks(decision)
    assert (DENIED_ONCE, []) == (approved.recorded(), approved.carried_out)


def test_a_dataset_relabelled_after_the_first_look(approved: Clinic) -> None:
    """The label under the lock counts, and the approval of another label does not."""
    approved.shelf.before_freezing = approved.relabel

    decision = approved.promote()

    assert ["approval", "consent-valid"] == sorted(open_checks(decision))
    assert (DENIED_ONCE, []) == (approved.recorded(), approved.carried_out)


def test_an_approval_revoked_after_the_first_look(approved: Clinic) -> None:
    """Whoever approved can still say no until the change is made."""
    approved.shelf.before_freezing = lambda: approved.approve(Verdict.REJECTED, minutes=7)

    assert ["approval"] == open_checks(approved.promote())
    assert (DENIED_ONCE, []) == (approved.recorded(), approved.carried_out)


def test_frozen_bytes_that_vanished(approved: Clinic) -> None:
    """A sweep between freezing and the lock leaves nothing to serve: nobody decides, nothing changes."""
    approved.shelf.before_looking = lambda: approved.shelf.sweep(frozenset()) and None

    with pytest.raises(Undecided, match=r"were removed while they were being approved.\nPromote again"):
        approved.promote()
    assert (NOTHING, []) == (approved.recorded(), approved.carried_out)


def test_an_approval_that_arrives_between_the_looks(clinic: Clinic) -> None:
    """What was missing at the first look is there under the lock: asked again, allowed, recorded once."""
    clinic.after_reading = clinic.approve

    decision = clinic.promote()

    frozen = f"frozen/{decision.digest}"
    assert (Outcome.ALLOWED, [frozen]) == (decision.outcome, clinic.carried_out)
    assert ([("allowed", frozen)], ["promotion:allowed"]) == clinic.recorded()


def test_a_gap_read_now_counts_at_once(approved: Clinic) -> None:
    """The lineage just read is united with the recorded one, and kept."""
    approved.lineage = replace(VISITS, gaps=(Gap("its origin", "no such run", "log it"),))

    assert "lineage-known" in open_checks(approved.promote())
    with approved.archive.reading() as books:
        assert approved.lineage == books.lineages.of("u1")


def test_what_was_read_once_stays(approved: Clinic) -> None:
    """A reading that no longer shows an input does not make it unread."""
    approved.lineage = Lineage()

    assert Outcome.ALLOWED is approved.promote().outcome
    with approved.archive.reading() as books:
        assert VISITS == books.lineages.of("u1")


def test_asking_records_nothing(approved: Clinic) -> None:
    """`check` gives the answer of `promote` and leaves the books as they were."""
    digest = approved.shelf.manifest("origin").digest
    with approved.archive.reading() as books:
        decision = check(books, POLICY, approved.change, digest, VISITS, approved.asking)

    assert (Outcome.ALLOWED, NOTHING) == (decision.outcome, approved.recorded())
    assert decision == approved.promote()


def test_leaving_is_on_record(clinic: Clinic) -> None:
    """By name, or under the word for nobody."""
    target = POLICY.target("production")
    with clinic.archive.writing() as books:
        withdraw(books, "u1", target, "alias @champion", clinic.asking)
        withdraw(books, "u1", target, "alias @champion", Asking(None, clinic.make.later(11)))
        *_, named, unnamed = books.audit.entries()

    body = {"uid": "u1", "target": "production", "change": "alias @champion", "reason": ""}
    assert ("promotion:withdrawn", "alice", body) == (named.type, named.actor, named.body)
    assert "unidentified" == unnamed.actor


def test_an_expired_approval_allows_nothing(clinic: Clinic) -> None:
    """An approval for a time ends by itself, at the instant it says."""
    clinic.approve(until=clinic.make.later(11))
    digest = clinic.shelf.manifest("origin").digest
    with clinic.archive.reading() as books:
        asked = [
            check(books, POLICY, clinic.change, digest, VISITS, Asking("alice", clinic.make.later(minutes)))
            for minutes in (10, 11)
        ]

    assert [Outcome.ALLOWED, Outcome.DENIED] == [decision.outcome for decision in asked]
