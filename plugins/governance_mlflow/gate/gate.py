"""Ties the gate to one registry: its policy, its callers, its bytes, its lineage and its books."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow import get_tracking_uri
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException

from governance import promoting, registering
from governance.canonical import canonical
from governance.domain.decision import Decision
from governance.domain.dossier import Asking, Dossier
from governance.domain.lineage import Lineage, Parent
from governance.domain.manifest import Manifest
from governance.domain.mechanism import DpTraining
from governance.domain.signature import IN_TOTO, Signature
from governance.domain.subject import Subject, VersionName
from governance.errors import Conflict, Undecided
from governance.labelling import inherit
from governance.policy.access import ANYWHERE
from governance.policy.document import Policy, Target
from governance.policy.parse import load
from governance.ports import Books
from governance.settings import Settings, current
from governance_mlflow.artifacts import mlmodel
from governance_mlflow.artifacts.destinations import frozen_area
from governance_mlflow.artifacts.locations import recorded
from governance_mlflow.artifacts.regions import insist_on_freezer
from governance_mlflow.artifacts.version_bytes import MlflowArtifacts
from governance_mlflow.callers.identity import caller, groups
from governance_mlflow.gate.lineage import TrackedLineage
from governance_mlflow.gate.origins import Origins, TrackingServer, TrackingTables

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy.orm import Session

ADOPTED = "unknown (registered before governance)"


@dataclass(frozen=True, slots=True)
class Bytes:
    """What lies at a location: its manifest, None if unreadable here, and what it says of itself."""

    manifest: Manifest | None
    training: DpTraining | None


class Gate:
    """Judges and records changes of one registry inside that registry's own transactions."""

    def __init__(
        self,
        database_url: str,
        reading: Callable[[], AbstractContextManager[Books]],
        writing: Callable[[], AbstractContextManager[Books]],
        looking: Callable[[], AbstractContextManager[Session]],
    ) -> None:
        self._database_url = database_url
        self._looking = looking
        self.reading = reading
        self.writing = writing
        self._policy: Policy | None = None
        self.lineage = TrackedLineage(self._find, self._base_models, self._origins)

    @property
    def settings(self) -> Settings:
        """The settings as they are now: a policy that was edited counts from the next decision."""
        return current()

    @property
    def policy(self) -> Policy:
        """The policy in force; while it stays the same, one object, so that its digest is computed once."""
        found = load(self.settings.policy)
        if found != self._policy:
            self._policy = found
            return found
        return self._policy

    @property
    def artifacts(self) -> MlflowArtifacts:
        """Hashes, freezes and sweeps."""
        return MlflowArtifacts(frozen_area(self.settings.frozen_root, self._database_url))

    def asking(self) -> Asking:
        """Who calls, and now."""
        return Asking(caller(self.settings.actor), datetime.now(timezone.utc), groups())

    def actor(self) -> str:
        """Who calls, in the log's words."""
        return self.asking().actor or promoting.NOBODY

    def inspect(self, uri: str) -> Bytes:
        """Hash what lies at a location and read what it says of itself; unreadable bytes are unread.

        Raises:
            UsageError: the bytes claim a DP training that cannot be read.
        """
        try:
            artifacts = self.artifacts
            return Bytes(artifacts.manifest(uri), mlmodel.dp_training(artifacts.mlmodel(uri)))
        except Undecided:
            return Bytes(None, None)

    def candidate(self, named: VersionName, source: str, run_id: str | None, model_id: str | None) -> Subject:
        """A version about to be registered by the caller, under a new uid."""
        asking = self.asking()
        by = asking.actor or promoting.NOBODY
        return Subject(uuid.uuid4().hex, named, source, run_id or None, model_id or None, asking.at, by)

    def register(self, subject: Subject, lineage: Lineage, bytes_: Bytes, location: str) -> None:
        """Record a version in a transaction of its own or the one that is open."""
        with self.writing() as books:
            registering.register(
                books,
                subject,
                lineage,
                bytes_.manifest,
                bytes_.training,
                recorded(location),
                self.sign,
            )

    @property
    def sign(self) -> registering.Sign | None:
        """Signs what the registry itself states with GOVERNANCE_SIGNING_KEY; None where none is set."""
        path = self.settings.signing_key
        return None if path is None else partial(_signed, path)

    def subject(self, version: Any, location: str) -> Subject:
        """The subject behind MLflow's version; one older than governance is adopted now."""
        named = VersionName(version.name, int(version.version), version.workspace or "default")
        known = self._find(named)
        if known is not None:
            return known
        now = datetime.now(timezone.utc)
        adopted = Subject(
            uuid.uuid4().hex, named, version.source, version.run_id or None, None, now, ADOPTED, adopted=True
        )
        try:
            self.register(adopted, self.lineage.read(adopted), self.inspect(location), location)
        except Conflict:
            # Somebody else adopted it at the same moment; theirs is the uid that counts.
            with self.reading() as books:
                return books.subjects.find(named) or adopted
        return adopted

    def promote(
        self, change: promoting.Change, carry_out: Callable[[str], None], lineage: Lineage | None = None
    ) -> Decision:
        """Decide and, if allowed, freeze, change and record; the lineage is read now, unless it just was."""
        policy, lineage = self.policy, lineage or self.lineage.read(change.subject)
        self._insist_on_freezer(policy, change, lineage)

        def still_carry_out(frozen_uri: str) -> None:
            # Only what is seen under the lock counts: a dataset may have been relabelled meanwhile.
            self._insist_on_freezer(policy, change, lineage)
            carry_out(frozen_uri)

        return promoting.promote(
            change,
            policy,
            lineage,
            self.asking(),
            artifacts=self.artifacts,
            reading=self.reading,
            writing=self.writing,
            carry_out=still_carry_out,
        )

    def _insist_on_freezer(self, policy: Policy, change: promoting.Change, lineage: Lineage) -> None:
        if policy.regions == ANYWHERE:
            return
        with self.reading() as books:
            inheritance = inherit(books, books.lineages.of(change.subject.uid).then(lineage))
        area = frozen_area(self.settings.frozen_root, self._database_url)
        words = f"Freezing {change.subject.named} for {change.words}"
        insist_on_freezer(policy, inheritance, words, area.place)

    def check(self, change: promoting.Change) -> Decision:
        """What `promote` would answer, without doing anything."""
        digest = self.artifacts.manifest(change.uri).digest
        lineage = self.lineage.read(change.subject)
        with self.reading() as books:
            return promoting.check(books, self.policy, change, digest, lineage, self.asking())

    def dossier(self, subject: Subject, uri: str) -> Dossier:
        """All that is known of a version and the bytes at a location."""
        digest = self.artifacts.manifest(uri).digest
        lineage = self.lineage.read(subject)
        with self.reading() as books:
            return promoting.assemble(books, subject, digest, lineage)

    def withdraw(self, uid: str, target: Target, words: str) -> None:
        """Record that a protected place was left."""
        with self.writing() as books:
            promoting.withdraw(books, uid, target, words, self.asking())

    def _find(self, named: VersionName) -> Subject | None:
        with self.reading() as books:
            return books.subjects.find(named)

    @contextmanager
    def _origins(self) -> Iterator[Origins]:
        # In workspaces MLflow's own query says which runs a caller may know of.
        if get_tracking_uri() != self._database_url or MLFLOW_ENABLE_WORKSPACES.get():
            yield TrackingServer(_client())
            return
        with self._looking() as session:
            yield TrackingTables(session, lambda: TrackingServer(_client()))

    def _base_models(self, source: str) -> tuple[Parent, ...]:
        try:
            return mlmodel.base_models(self.artifacts.mlmodel(location_of(source)))
        except (Undecided, MlflowException):
            # Bytes that cannot be read are not promoted, and a lost origin is a gap by itself.
            return ()


def _signed(key_file: str, statement: Mapping[str, Any]) -> Signature:
    from governance.signing import load_private, sign

    return sign(load_private(Path(key_file)), IN_TOTO, canonical(dict(statement)))


def location_of(source: str) -> str:
    """Where MLflow will look for the bytes of a version registered from a logged model or a location."""
    model_id = source.removeprefix("models:/")
    if model_id != source and "/" not in model_id and "@" not in model_id:
        return str(_client().get_logged_model(model_id).artifact_location)
    return source


def _client() -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient()
