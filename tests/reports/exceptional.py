"""A version in service by exception: two waived a test, somebody broke the glass for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.approving import Answer, draft_revocation, record
from governance.canonical import canonical
from governance.domain.decision import Decision, Outcome
from governance.domain.dossier import Asking, Dossier
from governance.domain.events import PromotionAllowed
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.lineage import DatasetUse, Lineage
from governance.domain.signature import IN_TOTO, Signature
from governance.intents import Intent, Kind, Matter, draft
from governance.memory import MemoryArchive
from governance.policy.evaluate import evaluate
from governance.policy.parse import parse
from governance.promoting import assemble
from governance.reports.answering import answer
from governance.reports.gather import ReportFacts
from governance.signing import public_line, sign

from .cases import NOW, at, catalogue, manifest, membership, version

DORAS, LABS = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))

POLICY = parse(
    f"""
schema: governance/policy/v1
name: emergencies
extends: health
evidence: {{ signed_by: [privacy-lab] }}
targets:
  production: {{ aliases: [champion], purpose: care, region: EU }}
roles:
  privacy_reviewer: {{ users: [petra], groups: [reviewers] }}
  dpo: {{ users: [dora] }}
  accountable_executive: {{ users: [eve] }}
keys:
  dora: ["{public_line(DORAS.public_key())}"]
  privacy-lab: ["{public_line(LABS.public_key())}"]
waivers:
  membership-tpr: {{ roles: [privacy_reviewer, dpo], max_days: 14 }}
  dp-epsilon: {{ roles: [dpo], max_days: 14 }}
break_glass: {{ roles: [accountable_executive], max_hours: 24 }}
""",
    "emergencies.yaml",
)
PLACE = POLICY.target("production")
CHANGE = "alias @champion of readmission-risk"

SUBJECT, FILES = version("u-urgent", "readmission-risk", 5), manifest("e7")
LINEAGE = Lineage(
    uses=(DatasetUse("7c1e", "admissions", "1f2e3d4c", "s3://hospital/admissions.parquet", "train"),)
)


class Room:
    """Where people answer for the version, each at a time of their own, and somebody promotes it."""

    def __init__(self) -> None:
        self.archive = MemoryArchive()
        lab = Evidence(
            EvidenceType.ATTRIBUTE_INFERENCE, FILES.digest, "privacy-lab", at(9), at(-100), {"n": 4_000}
        )
        with self.archive.writing() as books:
            catalogue(books)
            books.subjects.add(SUBJECT)
            books.evidence.keep_manifest(SUBJECT.uid, FILES)
            books.evidence.add(membership(FILES.digest, 1.0))
            books.evidence.add(lab)
            books.signatures.add(lab.digest, signature(LABS, lab.statement()))

    def dossier(self) -> Dossier:
        """All that is known of the version."""
        with self.archive.reading() as books:
            return assemble(books, SUBJECT, FILES.digest, LINEAGE)

    def say(
        self,
        by: str,
        when: datetime,
        kind: Kind,
        reason: str,
        *,
        groups: tuple[str, ...] = (),
        key: Ed25519PrivateKey | None = None,
        **given: Any,
    ) -> Answer:
        """Somebody says something, signed if there is a key."""
        matter = Matter(SUBJECT, self.dossier(), PLACE, POLICY)
        answer = draft(Intent(kind, reason, **given), matter, by, groups, when)
        with self.archive.writing() as books:
            return record(books, POLICY, answer, signature(key, answer.statement()) if key else None)

    def revoke(self, given: Answer, when: datetime, reason: str) -> None:
        """Whoever gave something takes it back."""
        with self.archive.writing() as books:
            back = draft_revocation(books, POLICY, given.digest, by=given.by, reason=reason, now=when)
            record(books, POLICY, back)

    def promote(self, when: datetime) -> Decision:
        """Sam moves the alias, if the policy lets it be moved."""
        made = evaluate(POLICY, PLACE, self.dossier(), Asking("sam", when), CHANGE)
        assert Outcome.ALLOWED is made.outcome
        with self.archive.writing() as books:
            books.decisions.add(made, "file:frozen/e7")
            moved = PromotionAllowed(
                SUBJECT.uid, made.record_digest, PLACE.name, CHANGE, "nothing", "file:frozen/e7"
            )
            books.audit.append(when, "sam", moved)
        return made

    def facts(self, now: datetime) -> ReportFacts:
        """The report, as somebody asks for it."""
        with self.archive.reading() as books:
            asking = Asking("rita", now)
            return answer(books, self.dossier(), POLICY, PLACE, asking, change=CHANGE, purpose="Triage.")


def signature(key: Ed25519PrivateKey, statement: Mapping[str, Any]) -> Signature:
    """A key's signature over a statement."""
    return sign(key, IN_TOTO, canonical(dict(statement)))


def emergency() -> Room:
    """Everything people can say was said, and the version went into service half an hour ago."""
    room = Room()
    reviewer = {"target": "production", "role": "privacy_reviewer"}
    room.say("sam", at(4), "review-request", "the old model refuses every patient", target="production")
    petras = room.say("petra", at(3), "approval", "the measurements are in order", **reviewer)
    toms = room.say("tom", at(3), "rejection", "no test of inversion", groups=("reviewers",), **reviewer)
    room.say("dora", at(2), "approval", "for one month", target="production", role="dpo", key=DORAS)
    room.revoke(petras, at(2), "read the wrong file")
    room.revoke(toms, at(1), "inversion needs a gradient, and there is none")
    week = {"reason": "the lab signs next week", "kind": "waiver"}
    dpo = {"target": "production", "role": "dpo", "hours": 300.0}
    room.say("petra", at(20), hours=24.0, check="membership-tpr", **reviewer, **week)
    room.say("petra", at(1), hours=240.0, check="membership-tpr", **reviewer, **week)
    room.say("dora", at(1), key=DORAS, check="membership-tpr", **dpo, **week)
    room.say("dora", at(1), check="dp-epsilon", **dpo, **week)
    room.say(
        "eve",
        NOW - timedelta(hours=1),
        "break-glass",
        "patients wait; the old model is down",
        target="production",
        role="accountable_executive",
        hours=20.0,
    )
    room.promote(NOW - timedelta(minutes=30))
    return room
