"""What people said and what the gate answered, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from governance.domain.approval import Approval
from governance.domain.chain import Entry
from governance.domain.decision import Decision, Outcome
from governance.domain.events import PromotionAllowed, PromotionDenied, PromotionWithdrawn
from governance.domain.review import Act
from governance.domain.signature import Signature
from governance.errors import Conflict, NotFound
from governance.memory.state import State
from governance.ports import Unpaired


class Approvals:
    """What reviewers said; see `ports.Approvals`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, approval: Approval) -> None:
        """Record a verdict."""
        self._state.approvals.setdefault(approval.digest, approval)

    def of(self, subject_uid: str) -> tuple[Approval, ...]:
        """Every verdict on a version, oldest first."""
        return tuple(a for a in self._state.approvals.values() if a.ground.subject_uid == subject_uid)

    def of_each(self, subject_uids: Collection[str]) -> dict[str, tuple[Approval, ...]]:
        """The same for many versions at once; those without any are left out."""
        return {uid: found for uid in subject_uids if (found := self.of(uid))}

    def named(self, prefix: str) -> tuple[Approval, ...]:
        """Every verdict whose digest begins so, oldest first."""
        return tuple(a for name, a in self._state.approvals.items() if name.startswith(prefix))


class Acts:
    """Requests, revocations, waivers and broken glass; see `ports.Acts`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, act: Act) -> None:
        """Record an act."""
        self._state.acts.setdefault(act.digest, act)

    def of(self, subject_uid: str) -> tuple[Act, ...]:
        """Every act about a version, oldest first."""
        return tuple(act for act in self._state.acts.values() if act.subject_uid == subject_uid)

    def of_each(self, subject_uids: Collection[str]) -> dict[str, tuple[Act, ...]]:
        """The same for many versions at once; those without any are left out."""
        return {uid: found for uid in subject_uids if (found := self.of(uid))}

    def get(self, digest: str) -> Act:
        """The act of that name; else `NotFound`."""
        if digest not in self._state.acts:
            raise NotFound(f"No request, waiver or revocation {digest} is recorded.")
        return self._state.acts[digest]

    def named(self, prefix: str) -> tuple[Act, ...]:
        """Every act whose digest begins so, oldest first."""
        return tuple(act for name, act in self._state.acts.items() if name.startswith(prefix))

    def all(self, kind: str) -> tuple[Act, ...]:
        """Every act of one kind, oldest first."""
        return tuple(act for act in self._state.acts.values() if act.kind == kind)


class Signatures:
    """Signatures over evidence, approvals and acts; see `ports.Signatures`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, record_digest: str, signature: Signature) -> None:
        """Record a signature over the record of that name."""
        if (record_digest, signature) not in self._state.signatures:
            self._state.signatures.append((record_digest, signature))

    def of(self, record_digests: Collection[str]) -> dict[str, tuple[Signature, ...]]:
        """The signatures over each of these records, oldest first; those without any are left out."""
        found: dict[str, tuple[Signature, ...]] = {}
        for name, signature in self._state.signatures:
            if name in record_digests:
                found[name] = (*found.get(name, ()), signature)
        return found


class Decisions:
    """Decisions by digest, with the frozen trees behind allowed ones; see `ports.Decisions`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, decision: Decision, frozen_uri: str | None) -> None:
        """Record a decision; `frozen_uri` is where its bytes were frozen, None for a denial."""
        name = decision.record_digest
        _, recorded = self._state.decisions.setdefault(name, (decision, frozen_uri))
        if recorded != frozen_uri:
            raise Conflict(f"Decision {name} is recorded with the frozen URI {recorded}.")

    def of(self, subject_uid: str) -> tuple[Decision, ...]:
        """Every decision on a version, oldest first."""
        return tuple(d for d, _ in self._state.decisions.values() if d.subject_uid == subject_uid)

    def get(self, record_digest: str) -> Decision:
        """The decision of that name; else `NotFound`."""
        if record_digest not in self._state.decisions:
            raise NotFound(f"No decision {record_digest} is recorded.")
        return self._state.decisions[record_digest][0]

    def frozen(self) -> tuple[tuple[Decision, str], ...]:
        """Every allowed decision with its frozen URI, oldest first."""
        return tuple(
            (decision, uri)
            for decision, uri in self._state.decisions.values()
            if uri is not None and decision.outcome is Outcome.ALLOWED
        )

    def allowed(self, subject_uids: Collection[str]) -> tuple[tuple[Decision, str], ...]:
        """For each of these versions and each target the newest allowed decision, with its frozen URI."""
        newest: dict[tuple[str, str], tuple[Decision, str]] = {}
        for decision, uri in self.frozen():
            if decision.subject_uid in subject_uids:
                # Put in anew, it goes to the end.
                newest.pop((decision.subject_uid, decision.target), None)
                newest[decision.subject_uid, decision.target] = decision, uri
        return tuple(newest.values())

    def frozen_uris(self) -> frozenset[str]:
        """Every URI that an allowed decision put into service."""
        return frozenset(uri for _, uri in self.frozen())


class Promotions:
    """Who holds which place; see `ports.Promotions`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def standing(self, subject_uids: Collection[str]) -> tuple[Entry, ...]:
        """For each of these versions, target and change the newest entry, in order of the log."""
        newest = {
            (entry.body["uid"], entry.body["target"], entry.body["change"]): entry
            for entry in self._state.audit
            if entry.type in (PromotionAllowed.name, PromotionWithdrawn.name)
            and entry.body["uid"] in subject_uids
        }
        return tuple(sorted(newest.values(), key=lambda entry: entry.position))

    def unpaired(self) -> Unpaired:
        """Where decisions and log disagree."""
        judged = (PromotionAllowed.name, PromotionDenied.name)
        logged = Counter(str(e.body["decision"]) for e in self._state.audit if e.type in judged)
        return Unpaired(
            lost=tuple(sorted(logged.keys() - self._state.decisions.keys())),
            unlogged=tuple(sorted(self._state.decisions.keys() - logged.keys())),
            repeated=tuple(sorted(name for name, times in logged.items() if times > 1)),
        )


class PolicyArchive:
    """Policies by digest; see `ports.PolicyArchive`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def keep(self, digest: str, name: str, text: str, at: datetime) -> None:  # noqa: ARG002 - the port's arguments
        """Remember a policy's text by its digest."""
        self._state.policies.setdefault(digest, text)

    def text(self, digest: str) -> str:
        """The text of the policy with that digest; else `NotFound`."""
        if digest not in self._state.policies:
            raise NotFound(f"No policy with the digest {digest} was ever used here.")
        return self._state.policies[digest]
