"""Thirty-two at once, on two servers over one database: every promotion has its ground, nothing is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

from governance import approving, cataloguing
from governance.domain.approval import Verdict
from governance.domain.chain import verify
from governance.domain.label import Consent
from governance.domain.review import Revocation
from governance.domain.subject import Subject, VersionName
from governance.policy.document import Policy
from governance.policy.parse import load
from governance.ports import Books
from governance.promoting import assemble
from governance.storage.archive import SqlArchive, open_archive

pytestmark = pytest.mark.slow

CLIENTS = 32


@dataclass
class Crowd:
    """What thirty-two people do to one registered model of two versions."""

    archive: SqlArchive
    policy: Policy
    uris: list[str]
    answers: list[tuple[int, str]] = field(default_factory=list)

    def promote(self, number: int) -> None:
        """Make one of the versions champion, at one of the servers."""
        wanted = {"name": "risk", "alias": "champion", "version": str(1 + number % 2)}
        uri = f"{self.uris[number // 2 % len(self.uris)]}/api/2.0/mlflow/registered-models/alias"
        answer = requests.post(uri, json=wanted, timeout=60)
        self.answers.append((answer.status_code, answer.text))

    def revoke(self, number: int) -> None:
        """Take an approval back and give another."""
        with self.archive.writing() as books:
            subject = self.subject(books, 1 + number % 2)
            revoked = {act.revoked for act in books.acts.of(subject.uid) if isinstance(act, Revocation)}
            standing = [a for a in books.approvals.of(subject.uid) if a.digest not in revoked]
            for approval in standing[:1]:
                draft = approving.draft_revocation(
                    books, self.policy, approval.digest, by="dora", reason="second thoughts", now=now()
                )
                approving.record(books, self.policy, draft)
        self.approve(number)

    def approve(self, number: int) -> None:
        """Approve a version on the ground as it is."""
        with self.archive.writing() as books:
            subject = self.subject(books, 1 + number % 2)
            lineage, (digest, *_) = books.lineages.of(subject.uid), books.evidence.seen(subject.uid)
            approving.give(
                books,
                assemble(books, subject, digest, lineage),
                self.policy,
                self.policy.target("production"),
                role="dpo",
                by="dora",
                verdict=Verdict.APPROVED,
                reason="reviewed",
                now=now(),
            )

    def relabel(self, number: int) -> None:
        """Let the consent fall, or restore it if it has fallen."""
        del number
        with self.archive.writing() as books:
            (entry,) = books.catalogue.named("visits")
            fallen = entry.label.consent is Consent.INVALID
            changed = replace(entry.label, consent=Consent.VALID if fallen else Consent.INVALID)
            cataloguing.relabel(books, "visits", changed, by="zoë", now=now(), reason="a letter came")

    def subject(self, books: Books, version: int) -> Subject:
        """One of the versions."""
        found = books.subjects.find(VersionName("risk", version))
        assert found is not None
        return found


def now() -> datetime:
    """Now."""
    return datetime.now(timezone.utc)


@pytest.mark.parametrize("database", ["embedded", "embedded_in_postgresql"])
def test_promoting_revoking_relabelling_at_once(
    database: str, request: pytest.FixtureRequest, start_servers: Callable[..., list[str]]
) -> None:
    """Whatever the order: each promotion has its ground, each answer its record, the log one chain."""
    clinic = request.getfixturevalue(database)
    for seed in (0, 1):
        clinic.register(seed=seed)
    archive = open_archive(clinic.database_uri)
    crowd = Crowd(archive, load(str(clinic.folder / "policy.yaml")), start_servers(clinic, count=2))
    for number in (0, 1):
        crowd.approve(number)
    start = threading.Barrier(CLIENTS)

    def act(number: int) -> None:
        deeds = [crowd.promote, crowd.revoke, crowd.promote, crowd.relabel]
        start.wait(60)
        for turn in range(len(deeds)):
            deeds[(number + turn) % len(deeds)](number // 4 + turn)

    with ThreadPoolExecutor(CLIENTS) as people:
        list(people.map(act, range(CLIENTS)))

    status = Counter(code for code, _ in crowd.answers)
    assert 2 * CLIENTS == status[200] + status[403], crowd.answers
    assert 0 < status[200] < 2 * CLIENTS, "they did not get into each other's way"
    with archive.reading() as books:
        entries = list(books.audit.entries())
        assert verify(entries).flaw is None
        judged = [e for e in entries if e.type in ("promotion:allowed", "promotion:denied")]
        counted = Counter(entry.type for entry in judged)
        assert (status[200], status[403]) == (counted["promotion:allowed"], counted["promotion:denied"])
        recorded = [d.record_digest for v in (1, 2) for d in books.decisions.of(crowd.subject(books, v).uid)]
        assert sorted(recorded) == sorted(e.body["decision"] for e in judged)
        assert len(recorded) == len(set(recorded))
        assert [] == groundless(books, entries)
        champions = [e.body["uid"] for e in entries if e.type == "promotion:allowed"]
        versions = {crowd.subject(books, v).uid: v for v in (1, 2)}
    aliases = clinic.client.get_registered_model("risk").aliases
    assert {"champion": versions[champions[-1]]} == {alias: int(v) for alias, v in aliases.items()}

    # As many fell as were restored. An approval for each, and what is in service is in order.
    for number in (0, 1):
        crowd.approve(number)
    found = clinic.run("reconcile", "--bytes", "--lineage")
    assert (0, "Nothing is amiss.\n") == (found.returncode, found.stdout)
    archive.engine.dispose()


def groundless(books: Books, entries: list[Any]) -> list[int]:
    """Positions of promotions that no approval carried: given before, not revoked, on the label of then."""
    approvals = {a.digest: a for e in entries if e.type == "approval:given" for a in given(books, e)}
    (open_label,) = {approvals[e.body["approval"]].ground.label_digest for e in first_two(entries)}
    consent, standing, found = "valid", set[str](), []
    for entry in entries:
        if entry.type == "dataset:relabelled":
            consent = entry.body["after"]["consent"]
        elif entry.type == "approval:given":
            standing.add(entry.body["approval"])
        elif entry.type == "approval:revoked":
            standing.discard(entry.body["revoked"])
        elif entry.type == "promotion:allowed":
            decision = books.decisions.get(entry.body["decision"])
            carried = [
                a
                for a in (approvals[digest] for digest in standing)
                if (a.ground.subject_uid, a.ground.manifest_digest) == (entry.body["uid"], decision.digest)
                and a.ground.label_digest == open_label
            ]
            if consent != "valid" or not carried:
                found.append(entry.position)
    return found


def given(books: Books, entry: Any) -> list[Any]:
    """The approval that an entry names."""
    return [a for a in books.approvals.of(entry.body["uid"]) if a.digest == entry.body["approval"]]


def first_two(entries: list[Any]) -> list[Any]:
    """The approvals that were given before anybody relabelled anything."""
    return [entry for entry in entries if entry.type == "approval:given"][:2]
