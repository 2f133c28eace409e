"""What is in service, held against the approved bytes and against the policy as it judges today."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from governance.comparing import Approved, Facts, Found, about, called, placed
from governance.domain.decision import Decision, Outcome
from governance.domain.discrepancy import Discrepancy, Kind
from governance.domain.dossier import Asking, Dossier
from governance.domain.lineage import Lineage
from governance.domain.manifest import differences
from governance.domain.subject import Subject
from governance.errors import GovernanceError
from governance.inventory import Inventory, Place, Row
from governance.policy.document import Policy
from governance.policy.evaluate import evaluate
from governance.ports import Artifacts, Books
from governance.promoting import NOBODY, assemble
from governance.reading_ahead import read_ahead

UNREADABLE = (GovernanceError, ValueError, KeyError)
"""What a record that somebody changed in the database makes of the question that comes upon it."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What versions in service are held against, and how thoroughly."""

    inventory: Inventory
    artifacts: Artifacts
    policy: Policy
    now: datetime
    read_bytes: bool = False
    """Hash every frozen tree and every origin, which reads every byte."""
    read_lineage: bool = False
    """Ask the tracking server anew what went into versions in service, one by one."""

    def inspect(self, rows: Sequence[Row], facts: Facts) -> dict[Row, list[Found]]:
        """What is wrong with the bytes and the grounds of these versions."""
        in_service = {
            place: approved
            for row in rows
            for place in facts.places[row.named]
            if (approved := facts.lets(place, row.location)) is not None
        }
        judged = self._judged(in_service)
        return {row: list(self._one(row, facts, in_service, judged)) for row in rows}

    def _one(
        self,
        row: Row,
        facts: Facts,
        in_service: Mapping[Place, Approved],
        judged: Mapping[Place, Decision | str],
    ) -> Iterator[Found]:
        mine = {place: in_service[place] for place in facts.places[row.named] if place in in_service}
        yield from self._frozen(row, facts, mine)
        for place, approved in mine.items():
            yield from _today(place, approved, judged[place])
        if self.read_bytes and mine:
            yield from self._origin(row, next(iter(mine.values())))

    def _frozen(self, row: Row, facts: Facts, mine: Mapping[Place, Approved]) -> Iterator[Found]:
        """Trees that were frozen for a version, in service or not."""
        own = facts.approved.get(row.uid or "", {}).values()
        trees = {approved.uri: approved.decision for approved in (*own, *mine.values())}
        for uri, decision in trees.items():
            kind, observed = self._differs(uri, decision)
            if observed:
                discrepancy = Discrepancy(
                    kind,
                    f"{called(row.named)} at {uri}",
                    observed,
                    f"the approved bytes {decision.digest[:12]}",
                    "Take it out of service, restore the tree from a backup, then promote it again.",
                )
                serving = tuple(place for place, approved in mine.items() if approved.uri == uri)
                yield Found(discrepancy, serving, row.named)

    def _differs(self, uri: str, decision: Decision) -> tuple[Kind, str]:
        """What is wrong with a frozen tree; empty if it is as approved, as far as it was read."""
        try:
            if not self.artifacts.holds(uri):
                return Kind.LOST_FROZEN, "nothing is there"
            present = self.artifacts.manifest(uri) if self.read_bytes else None
        except GovernanceError as error:
            return Kind.LOST_FROZEN, error.message
        if present is None or present.digest == decision.digest:
            return Kind.TAMPERED_FROZEN, ""
        with self.inventory.snapshot() as snapshot:
            approved = snapshot.books.evidence.manifest(decision.digest)
        observed = "; ".join(differences(approved, present)) if approved else present.digest
        return Kind.TAMPERED_FROZEN, observed

    def _origin(self, row: Row, approved: Approved) -> Iterator[Found]:
        """Bytes that were changed where a version came from; what is served is the frozen copy."""
        digest = approved.decision.digest
        with self.inventory.snapshot() as snapshot:
            subject = snapshot.books.subjects.get(str(row.uid))
            expected = snapshot.books.evidence.manifest(digest)
        present = self.inventory.origin(subject)
        if expected is not None and present is not None and present.digest != digest:
            discrepancy = Discrepancy(
                Kind.TAMPERED_ORIGIN,
                called(row.named),
                f"{'; '.join(differences(expected, present))} (digest {present.digest[:12]})",
                f"the approved bytes {digest[:12]}",
                "The registry serves the frozen copy; nothing changed for its users. "
                "Find out who wrote there.",
            )
            yield Found(discrepancy, named=row.named)

    def _judged(self, in_service: Mapping[Place, Approved]) -> dict[Place, Decision | str]:
        """What the policy says today of versions in service, or why it cannot be said."""
        dossiers = self._dossiers({(a.decision.subject_uid, a.decision.digest) for a in in_service.values()})
        found: dict[Place, Decision | str] = {}
        for place, approved in in_service.items():
            dossier = dossiers[approved.decision.subject_uid, approved.decision.digest]
            found[place] = dossier if isinstance(dossier, str) else self._judge(place, approved, dossier)
        return found

    def _judge(self, place: Place, approved: Approved, dossier: Dossier) -> Decision | str:
        asked = approved.decision.actor
        # On behalf of whoever asked then: somebody who approved it is no bystander when asking.
        asking = Asking(None if asked == NOBODY else asked, self.now)
        try:
            return evaluate(self.policy, self.policy.targets[place.target], dossier, asking, place.words)
        except UNREADABLE as error:
            return str(error)

    def _dossiers(self, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], Dossier | str]:
        """All that is known of these versions as these bytes."""
        if not wanted:
            return {}
        judged: dict[str, set[str]] = {}
        for uid, digest in wanted:
            judged.setdefault(uid, set()).add(digest)
        read = self._lineages(judged) if self.read_lineage else {}
        with self.inventory.snapshot() as snapshot:
            try:
                books = read_ahead(snapshot.books, judged)
            except UNREADABLE:
                # One record that cannot be read concerns one version: ask for each by itself.
                books = snapshot.books
            subjects = books.subjects.get_each(judged)
            return {
                (uid, digest): _dossier(books, subjects[uid], digest, read.get(uid)) for uid, digest in wanted
            }

    def _lineages(self, uids: Collection[str]) -> dict[str, Lineage]:
        with self.inventory.snapshot() as snapshot:
            subjects = snapshot.books.subjects.get_each(uids)
        # Not inside the snapshot: the tracking server may use the same file, and wait for its end.
        return {uid: self.inventory.lineage(subject) for uid, subject in subjects.items()}


