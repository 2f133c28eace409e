"""Holds MLflow's tables, the frozen bytes, the policy and the audit log against each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException

from governance.domain.chain import verify
from governance.domain.decision import Decision, Outcome
from governance.domain.manifest import differences
from governance.domain.subject import Subject
from governance.errors import GovernanceError, Undecided
from governance.policy.document import Target
from governance.ports import Ailment
from governance.promoting import Change
from governance_mlflow.gate import location_of

if TYPE_CHECKING:
    from governance_mlflow.registry_store import GovernedStore


def examine(store: GovernedStore, repair: bool) -> tuple[Ailment, ...]:
    """Every ailment, in a fixed order; with `repair`, leftovers that nothing refers to are removed."""
    return (
        *_policy(store),
        *_chain(store),
        *_in_service(store),
        *_frozen(store),
        *_leftovers(store, repair),
    )


def _policy(store: GovernedStore) -> Iterator[Ailment]:
    for warning in store.gate.policy.warnings:
        yield Ailment(
            "policy-warning",
            f"{warning.file}:{warning.line}",
            warning.message,
            "a policy that can be fulfilled",
            "Fill it in a policy that extends this one, and set GOVERNANCE_POLICY to that file.",
            harmful=False,
        )


def _chain(store: GovernedStore) -> Iterator[Ailment]:
    with store.reading() as books:
        found = verify(books.audit.entries())
    if found.flaw is not None:
        yield Ailment(
            "broken-chain",
            f"audit entry {found.flaw.position}",
            found.flaw.reason,
            "an unbroken chain",
            "Compare with the last checkpoint kept elsewhere: governance audit verify --from-checkpoint FILE",
        )


def _in_service(store: GovernedStore) -> Iterator[Ailment]:
    for subject, target, words in _protected_places(store):
        location = store.location(subject)
        with store.reading() as books:
            allowed = [
                (decision, uri)
                for decision, uri in books.decisions.frozen()
                if decision.subject_uid == subject.uid and decision.target == target.name
            ]
        if not allowed:
            yield Ailment(
                "ungated-promotion",
                f"{subject.named} as {words}",
                "no decision ever allowed it",
                "an allowing decision before the move",
                f"Remove it, or have it judged: governance promote {subject.named} --to {target.name}",
            )
            continue
        decision, uri = allowed[-1]
        if location != uri:
            yield Ailment(
                "unfrozen",
                f"{subject.named} as {words}",
                f"served from {location}",
                f"served from {uri}",
                f"Promote it again: governance promote {subject.named} --to {target.name}",
            )
        yield from _origin(store, subject, decision)
        yield from _today(store, subject, target, words, location)


def _protected_places(store: GovernedStore) -> Iterator[tuple[Subject, Target, str]]:
    policy = store.gate.policy
    for name, alias, version in store.aliases():
        target = policy.target_for_alias(name, alias)
        if target is not None:
            yield store.subject(name, version), target, f"alias @{alias} of {name}"
    for name, version, stage in store.staged():
        target = policy.target_for_stage(name, stage)
        if target is not None:
            yield store.subject(name, version), target, f"stage {stage} of {name}"


def _origin(store: GovernedStore, subject: Subject, decision: Decision) -> Iterator[Ailment]:
    """Bytes that were changed where the version came from; what is served is the frozen copy."""
    with store.reading() as books:
        approved = books.evidence.manifest(decision.digest)
    if approved is None:
        return
    try:
        present = store.gate.artifacts.manifest(location_of(subject.source))
    except GovernanceError:
        # Origins may be cleaned away; the frozen copy is what counts.
        return
    changed = differences(approved, present)
    if changed:
        yield Ailment(
            "tampered-origin",
            str(subject.named),
            f"{'; '.join(changed)} (digest {present.digest[:12]})",
            f"the approved bytes {approved.digest[:12]}",
            "The registry serves the frozen copy; nothing changed for its users. Find out who wrote there.",
        )


def _today(
    store: GovernedStore, subject: Subject, target: Target, words: str, location: str
) -> Iterator[Ailment]:
    change = Change(subject, location, target, words, "in service")
    try:
        decision = store.gate.check(change)
    except GovernanceError as error:
        yield Ailment(
            "undecidable", f"{subject.named} as {words}", error.message, "readable facts", error.remedy
        )
        return
    if decision.outcome is not Outcome.ALLOWED:
        open_checks = sorted(
            {f.check for f in decision.findings if f.status.value in ("failed", "missing", "undecided")}
        )
        # Who asks today is not who asked then.
        if set(open_checks) != {"actor-known"}:
            yield Ailment(
                "stale",
                f"{subject.named} as {words}",
                f"the policy would refuse it today: {', '.join(open_checks)}",
                "facts that still allow it",
                f"See what is missing: governance check {subject.named} --for {target.name}",
            )


def _frozen(store: GovernedStore) -> Iterator[Ailment]:
    with store.reading() as books:
        kept = {uri: decision for decision, uri in books.decisions.frozen()}
        manifests = {uri: books.evidence.manifest(decision.digest) for uri, decision in kept.items()}
    for uri, decision in kept.items():
        approved = manifests[uri]
        try:
            present = store.gate.artifacts.manifest(uri)
        except Undecided as error:
            yield Ailment(
                "lost-frozen",
                uri,
                error.message,
                f"bytes {decision.digest[:12]}",
                "Restore it from a backup.",
            )
            continue
        if present.digest != decision.digest:
            changed = "; ".join(differences(approved, present)) if approved else present.digest
            yield Ailment(
                "tampered-frozen",
                f"{decision.named} at {uri}",
                changed,
                f"the approved bytes {decision.digest[:12]}",
                "Take the version out of service, restore the tree from a backup, then promote again.",
            )


def _leftovers(store: GovernedStore, repair: bool) -> Iterator[Ailment]:
    try:
        # Under the lock: a promotion that is about to refer to its tree looks for it under the same one.
        with store.writing() as books:
            kept = frozenset(uri for _, uri in books.decisions.frozen())
            found = store.gate.artifacts.leftovers(kept)
            removed = store.gate.artifacts.sweep(kept) if repair else ()
    except MlflowException:
        # No frozen area is known, so nothing was ever frozen by this process.
        return
    for path in found:
        yield Ailment(
            "unfinished-freeze",
            path,
            "removed" if path in removed else "a copy that no decision refers to",
            "nothing",
            "Nothing to do." if path in removed else "Remove it: governance doctor --repair",
            harmful=False,
        )
