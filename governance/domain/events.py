"""The audit vocabulary: every kind of event there is, one dataclass each.

A name, once written, is never deleted and never changes its meaning: the log is read years later.
The docstring of each event is its documentation page.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `name` is `subject:action`."""

    name: ClassVar[str] = ""

    def body(self) -> dict[str, Any]:
        """The event's own fields as JSON values."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class DatasetCatalogued(Event):
    """A dataset entered the catalogue with a label."""

    name: ClassVar[str] = "dataset:catalogued"
    dataset: str
    label: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DatasetRelabelled(Event):
    """A dataset was given another label; every version trained on it is judged by the new one."""

    name: ClassVar[str] = "dataset:relabelled"
    dataset: str
    before: dict[str, Any]
    after: dict[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class VersionRegistered(Event):
    """A model version was registered and inherited its label."""

    name: ClassVar[str] = "version:registered"
    uid: str
    version: str
    digest: str
    label: dict[str, Any]
    unknown: list[str]
    openssf_digest: str = "unread"


@dataclass(frozen=True, slots=True)
class VersionRenamed(Event):
    """A registered model was renamed; its versions keep their uids and everything hung on them."""

    name: ClassVar[str] = "version:renamed"
    uid: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VersionAnnotated(Event):
    """The description or a tag of a version in a protected place was changed."""

    name: ClassVar[str] = "version:annotated"
    uid: str
    version: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ModelAnnotated(Event):
    """The description or a tag of a registered model with a version in a protected place was changed."""

    name: ClassVar[str] = "model:annotated"
    model: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VersionDeleted(Event):
    """A version was deleted from the registry; its uid, decisions and evidence stay."""

    name: ClassVar[str] = "version:deleted"
    uid: str
    version: str


@dataclass(frozen=True, slots=True)
class EvidenceRecorded(Event):
    """Evidence about exact bytes was recorded."""

    name: ClassVar[str] = "evidence:recorded"
    evidence: str
    type: str
    subject_digest: str


@dataclass(frozen=True, slots=True)
class ApprovalGiven(Event):
    """A person approved or rejected a promotion."""

    name: ClassVar[str] = "approval:given"
    approval: str
    uid: str
    target: str
    role: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewRequested(Event):
    """Somebody asked for a promotion to be reviewed."""

    name: ClassVar[str] = "review:requested"
    request: str
    uid: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class ApprovalRevoked(Event):
    """An approval, waiver or broken glass was taken back and no longer counts."""

    name: ClassVar[str] = "approval:revoked"
    revoked: str
    uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckWaived(Event):
    """A person let one check on exact bytes pass for a time; it counts once enough people signed."""

    name: ClassVar[str] = "check:waived"
    waiver: str
    uid: str
    target: str
    check: str
    role: str
    expires: str
    reason: str


@dataclass(frozen=True, slots=True)
class GlassBroken(Event):
    """In an emergency a person let exact bytes through, for a short time, against the policy."""

    name: ClassVar[str] = "glass:broken"
    break_glass: str
    uid: str
    target: str
    role: str
    expires: str
    reason: str


@dataclass(frozen=True, slots=True)
class VersionAccessed(Event):
    """Somebody was given the bytes of a version whose label restricts access."""

    name: ClassVar[str] = "version:accessed"
    uid: str
    version: str
    action: str
    route: str
    purpose: str


@dataclass(frozen=True, slots=True)
class AccessDenied(Event):
    """Somebody was refused the bytes of a version whose label restricts access."""

    name: ClassVar[str] = "access:denied"
    uid: str
    version: str
    action: str
    route: str
    reason: str


@dataclass(frozen=True, slots=True)
class PromotionAllowed(Event):
    """A promotion was allowed and carried out; `serves` is where the approved bytes lie."""

    name: ClassVar[str] = "promotion:allowed"
    uid: str
    decision: str
    target: str
    change: str
    before: str
    serves: str


@dataclass(frozen=True, slots=True)
class PromotionDenied(Event):
    """A promotion was refused; the decision says why."""

    name: ClassVar[str] = "promotion:denied"
    uid: str
    decision: str
    target: str
    change: str


@dataclass(frozen=True, slots=True)
class PromotionWithdrawn(Event):
    """A protected alias was removed, or a protected stage left; `reason` is empty where nobody gave one."""

    name: ClassVar[str] = "promotion:withdrawn"
    uid: str
    target: str
    change: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ChangeRefused(Event):
    """A change was refused outright: a reserved tag, a name that looks like a protected one."""

    name: ClassVar[str] = "change:refused"
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class BudgetReserved(Event):
    """A training reserved privacy budget before it began."""

    name: ClassVar[str] = "budget:reserved"
    dataset: str
    key: str


@dataclass(frozen=True, slots=True)
class BudgetCommitted(Event):
    """A training's privacy loss was charged to a dataset."""

    name: ClassVar[str] = "budget:committed"
    dataset: str
    key: str
    mechanism: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BudgetReleased(Event):
    """A reservation ended without a training."""

    name: ClassVar[str] = "budget:released"
    dataset: str
    key: str


@dataclass(frozen=True, slots=True)
class ReportRendered(Event):
    """A report was rendered; its digest names the very bytes handed out."""

    name: ClassVar[str] = "report:rendered"
    uid: str
    version: str
    format: str
    digest: str


EVENTS: tuple[type[Event], ...] = (
    DatasetCatalogued,
    DatasetRelabelled,
    VersionRegistered,
    VersionRenamed,
    VersionAnnotated,
    ModelAnnotated,
    VersionDeleted,
    EvidenceRecorded,
    ReviewRequested,
    ApprovalGiven,
    ApprovalRevoked,
    CheckWaived,
    GlassBroken,
    VersionAccessed,
    AccessDenied,
    PromotionAllowed,
    PromotionDenied,
    PromotionWithdrawn,
    ChangeRefused,
    BudgetReserved,
    BudgetCommitted,
    BudgetReleased,
    ReportRendered,
)
"""All events, in the order of a version's life."""
