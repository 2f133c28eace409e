"""Which approvals, waivers and broken glass count now, and why the others do not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from typing import Any, Protocol

from governance.canonical import canonical
from governance.domain.approval import Approval, Ground, Verdict
from governance.domain.dossier import Asking, Dossier
from governance.domain.review import BreakGlass, ReviewRequest, Revocation, Waiver
from governance.domain.signature import IN_TOTO, Signature
from governance.policy.document import Policy
from governance.policy.names import canonical_name

Given = Approval | Waiver | BreakGlass
"""What somebody gave in a role."""


class Record(Protocol):
    """Whatever people and services sign."""

    @property
    def digest(self) -> str:
        """Its name."""

    def statement(self) -> dict[str, Any]:
        """What is signed, in canonical JSON."""


def set_aside(policy: Policy, dossier: Dossier, asking: Asking, given: Given) -> str:
    """Why something given in a role does not count, whatever it is about; empty if it does."""
    if why := roleless(policy, given):
        return why
    revocation = revoked(policy, dossier, given)
    if revocation is not None:
        return f"revoked by {revocation.by} on {said(revocation.at)}"
    if given.expires_at is not None and given.expires_at <= asking.at:
        return f"expired on {said(given.expires_at)}"
    if policy.approvals_signed and not signed(policy, dossier, given, [given.by]):
        return "not signed with a key of their own"
    return ""


def roleless(policy: Policy, given: Given) -> str:
    """Why the policy does not, or no longer, give somebody the role; empty if it does."""
    role = policy.roles.get(given.role)
    if given.via is not None:
        lost = role is None or given.via not in role.groups
        return f"the group {given.via!r} does not give the role {given.role!r}" if lost else ""
    return f"does not hold the role {given.role!r}" if role is None or given.by not in role.users else ""


def revoked(policy: Policy, dossier: Dossier, given: Given) -> Revocation | None:
    """The first revocation of something given.

    It counts whatever its time: between the moment at which somebody asks and the lock under which the
    answer is given, bytes are copied for minutes, and what was revoked meanwhile must not count. Only
    the revocation of a rejection opens anything, so only it must be by whoever rejected, and signed
    where approvals must be.
    """
    for act in dossier.acts:
        if not isinstance(act, Revocation) or act.revoked != given.digest:
            continue
        opens = isinstance(given, Approval) and given.verdict is Verdict.REJECTED
        if not opens:
            return act
        if act.by == given.by and not (
            policy.approvals_signed and not signed(policy, dossier, act, [given.by])
        ):
            return act
    return None


def signed(policy: Policy, dossier: Dossier, record: Record, names: Collection[str]) -> bool:
    """Whether a record bears a signature with a key that the policy gives one of these names."""
    signatures = dossier.signatures.get(record.digest, ())
    return bool(signatures) and attested(policy, record, signatures, names)


def attested(
    policy: Policy,
    record: Record,
    signatures: Sequence[Signature],
    names: Collection[str],
) -> bool:
    """Whether one of these signatures over a record is valid and by a key of one of these names."""
    # Signing needs a library of its own, and few policies ask for signatures.
    from governance.signing import signed_by

    keys = {name: policy.keys[name] for name in names if name in policy.keys}
    return bool(keys) and bool(signed_by(IN_TOTO, canonical(record.statement()), signatures, keys))


def involved(dossier: Dossier, asking: Asking, ground: Ground, by: str) -> str:
    """Why somebody is no bystander of a promotion; empty if they are."""
    if asking.actor is None:
        return "nobody was identified as asking, so it may be the same person"
    if canonical_name(by) == canonical_name(asking.actor):
        return "asks for the change"
    return party(dossier, ground, by)


def party(dossier: Dossier, ground: Ground, by: str) -> str:
    """What somebody did to bring a version before its judges; empty if they had no part in it."""
    name = canonical_name(by)
    if name == canonical_name(dossier.subject.registered_by):
        return "registered the version"
    asked = (a for a in dossier.acts if isinstance(a, ReviewRequest) and a.ground.digest == ground.digest)
    return "asked for the review of the version" if name in {canonical_name(a.by) for a in asked} else ""


def said(at: datetime) -> str:
    """An instant for people, to the minute."""
    return f"{at.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
