"""All that is known of a version when it is judged, and why the rest is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from governance.canonical import digest
from governance.domain.approval import Approval, Ground
from governance.domain.budget import Account, Guarantee
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.label import Inheritance, to_json
from governance.domain.lineage import Lineage
from governance.domain.mechanism import DpTraining
from governance.domain.review import Act
from governance.domain.signature import Signature
from governance.domain.subject import Subject


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that could not be had, with the reason; it denies wherever a value is asked for."""

    reason: str


@dataclass(frozen=True, slots=True)
class Protection:
    """A DP training found in the evidence, and the guarantee computed from its facts."""

    evidence_digest: str
    training: DpTraining
    guarantee: Guarantee | Unknown


@dataclass(frozen=True, slots=True)
class Dossier:
    """The facts on which a policy is evaluated. Evidence about other bytes is kept apart."""

    subject: Subject
    digest: str
    """Manifest digest of the bytes to be promoted."""
    lineage: Lineage
    inheritance: Inheritance
    evidence: tuple[Evidence, ...]
    """About exactly these bytes, oldest first."""
    stray: tuple[Evidence, ...]
    """About other bytes of the same version: shown, never counted."""
    protections: tuple[Protection, ...]
    accounts: tuple[Account, ...]
    """One for every dataset in the lineage that has a budget."""
    approvals: tuple[Approval, ...]
    """Everything ever said about this version; only those on the present ground count."""
    acts: tuple[Act, ...] = ()
    """Requests, revocations, waivers and broken glass about this version, oldest first."""
    signatures: Mapping[str, tuple[Signature, ...]] = field(default_factory=dict)
    """By the digest of what they sign; whose they are, the policy's keys say."""

    def of(self, type: EvidenceType, now: datetime) -> tuple[Evidence, ...]:
        """Unexpired evidence of one type about these bytes, oldest first."""
        return tuple(
            e for e in self.evidence if e.type is type and (e.expires_at is None or now < e.expires_at)
        )

    def ground(self, target: str, policy_digest: str) -> Ground:
        """What an approval of this version for `target` would rest on now."""
        return Ground(
            subject_uid=self.subject.uid,
            target=target,
            manifest_digest=self.digest,
            policy_digest=policy_digest,
            label_digest=digest(to_json(self.inheritance.effective)),
            evidence_digests=tuple(sorted(e.digest for e in self.evidence)),
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for the change, and when."""

    actor: str | None
    """None when nobody could be identified; that closes protected targets."""
    at: datetime
    groups: frozenset[str] = frozenset()
    """The groups of whoever asks, as the server's log-in knows them."""
