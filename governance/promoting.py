"""The gate: a version moves into a protected place on evidence about its very bytes, or not at all.

A promotion goes through these steps; a crash between any two leaves nothing promoted and at worst a
frozen tree that nothing refers to:
1. hash the bytes, assemble the dossier, evaluate the policy; a denial is recorded and ends it here;
2. freeze: copy the bytes to their content address, hashing on the way;
3. in one transaction: assemble and evaluate again over the frozen digest, record the decision, make
   the change, record the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from governance.domain.decision import Decision, Outcome
from governance.domain.dossier import Asking, Dossier, Protection, Unknown
from governance.domain.events import PromotionAllowed, PromotionDenied, PromotionWithdrawn
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.label import Inheritance
from governance.domain.lineage import Lineage
from governance.domain.mechanism import DpTraining
from governance.domain.subject import Subject
from governance.errors import GovernanceError, Undecided
from governance.labelling import inherit
from governance.policy.document import Policy, Target
from governance.policy.evaluate import evaluate
from governance.ports import Artifacts, Books
from governance.spending import account

NOBODY = "unidentified"
"""How the log names a caller whom nothing identified."""


@dataclass(frozen=True, slots=True)
class Change:
    """A promotion that somebody asks for."""

    subject: Subject
    uri: str
    """Where the bytes lie that the registry would serve."""
    target: Target
    words: str
    """What would happen, for example `alias @champion`."""
    before: str
    """What the place held until now, for example `models:/visits/1`, or `nothing`."""


def assemble(books: Books, subject: Subject, manifest_digest: str, lineage: Lineage) -> Dossier:
    """All that is known of a version, its recorded lineage united with the one just read."""
    lineage = books.lineages.of(subject.uid).then(lineage)
    inheritance = inherit(books, lineage)
    evidence = books.evidence.about(manifest_digest)
    seen = dict.fromkeys(books.evidence.seen(subject.uid))
    approvals, acts = books.approvals.of(subject.uid), books.acts.of(subject.uid)
    names = [*(e.digest for e in evidence), *(a.digest for a in approvals), *(a.digest for a in acts)]
    return Dossier(
        subject=subject,
        digest=manifest_digest,
        lineage=lineage,
        inheritance=inheritance,
        evidence=evidence,
        stray=tuple(e for other in seen if other != manifest_digest for e in books.evidence.about(other)),
        protections=tuple(_protections(evidence)),
        accounts=tuple(
            found for name in _datasets(books, inheritance) if (found := account(books, name)) is not None
        ),
        approvals=approvals,
        acts=acts,
        signatures=books.signatures.of(names) if names else {},
    )


def _datasets(books: Books, inheritance: Inheritance) -> list[str]:
    """Names of the catalogued datasets that went in, directly or through a parent."""
    sources = {contribution.source for contribution in inheritance.contributions}
    return sorted({c.dataset.name for c in books.catalogue.all() if c.dataset.identity in sources})


def _protections(evidence: Iterable[Evidence]) -> Iterable[Protection]:
    from governance.privacy.accounting import guarantee

    for item in evidence:
        if item.type is not EvidenceType.DP_TRAINING:
            continue
        try:
            training = DpTraining.from_json(item.body)
        except ValueError:
            # Ingestion refuses such a body; one that got here by another way protects nothing.
            continue
        try:
            yield Protection(item.digest, training, guarantee(training))
        except GovernanceError as error:
            yield Protection(item.digest, training, Unknown(error.message))


def check(
    books: Books, policy: Policy, change: Change, digest: str, lineage: Lineage, asking: Asking
) -> Decision:
    """What the gate would answer now; nothing is recorded and nothing changes."""
    return evaluate(
        policy, change.target, assemble(books, change.subject, digest, lineage), asking, change.words
    )


def promote(
    change: Change,
    policy: Policy,
    lineage: Lineage,
    asking: Asking,
    *,
    artifacts: Artifacts,
    reading: Callable[[], AbstractContextManager[Books]],
    writing: Callable[[], AbstractContextManager[Books]],
    carry_out: Callable[[str], None],
) -> Decision:
    """Decide, and if allowed freeze the bytes, make the change and record both in one transaction.

    Args:
        carry_out: Makes the registry's change, serving from the frozen URI it is given; it runs inside
            the transaction of `writing`, so that its failure undoes the decision as well.

    Raises:
        Undecided: the bytes cannot be read or frozen; nothing was changed.
    """
    present = artifacts.manifest(change.uri)
    with reading() as books:
        # Before the look: whatever is written during it moves the head, and has the look repeated.
        head = books.audit.head()
        decision = check(books, policy, change, present.digest, lineage, asking)
    judged, frozen_uri = (head, present.digest), None
    if decision.outcome is Outcome.ALLOWED:
        present, frozen_uri = artifacts.freeze(change.uri)
    with writing() as books:
        books.evidence.keep_manifest(change.subject.uid, present)
        books.lineages.add(change.subject.uid, lineage)
        books.policies.keep(policy.digest, policy.name, policy.text, asking.at)
        # Between the first look and the lock an approval may have been revoked, a dataset relabelled
        # or the bytes changed: only what holds under the lock counts. Nothing that a decision rests on
        # is ever written without an entry in the log.
        if (books.audit.head(), present.digest) != judged:
            decision = check(books, policy, change, present.digest, lineage, asking)
        if frozen_uri is not None and decision.outcome is Outcome.ALLOWED:
            if not artifacts.holds(frozen_uri):
                raise Undecided(
                    f"The frozen bytes at {frozen_uri} were removed while they were being approved.",
                    "Promote again.",
                )
            carry_out(frozen_uri)
            _record_allowed(books, decision, change, frozen_uri)
        elif decision.outcome is not Outcome.ALLOWED:
            _record_denied(books, decision)
    if frozen_uri is None and decision.outcome is Outcome.ALLOWED:
        # What was missing arrived between the two looks; nothing was frozen yet, so ask again.
        return promote(
            change,
            policy,
            lineage,
            asking,
            artifacts=artifacts,
            reading=reading,
            writing=writing,
            carry_out=carry_out,
        )
    return decision


def _record_allowed(books: Books, decision: Decision, change: Change, frozen_uri: str) -> None:
    books.decisions.add(decision, frozen_uri)
    event = PromotionAllowed(
        uid=decision.subject_uid,
        decision=decision.record_digest,
        target=decision.target,
        change=decision.change,
        before=change.before,
        serves=frozen_uri,
    )
    books.audit.append(decision.at, decision.actor, event)


def _record_denied(books: Books, decision: Decision) -> None:
    books.decisions.add(decision, None)
    event = PromotionDenied(decision.subject_uid, decision.record_digest, decision.target, decision.change)
    books.audit.append(decision.at, decision.actor, event)


def withdraw(books: Books, uid: str, target: Target, words: str, asking: Asking, reason: str = "") -> None:
    """Record that a protected place was left; leaving one is always allowed."""
    event = PromotionWithdrawn(uid, target.name, words, reason)
    books.audit.append(asking.at, asking.actor or NOBODY, event)
