"""Admits or refuses whoever is being served, by the label of what they ask for, and puts both on record."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from governance.admitting import Refusal, guarded, refusal, restricting
from governance.domain.events import AccessDenied, Event, VersionAccessed
from governance.domain.label import Label
from governance.errors import GovernanceError
from governance.policy.access import Access
from governance.policy.document import Policy
from governance.ports import Clock
from governance.promoting import NOBODY
from governance_mlflow.callers.identity import caller, groups
from governance_mlflow.callers.served import served
from governance_mlflow.gate.gate import Gate

_logger = logging.getLogger(__name__)

FRESH = 1.0
"""Seconds for which a policy counts for reads once it was read; for a change it is read every time."""

TOGETHER = timedelta(minutes=1)
"""Accesses of one caller to one version are one entry of the log for so long, in each server process."""

_DOES = {Access.SEE: "Reading the entry of", Access.LOAD: "Loading", Access.DOWNLOAD: "Downloading from"}


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version that somebody asks for, or whose bytes they do."""

    uid: str
    version: str
    """In words, for the log and the caller."""
    label: Label


class Doorkeeper:
    """Stands before the versions of one registry.

    Args:
        clock: The time for the log, in UTC.
        ticks: Seconds that only grow.
    """

    def __init__(self, gate: Gate, clock: Clock = _now, ticks: Callable[[], float] = time.monotonic) -> None:
        self._gate = gate
        self._clock = clock
        self._ticks = ticks
        self._in_force: tuple[float, Policy, str | None] | None = None
        self._on_record: dict[tuple[object, ...], datetime] = {}
        self._recording = threading.Lock()

    def policy(self, action: Access) -> Policy | None:
        """The policy in force, None if it lets everybody do that with every version.

        A policy that became unreadable while the server runs opens and closes nothing: the last sound one
        counts.

        Raises:
            GovernanceError: no sound policy was ever read.
        """
        policy, _ = self._read()
        return policy if guarded(policy, action) else None

    def sees(self, policy: Policy, label: Label) -> bool:
        """Whether whoever is being served may see a version with this label; nothing is recorded."""
        return self._refusal(policy, label, Access.SEE) is None

    def insist(self, policy: Policy, action: Access, wanted: Collection[Wanted]) -> None:
        """Let whoever is being served do something with all of these, or raise why not; on record either way.

        A version that no rule restricts needs no record, nor does an entry that somebody reads.

        Raises:
            MlflowException: PERMISSION_DENIED; or the log cannot be written, and then nothing is let out.
        """
        request = served()
        route, purpose = (request.route, request.purpose) if request else ("", None)
        for one in wanted:
            found = self._refusal(policy, one.label, action)
            if found is not None:
                self._record(AccessDenied(one.uid, one.version, action.value, route, found.reason), purpose)
                raise MlflowException(
                    f"{_DOES[action]} {one.version} is refused: {found.reason}\n{found.remedy}".rstrip(),
                    error_code=PERMISSION_DENIED,
                )
        for one in wanted:
            if action is not Access.SEE and restricting(policy, one.label, action):
                event = VersionAccessed(one.uid, one.version, action.value, route, purpose or "")
                self._record(event, purpose)

    def _refusal(self, policy: Policy, label: Label, action: Access) -> Refusal | None:
        request = served()
        return refusal(policy, label, action, self._name(), groups(), request.purpose if request else None)

    def _name(self) -> str | None:
        _, operators_word = self._read()
        # Where nothing tells who asked, the operator's word for everybody says nothing of who did.
        return caller(operators_word) if served() is not None else None

    def _read(self) -> tuple[Policy, str | None]:
        now, held = self._ticks(), self._in_force
        if held is None or now - held[0] >= FRESH:
            try:
                held = (now, self._gate.policy, self._gate.settings.actor)
            except GovernanceError as error:
                if held is None:
                    raise
                _logger.warning("The policy cannot be read; access goes by the last sound one: %s", error)
                held = (now, *held[1:])
            self._in_force = held
        return held[1:]

    def _record(self, event: AccessDenied | VersionAccessed, purpose: str | None) -> None:
        actor = self._name() or NOBODY
        key = (actor, event.name, event.uid, event.action, purpose)
        # One at a time: of a hundred files that are fetched at once, the first is recorded, and the
        # others wait until it is.
        with self._recording:
            at = self._clock()
            if key in self._on_record and timedelta(0) <= at - self._on_record[key] < TOGETHER:
                return
            self._append(at, actor, event)
            recent = {k: t for k, t in self._on_record.items() if at - t < TOGETHER}
            self._on_record = recent | {key: at}

    def _append(self, at: datetime, actor: str, event: Event) -> None:
        with self._gate.writing() as books:
            books.audit.append(at, actor, event)
