"""Evidence that was computed elsewhere enters the books, after everything it says of itself was checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from governance.canonical import canonical
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.signature import IN_TOTO, Signature
from governance.errors import Conflict, UsageError
from governance.policy.checks import attacks, membership
from governance.policy.document import Policy
from governance.ports import Books
from governance.registering import record

MAX_BYTES = 1 << 20
"""The longest statement that is taken, in bytes of canonical JSON."""

SKEW = timedelta(minutes=5)
"""How far the clock of whoever measured may run ahead."""

RECORDED_HERE = frozenset({EvidenceType.DP_TRAINING})
"""What only the server records, from the bytes themselves: nobody types an ε."""


def submit(
    books: Books,
    policy: Policy,
    statement: Mapping[str, Any],
    signatures: Collection[Signature],
    *,
    digest: str,
    by: str,
    now: datetime,
) -> Evidence:
    """Record a statement about exactly the bytes `digest`, with the signatures that came with it.

    Args:
        statement: An in-toto Statement as `Evidence.statement` writes it.
        digest: The manifest digest of the version that it is submitted for.
        by: Who submits. The producer it names must be the same, or have signed it.

    Raises:
        UsageError: it is malformed, of a type that only the server records, about other bytes, from
            the future, kept for longer than the policy lets evidence count, by another producer, or
            wrongly signed; nothing was written.
    """
    evidence = _read(statement)
    if evidence.subject_digest != digest:
        raise UsageError(
            f"The evidence is about bytes {evidence.subject_digest[:12]}, the version has {digest[:12]}.",
            "Measure the version's own bytes, and submit that.",
        )
    _check_times(evidence, policy, now)
    signed = _signed_by(policy, evidence, signatures)
    if evidence.producer != by and evidence.producer not in signed:
        raise UsageError(
            f"The evidence names {evidence.producer!r} as its producer, and {by!r} submits it.",
            "Let the producer submit it, or sign it with a key that the policy lists under"
            f" keys.{evidence.producer}.",
        )
    if any(known.digest == evidence.digest for known in books.evidence.about(digest)):
        raise Conflict(f"Evidence {evidence.digest[:12]} is recorded already; nothing was changed.")
    for signature in signatures:
        books.signatures.add(evidence.digest, signature)
    record(books, evidence, now, by)
    return evidence


def _read(statement: Mapping[str, Any]) -> Evidence:
    wanted = "Submit what `governance assess` computed, unchanged."
    try:
        size = len(canonical(dict(statement)))
        evidence = Evidence.from_statement(statement)
        if canonical(evidence.statement()) != canonical(dict(statement)):
            raise ValueError("fields that no statement of evidence has")
        if evidence.type is EvidenceType.MEMBERSHIP_INFERENCE:
            membership.read(evidence.body)
        if evidence.type in attacks.ATTACKS:
            attacks.read(evidence.body)
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"The evidence cannot be read: {error}.", wanted) from error
    if size > MAX_BYTES:
        raise UsageError(f"The evidence has {size:,} bytes; at most {MAX_BYTES:,} are taken.", wanted)
    if evidence.type in RECORDED_HERE:
        raise UsageError(
            f"Evidence of type {evidence.type.value} is recorded by the registry alone, from the bytes.",
            "Train with governance_mlflow.private_training, log and register the model.",
        )
    return evidence


def _check_times(evidence: Evidence, policy: Policy, now: datetime) -> None:
    if evidence.created_at > now + SKEW:
        raise UsageError(
            f"The evidence was created at {evidence.created_at:%Y-%m-%d %H:%M} UTC, which is yet to come.",
            "Set the clock of the machine that measured, and measure again.",
        )
    if policy.max_age_days is None:
        return
    latest = evidence.created_at + timedelta(days=policy.max_age_days)
    if evidence.expires_at is None or evidence.expires_at > latest:
        raise UsageError(
            f"Policy {policy.name!r} lets evidence count for {policy.max_age_days} days,"
            " and this would count for longer.",
            f"Let it expire by {latest:%Y-%m-%d}.",
        )


def _signed_by(policy: Policy, evidence: Evidence, signatures: Collection[Signature]) -> frozenset[str]:
    if not signatures:
        return frozenset()
    from governance.signing import signed_by

    found: frozenset[str] = frozenset()
    for signature in signatures:
        names = signed_by(IN_TOTO, canonical(evidence.statement()), [signature], policy.keys)
        if not names:
            raise UsageError(
                f"The signature by key {signature.keyid[:12] or 'unnamed'} is by no key of policy"
                f" {policy.name!r}, or not over this statement.",
                "Sign the statement as it is submitted, with a key listed under `keys` in the policy.",
            )
        found |= names
    return found
