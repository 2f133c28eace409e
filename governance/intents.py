"""What somebody means to say about a promotion: put down as JSON, drafted at the desk, and handed in.

Whoever signs does so between the two, where their key is. The desk never records what it is sent: it
drafts again, at the time of the first draft, and the signature shows that both drafts are one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from governance.approving import Answer, draft_approval, draft_request, draft_revocation
from governance.documents import act_json, approval_json
from governance.domain.approval import Approval, Verdict
from governance.domain.dossier import Asking, Dossier
from governance.domain.evidence import PREDICATES
from governance.domain.label import describe
from governance.domain.review import Revocation
from governance.domain.signature import Signature
from governance.domain.subject import Subject
from governance.errors import UsageError
from governance.excepting import draft_break_glass, draft_waiver
from governance.policy.document import Policy, Target
from governance.policy.evaluate import evaluate
from governance.ports import Books

Kind = Literal["review-request", "approval", "rejection", "waiver", "break-glass", "revocation"]

SHORT = 12
"""The fewest characters of a digest that tell bytes apart."""

SHOWN = ("confidentiality", "identifiability", "special_categories", "subject_categories", "purposes")
"""The dimensions of a label that somebody is shown before they answer."""

SIGNING_TIME = timedelta(minutes=15)
"""How long somebody may take between the draft and handing it in."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that somebody means to say; which fields count depends on the kind."""

    kind: Kind
    reason: str
    model: str = ""
    """The version, for all but a revocation."""
    target: str = ""
    role: str = ""
    check: str = ""
    """The check to waive."""
    hours: float | None = None
    """How long it counts; None for as long as its ground holds."""
    digest: str = ""
    """The bytes that were reviewed, or their first twelve or more characters; empty insists on none."""
    record: str = ""
    """What is taken back, for a revocation."""


@dataclass(frozen=True, slots=True)
class Matter:
    """A promotion that somebody is about to answer for."""

    subject: Subject
    dossier: Dossier
    target: Target
    policy: Policy


def draft(intent: Intent, matter: Matter, by: str, groups: Collection[str], now: datetime) -> Answer:
    """The record that an intent about a promotion comes to; nothing is written.

    Raises:
        UsageError: as the verbs of `approving` and `excepting` say, or the version has other bytes than
            those that were reviewed.
    """
    dossier, policy, target = matter.dossier, matter.policy, matter.target
    _insist(dossier, intent.digest)
    expires_at = None if intent.hours is None else now + timedelta(hours=intent.hours)
    if intent.kind == "review-request":
        return draft_request(dossier, policy, target, by=by, reason=intent.reason, now=now)
    who = {"role": intent.role, "by": by, "groups": groups, "reason": intent.reason, "now": now}
    if intent.kind in ("approval", "rejection"):
        verdict = Verdict.APPROVED if intent.kind == "approval" else Verdict.REJECTED
        return draft_approval(dossier, policy, target, verdict=verdict, expires_at=expires_at, **who)  # type: ignore[arg-type]  # the keys are its parameters
    if expires_at is None:
        raise UsageError(f"A {intent.kind} ends some time.", "Say when.")
    if intent.kind == "waiver":
        return draft_waiver(dossier, policy, target, check=intent.check, expires_at=expires_at, **who)  # type: ignore[arg-type]  # the keys are its parameters
    return draft_break_glass(dossier, policy, target, expires_at=expires_at, **who)  # type: ignore[arg-type]  # the keys are its parameters


def insist_same(intent: Intent, statement: Mapping[str, Any], by: str) -> None:
    """Refuse to sign a statement that says something else than was meant: a server may be wrong, or lie.

    Raises:
        UsageError: it is by somebody else, or differs in its kind, verdict, target, role, check, reason or
            bytes.
    """
    said = statement.get("predicate", {})
    kind = str(statement.get("predicateType", "")).removeprefix(PREDICATES)
    target = said.get("ground", {}).get("target", said.get("target", ""))
    verdicts = {"approval": "approved", "rejection": "rejected"}
    subject = statement.get("subject", [{}])[0].get("digest", {}).get("sha256", "")
    meant = {
        "kind": ("approval" if intent.kind in verdicts else intent.kind) + "/v1",
        "verdict": verdicts.get(intent.kind),
        "by": by,
        "reason": intent.reason.strip(),
        "role": intent.role,
        "check": intent.check,
        "bytes": intent.digest.lower(),
        "revoked": intent.record.lower(),
    }
    told = {
        "kind": kind,
        "verdict": said.get("verdict"),
        "by": said.get("by"),
        "reason": said.get("reason"),
        "role": said.get("role", ""),
        "check": said.get("check", ""),
        "bytes": subject[: len(intent.digest)],
        "revoked": said.get("revoked", "")[: len(intent.record)],
    }
    wrong = [key for key in meant if meant[key] != told[key]]
    if wrong or (intent.target and not target):
        raise UsageError(
            f"What is to be signed differs from what you said: {', '.join(wrong) or 'target'}.",
            "Nothing was signed. Ask who runs the server.",
        )


def draft_taking_back(
    intent: Intent, books: Books, policy: Policy, by: str, groups: Collection[str], now: datetime
) -> Revocation:
    """The revocation that an intent comes to; nothing is written."""
    return draft_revocation(books, policy, intent.record, by=by, groups=groups, reason=intent.reason, now=now)


def document(answer: Answer, subject: Subject, signature: Signature | None) -> dict[str, Any]:
    """The document of a recorded answer: `governance/approval/v1` and its kin, without the schema."""
    if isinstance(answer, Approval):
        return approval_json(answer, subject, signature)
    return act_json(answer, subject, signature)


def kind_of(answer: Answer) -> str:
    """The word in the schema of an answer's document."""
    return "approval" if isinstance(answer, Approval) else answer.kind


def shown(matter: Matter, now: datetime) -> dict[str, str]:
    """What somebody is about to answer for, in words."""
    # Judged as if somebody asked who had no part in it: that is who will.
    asking = Asking("somebody else", now)
    decision = evaluate(matter.policy, matter.target, matter.dossier, asking, "")
    unmet = dict.fromkeys(f.check for f in decision.unmet if f.check != "approval")
    label = describe(matter.dossier.inheritance.effective)
    return {
        "version": str(matter.subject.named),
        "target": matter.target.name,
        "policy": matter.policy.name,
        "bytes": matter.dossier.digest,
        "label": "; ".join(label[dimension] for dimension in SHOWN),
        "evidence": f"{len(matter.dossier.evidence)} about these bytes",
        "unmet": ", ".join(unmet) or "nothing but approvals",
    }


def _insist(dossier: Dossier, digest: str) -> None:
    if not digest:
        return
    if len(digest) < SHORT:
        raise UsageError(f"{digest!r} is too short to tell bytes apart.", f"Give {SHORT} or more characters.")
    if not dossier.digest.startswith(digest.lower()):
        raise UsageError(
            f"{dossier.subject.named} has the bytes {dossier.digest}, not {digest}.",
            "Review the bytes that are there now.",
        )
