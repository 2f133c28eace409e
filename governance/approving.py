"""Somebody answers for a promotion: asks for a review, approves or rejects, and takes it back.

Every verb has two halves, so that a signature can be made elsewhere in between. A draft is checked and
complete, and nothing is written; `record` writes it, with the signature over its statement if there is
one. Waivers and broken glass are drafted in `governance.excepting`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from governance.canonical import timestamp
from governance.domain.approval import Approval, Verdict
from governance.domain.dossier import Dossier
from governance.domain.events import (
    ApprovalGiven,
    ApprovalRevoked,
    CheckWaived,
    Event,
    GlassBroken,
    ReviewRequested,
)
from governance.domain.review import Act, BreakGlass, ReviewRequest, Revocation, Waiver
from governance.domain.signature import Signature
from governance.errors import NotFound, UsageError
from governance.policy.document import Policy, Target
from governance.policy.standing import Given, attested, party, said
from governance.ports import Books

Answer = Approval | ReviewRequest | Revocation | Waiver | BreakGlass
"""What a person says about a promotion, for the record."""

A = TypeVar("A", bound=Answer)

PREFIX = 8
"""How much of a digest is enough to name a record, if no other begins so."""


def draft_request(
    dossier: Dossier, policy: Policy, target: Target, *, by: str, reason: str, now: datetime
) -> ReviewRequest:
    """Ask for a review of a promotion, on the ground as it is; whoever asks cannot approve it.

    Raises:
        UsageError: nobody asks, or there is no reason.
    """
    if not by.strip():
        raise UsageError("Nobody is named as asking for the review.", "Sign in, or set GOVERNANCE_ACTOR.")
    ground = dossier.ground(target.name, policy.digest)
    return ReviewRequest(dossier.subject.uid, by, now, stated(reason, "A request"), ground)


def draft_approval(
    dossier: Dossier,
    policy: Policy,
    target: Target,
    *,
    role: str,
    by: str,
    groups: Collection[str] = (),
    verdict: Verdict = Verdict.APPROVED,
    reason: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> Approval:
    """Approve or reject a promotion, on the ground as it is.

    Args:
        groups: Those of `by`, as the server's log-in knows them.

    Raises:
        UsageError: the role does not exist or the person does not hold it, the person registered the
            version or asked for the review, there is no reason, no time is left, or a rejection would
            lapse.
    """
    via = held_via(policy, role, by, groups)
    if _bystander_needed(policy, target, role):
        refuse_party(dossier, policy, target, by, f"Let another holder of the role {role!r} approve it.")
    if verdict is Verdict.REJECTED and expires_at is not None:
        raise UsageError(
            "A rejection does not lapse.", "Take it back when it no longer holds: governance revoke"
        )
    if expires_at is not None and expires_at <= now:
        raise UsageError("The approval would have expired when it is given.", "Let it expire later.")
    ground = dossier.ground(target.name, policy.digest)
    return Approval(ground, role, by, now, verdict, stated(reason, "An approval"), expires_at, via)


def draft_revocation(
    books: Books,
    policy: Policy,
    digest: str,
    *,
    by: str,
    groups: Collection[str] = (),
    reason: str,
    now: datetime,
) -> Revocation:
    """Take back an approval, a rejection, a waiver or broken glass, for good.

    Whoever gave it can take it back, and so can any holder of the role it was given in; a rejection only
    whoever gave it, for that opens what was closed.

    Args:
        digest: That of the record, or the first eight or more of its characters.

    Raises:
        NotFound: there is no such record.
        UsageError: several begin so, it is none of these, it was revoked before, `by` is not entitled
            to, or there is no reason.
    """
    given = find(books, digest)
    acts = books.acts.of(_uid(given))
    before = next((a for a in acts if isinstance(a, Revocation) and a.revoked == given.digest), None)
    if before is not None:
        raise UsageError(f"It was revoked by {before.by} on {said(before.at)} already; nothing was changed.")
    if by != given.by:
        if _rejects(given):
            raise UsageError(
                f"Only {given.by!r} can take back their rejection.",
                "Mend what was objected to: a rejection holds for these bytes, evidence, label and policy.",
            )
        held_via(policy, given.role, by, groups)
    reason = stated(reason, "A revocation")
    return Revocation(_uid(given), by, now, reason, given.digest, _bytes(given))


def find(books: Books, digest: str) -> Given:
    """The approval, rejection, waiver or broken glass whose digest is given, or begins so.

    Raises:
        NotFound: there is none.
        UsageError: there are several, or the digest is too short or no digest, or of another record.
    """
    prefix = digest.strip().lower()
    if not PREFIX <= len(prefix) <= 64 or not set(prefix) <= set("0123456789abcdef"):
        raise UsageError(
            f"{digest!r} names no record: expected {PREFIX} to 64 characters of its digest.",
            "See what was recorded: governance audit log --type approval:given",
        )
    found: list[Approval | Act] = [*books.approvals.named(prefix), *books.acts.named(prefix)]
    if not found:
        raise NotFound(
            f"No approval, waiver or broken glass begins with {prefix}.",
            "See what was recorded: governance audit log --type approval:given",
        )
    if len(found) > 1:
        raise UsageError(f"{len(found)} records begin with {prefix}.", "Give more of the digest.")
    (only,) = found
    if isinstance(only, (Approval, Waiver, BreakGlass)):
        return only
    raise UsageError(f"{prefix} is a {only.kind}: only what was given in a role can be revoked.")


def record(books: Books, policy: Policy, answer: A, signature: Signature | None = None) -> A:
    """Write down a draft with its signature, if there is one, and put it into the log; twice is once.

    What somebody sends is never recorded as it is: it is drafted here, from what they say and the time
    at which they say it, and their signature shows that they signed the very same.

    Raises:
        UsageError: the signature is not by a key that the policy gives the person, or the policy lets
            such a record count only with a signature and there is none; nothing was written.
    """
    if signature is not None and not attested(policy, answer, [signature], [answer.by]):
        raise UsageError(
            f"The signature is not over this {_word(answer)} by a key that policy {policy.name!r} names"
            f" for {answer.by!r}.",
            f"Name your public key under keys.{answer.by} in the policy (governance key show FILE),"
            " or sign with the key that stands there.",
        )
    if signature is None and policy.approvals_signed and _opens(books, answer):
        raise UsageError(
            f"Under policy {policy.name!r} this {_word(answer)} counts only with a signature.",
            "Sign it with --key FILE, or set GOVERNANCE_SIGNING_KEY.",
        )
    if not (books.approvals if isinstance(answer, Approval) else books.acts).named(answer.digest):
        books.policies.keep(policy.digest, policy.name, policy.text, answer.at)
        if isinstance(answer, Approval):
            books.approvals.add(answer)
        else:
            books.acts.add(answer)
        books.audit.append(answer.at, answer.by, _event(answer))
    if signature is not None:
        books.signatures.add(answer.digest, signature)
    return answer


def give(
    books: Books,
    dossier: Dossier,
    policy: Policy,
    target: Target,
    *,
    role: str,
    by: str,
    verdict: Verdict,
    reason: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> Approval:
    """Draft and record an approval or a rejection without a signature, in one step."""
    drafted = draft_approval(
        dossier,
        policy,
        target,
        role=role,
        by=by,
        verdict=verdict,
        reason=reason,
        now=now,
        expires_at=expires_at,
    )
    return record(books, policy, drafted)


def held_via(policy: Policy, role: str, by: str, groups: Collection[str]) -> str | None:
    """The group that gives somebody a role; None where the policy names the person.

    Raises:
        UsageError: there is no such role, or the person does not hold it.
    """
    if role not in policy.roles:
        raise UsageError(
            f"Policy {policy.name!r} has no role {role!r}; it has {', '.join(sorted(policy.roles))}.",
            "Choose one of them with --role, or add the role to the policy.",
        )
    if by in policy.roles[role].users:
        return None
    for group in policy.roles[role].groups:
        if group in groups:
            return group
    raise UsageError(
        f"{by!r} does not hold the role {role!r} in policy {policy.name!r}.",
        f"Name the person under roles.{role}.users in the policy, or a group of theirs under"
        f" roles.{role}.groups, or let a holder of the role act.",
    )


def refuse_party(dossier: Dossier, policy: Policy, target: Target, by: str, remedy: str) -> None:
    """Refuse whoever registered a version, or asked for the review, as a judge of it."""
    part = party(dossier, dossier.ground(target.name, policy.digest), by)
    if part:
        deed = part.replace("the version", str(dossier.subject.named))
        own = "their own version" if part.startswith("registered") else "what they asked for"
        raise UsageError(f"{by!r} {deed}: nobody approves {own}.", remedy)


def stated(reason: str, what: str) -> str:
    """A reason without the white space around it; `UsageError` if nothing is left."""
    if not reason.strip():
        raise UsageError(f"{what} needs a reason.", "Say why with --reason, in a sentence.")
    return reason.strip()


def _bystander_needed(policy: Policy, target: Target, role: str) -> bool:
    """Whether an approval in a role by somebody involved could never count."""
    return all(
        use.parameters["independent"]
        for rule in policy.rules
        if rule.concerns(target.name)
        for use in rule.checks
        if use.name == "approval" and use.parameters["role"] == role
    )


def _rejects(given: Given) -> bool:
    return isinstance(given, Approval) and given.verdict is Verdict.REJECTED


def _opens(books: Books, answer: Answer) -> bool:
    """Whether a record could let something through; only what closes may do without a signature."""
    if isinstance(answer, Revocation):
        return _rejects(find(books, answer.revoked))
    return not isinstance(answer, ReviewRequest) and not _rejects(answer)


def _uid(given: Given) -> str:
    return given.ground.subject_uid if isinstance(given, Approval) else given.subject_uid


def _bytes(given: Given) -> str:
    return given.ground.manifest_digest if isinstance(given, Approval) else given.manifest_digest


def _word(answer: Answer) -> str:
    if isinstance(answer, Approval):
        return "rejection" if _rejects(answer) else "approval"
    return answer.kind


def _event(answer: Answer) -> Event:
    name, reason = answer.digest, answer.reason
    if isinstance(answer, Approval):
        uid, target = answer.ground.subject_uid, answer.ground.target
        return ApprovalGiven(name, uid, target, answer.role, answer.verdict.value, reason)
    if isinstance(answer, ReviewRequest):
        return ReviewRequested(name, answer.subject_uid, answer.target, reason)
    if isinstance(answer, Revocation):
        return ApprovalRevoked(answer.revoked, answer.subject_uid, reason)
    expires = timestamp(answer.expires_at)
    if isinstance(answer, Waiver):
        return CheckWaived(
            name, answer.subject_uid, answer.target, answer.check, answer.role, expires, reason
        )
    return GlassBroken(name, answer.subject_uid, answer.target, answer.role, expires, reason)
