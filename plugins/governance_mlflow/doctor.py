"""Holds MLflow's tables, the frozen bytes, the policy and the audit log against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
from governance_mlflow.identity import acting_as

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


@dataclass(frozen=True, slots=True)
class _InService:
    """A version in a protected place."""

    subject: Subject
    target: Target
    words: str
    by_name: bool
    """It got there by being copied into a protected name: then its origin was judged."""


def _in_service(store: GovernedStore) -> Iterator[Ailment]:
    with store.reading() as books:
        decided = books.decisions.frozen()
    for place in _protected_places(store):
        location = store.location(place.subject)
        allowed = [
            (decision, uri)
            for decision, uri in decided
            if decision.target == place.target.name
            and (decision.subject_uid == place.subject.uid or (place.by_name and uri == location))
        ]
        what = f"{place.subject.named} as {place.words}"
        again = f"governance promote {place.subject.named} --to {place.target.name}"
        if not allowed:
            yield Ailment(
                "ungated-promotion",
                what,
                "no decision ever allowed it",
                "an allowing decision before the move",
                f"Remove it, or have it judged: {again}",
            )
            continue
        decision, uri = allowed[-1]
        if location != uri:
            remedy = f"Promote it again: {again}"
            yield Ailment("unfrozen", what, f"served from {location}", f"served from {uri}", remedy)
        yield from _origin(store, place.subject, decision)
        yield from _today(store, place, decision, location)


def _protected_places(store: GovernedStore) -> Iterator[_InService]:
    policy = store.gate.policy
    for name, alias, version in store.aliases():
        target = policy.target_for_alias(name, alias)
        if target is not None and not store.is_prompt(name, version):
            yield _InService(store.subject(name, version), target, f"alias @{alias} of {name}", False)
    for name, version, stage in store.versions():
        target = policy.target_for_stage(name, stage)
        if target is not None:
            yield _InService(store.subject(name, version), target, f"stage {stage} of {name}", False)
        target = policy.target_for_model(name)
        if target is not None and not store.is_prompt(name, version):
            yield _InService(store.subject(name, version), target, f"a version of {name}", True)


def _origin(store: GovernedStore, subject: Subject, decision: Decision) -> Iterator[Ailment]:
    """Bytes that were changed where the version came from; what is served is the frozen copy."""
    with store.reading() as books:
        approved = books.evidence.manifest(decision.digest)
    if approved is None or _is_copy(subject):
        return
    try:
        present = store.gate.artifacts.manifest(location_of(subject.source))
    except (GovernanceError, MlflowException):
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


def _is_copy(subject: Subject) -> bool:
    """Whether it came from another version, whose own origin is looked at where that is in service."""
    return subject.source.startswith("models:/") and "/" in subject.source.removeprefix("models:/")


def _today(store: GovernedStore, place: _InService, decision: Decision, location: str) -> Iterator[Ailment]:
    what = f"{place.subject.named} as {place.words}"
    with store.reading() as books:
        judged = books.subjects.get(decision.subject_uid)
    try:
        # On behalf of whoever asked then: somebody who approved it is no bystander when asking.
        with acting_as(decision.actor):
            today = store.gate.check(Change(judged, location, place.target, place.words, "in service"))
    except GovernanceError as error:
        yield Ailment("undecidable", what, error.message, "readable facts", error.remedy)
        return
    if today.outcome is not Outcome.ALLOWED:
        unmet = sorted({finding.check for finding in today.unmet})
        yield Ailment(
            "stale",
            what,
            f"the policy would refuse it today: {', '.join(unmet)}",
            "facts that still allow it",
            f"See what is missing: governance check {judged.named} --for {place.target.name}",
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
