"""What every governed change needs: the gate, the subject, the places it holds, a refusal on record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn

from governance import registering
from governance.domain.decision import Decision, Outcome
from governance.domain.events import ChangeRefused
from governance.domain.subject import Subject, VersionName
from governance.errors import Undecided
from governance.policy.document import Policy, Target
from governance_mlflow import tags as reserved_tags
from governance_mlflow.errors import Refused, refusal, translated
from governance_mlflow.gate.gate import Gate
from governance_mlflow.gate.registry_rows import Entry, RegistryRows

LATEST = "latest"
"""The alias that follows every new version; MLflow lets nobody set it."""

VANISHES = "a model that is flagged as a prompt vanishes from every search, and passes for one."


@dataclass(frozen=True, slots=True)
class Place:
    """A version holds a protected place."""

    version: int
    target: Target
    words: str
    """The place, for example `alias @champion of risk`."""


def reads_like(imitated: str) -> str:
    """Why a name is refused that only looks like a protected one."""
    return f"it looks like the protected {imitated!r} and is not it."


class Judging(RegistryRows):
    """MLflow's store with a gate, and with the questions that each change asks of it."""

    gate: Gate

    def __init__(self, db_uri: str, read_db_uri: str | None = None) -> None:
        # A list of one once it was asked for, so that a change that asks for none needs none.
        self._policy: ContextVar[list[Policy] | None] = ContextVar("policy", default=None)
        super().__init__(db_uri, read_db_uri)

    @property
    def policy(self) -> Policy:
        """The policy in force; a change is judged by one, however often it asks."""
        known = self._policy.get()
        if known is None:
            return self.gate.policy
        if not known:
            known.append(self.gate.policy)
        return known[0]

    @contextmanager
    def governing(self) -> Iterator[None]:
        """Everything inside is judged on fresh reads, fails in MLflow's words, and is recorded if refused."""
        known = self._policy.get()
        token = self._policy.set([] if known is None else known)
        try:
            with self.fresh_reads(), translated():
                yield
        except Refused as error:
            # A transaction that is still open will be undone, and the record of the refusal with it.
            if not (error.recorded or self.in_transaction):
                error.recorded = True
                event = ChangeRefused(error.change, error.reason)
                with self.writing() as books:
                    books.audit.append(self.gate.asking().at, self.gate.actor(), event)
            raise
        finally:
            self._policy.reset(token)

    def subject(self, name: str, version: Any) -> Subject:
        """The subject behind a version; one older than governance is adopted."""
        with self.governing():
            with self.looking():
                found = self.entry(name, version)
                known = self.known(found)
            # Outside: to adopt one may take as long as reading its bytes.
            return known or self.gate.subject(found, found.location)

    def known(self, found: Entry) -> Subject | None:
        """The subject behind a version, None if it is older than governance."""
        with self.reading() as books:
            return books.subjects.find(VersionName(found.name, found.version, found.workspace))

    def held(self, name: str, version: int | None = None, called: str | None = None) -> tuple[Place, ...]:
        """The protected places that versions of a registered model hold, or that one version does.

        Args:
            called: Under which name the policy is asked; by default under its own.
        """
        policy, called = self.policy, called or name
        versions = self.versions(name, version)
        found = [
            Place(at, target, f"alias @{alias} of {called}")
            for _, alias, at in self.aliases(name)
            if version in (None, at) and (target := policy.target_for_alias(called, alias))
        ]
        found += [
            Place(at, target, f"stage {stage} of {called}")
            for _, at, stage in versions
            if (target := policy.target_for_stage(called, stage))
        ]
        if target := policy.target_for_model(called):
            found += [Place(at, target, f"a version of {called}") for _, at, _ in versions]
        if target := policy.target_for_alias(called, LATEST):
            words = f"the latest version of {called}"
            found += [Place(at, target, words) for at in self.newest(name) if version in (None, at)]
        if not self.flagged_as_prompt(name):
            return tuple(found)
        return tuple(place for place in found if not self.is_prompt(name, place.version))

    def adopt(self, name: str, places: Iterable[Place]) -> None:
        """See that each version has a subject, which may take as long as reading its bytes."""
        for version in self.strangers(name, places):
            self.subject(name, version)

    def strangers(self, name: str, places: Iterable[Place]) -> list[int]:
        """Versions at these places that governance never saw."""
        workspace = self._get_active_workspace()
        versions = {place.version for place in places}
        if not versions:
            return []
        with self.reading() as books:
            return [v for v in versions if books.subjects.find(VersionName(name, v, workspace)) is None]

    def insist(self, decision: Decision | None) -> None:
        """Raise what a denial says; None is a change that the policy does not judge."""
        if decision is not None and decision.outcome is not Outcome.ALLOWED:
            raise refusal(decision)

    def insist_on_same(self, subject: Subject) -> None:
        """Raise if the name of a version means another one by now."""
        with self.reading() as books:
            found = books.subjects.find(subject.named)
        if found is None or found.uid != subject.uid:
            raise Undecided(
                f"{subject.named} was deleted and made anew while it was being judged. Nothing was changed.",
                "Ask again.",
            )

    def refuse(self, words: str, reason: str) -> NoReturn:
        """Refuse a change that no evidence could make allowed; `governing` records it."""
        raise Refused(words, reason)

    def refuse_reserved(self, keys: Iterable[str], words: str) -> None:
        """Refuse the plugin's own tags."""
        taken = reserved_tags.reserved(keys)
        if taken:
            self.refuse(
                words, f"tags that begin with {reserved_tags.PREFIX!r} are the plugin's ({', '.join(taken)})."
            )

    def refuse_imitation(self, name: str, words: str) -> None:
        """Refuse a name that only looks like a protected one."""
        imitated = self.policy.lookalike(name)
        if imitated is not None:
            self.refuse(words, reads_like(imitated))

    def leave(self, name: str, places: Iterable[Place]) -> None:
        """Record that versions left protected places; leaving one is always allowed."""
        for place in places:
            self.gate.withdraw(self.subject(name, place.version).uid, place.target, place.words)

    def subjects(self, name: str) -> list[Subject]:
        """The living subjects of a registered model."""
        workspace = self._get_active_workspace()
        with self.reading() as books:
            return list(books.subjects.living(name, workspace))

    def bury(self, subjects: Iterable[Subject]) -> None:
        """Record deletions."""
        now, by = self.gate.asking().at, self.gate.actor()
        for subject in subjects:
            with self.writing() as books:
                registering.bury(books, subject, now, by)