def _dossier(books: Books, subject: Subject, digest: str, read: Lineage | None) -> Dossier | str:
    try:
        return assemble(books, subject, digest, books.lineages.of(subject.uid) if read is None else read)
    except UNREADABLE as error:
        return str(error)


def _today(place: Place, approved: Approved, today: Decision | str) -> Iterator[Found]:
    """What the policy's answer of today means for a version in service."""
    if isinstance(today, str):
        yield Found(undecidable(placed(place), today), (place,), place.named)
        return
    ask = f"governance check {approved.decision.named} --for {place.target}"
    if today.outcome is not Outcome.ALLOWED:
        unmet = ", ".join(sorted({finding.check for finding in today.unmet}))
        observed = f"the policy would refuse it today: {unmet}"
        remedy = f"See what is missing: {ask}"
        yield about(Kind.STALE, place, observed, "facts that still allow it", remedy)
    elif today.exceptional:
        let = dict.fromkeys(f"{one.check} {one.status.value}: {one.reason}" for one in today.exceptional)
        remedy = f"Supply before then what is missing: {ask}"
        yield about(Kind.EXCEPTIONAL, place, "; ".join(let), "every check passed", remedy)


def undecidable(subject: str, why: str) -> Discrepancy:
    """Nobody can say what the policy would answer."""
    remedy = "Run `governance audit verify`; restore what was changed from a backup."
    return Discrepancy(Kind.UNDECIDABLE, subject, why.partition("\n")[0], "readable facts", remedy)
