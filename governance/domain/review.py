"""What people do around a promotion besides approving it: ask for it, take back, waive, break the glass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar

from governance.canonical import digest, instant, timestamp
from governance.domain.approval import Ground
from governance.domain.evidence import statement_about


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person did about one version, for the record and for good."""

    kind: ClassVar[str] = ""
    subject_uid: str
    by: str
    at: datetime
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Every field as a JSON value, and the kind."""
        written: dict[str, Any] = {"kind": self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, datetime):
                value = timestamp(value)
            written[field.name] = value.to_json() if isinstance(value, Ground) else value
        return written

    @property
    def digest(self) -> str:
        """The act's name."""
        return digest(self.to_json())


@dataclass(frozen=True, slots=True)
class ReviewRequest(Act):
    """Somebody asks for a promotion to be reviewed, on the ground as it is."""

    kind: ClassVar[str] = "review-request"
    ground: Ground

    @property
    def target(self) -> str:
        """The place that is asked for."""
        return self.ground.target

    def statement(self) -> dict[str, Any]:
        """What is signed: an in-toto Statement about the bytes."""
        return statement_about(self.ground.manifest_digest, self.kind, self.to_json())


@dataclass(frozen=True, slots=True)
class Revocation(Act):
    """An approval, waiver or broken glass no longer counts, from this moment."""

    kind: ClassVar[str] = "revocation"
    revoked: str
    """The digest of what no longer counts."""
    manifest_digest: str

    def statement(self) -> dict[str, Any]:
        """What is signed: an in-toto Statement about the bytes."""
        return statement_about(self.manifest_digest, self.kind, self.to_json())


@dataclass(frozen=True, slots=True)
class Waiver(Act):
    """One signer lets one check on exact bytes pass for a time, and says why."""

    kind: ClassVar[str] = "waiver"
    target: str
    check: str
    manifest_digest: str
    policy_digest: str
    role: str
    expires_at: datetime
    via: str | None = None
    """The group that gave the signer the role; None where the policy names the person."""

    def statement(self) -> dict[str, Any]:
        """What is signed: an in-toto Statement about the bytes."""
        return statement_about(self.manifest_digest, self.kind, self.to_json())


@dataclass(frozen=True, slots=True)
class BreakGlass(Act):
    """In an emergency somebody entitled to it lets exact bytes through for a short time."""

    kind: ClassVar[str] = "break-glass"
    target: str
    manifest_digest: str
    policy_digest: str
    role: str
    expires_at: datetime
    via: str | None = None
    """The group that gave the person the role; None where the policy names the person."""

    def statement(self) -> dict[str, Any]:
        """What is signed: an in-toto Statement about the bytes."""
        return statement_about(self.manifest_digest, self.kind, self.to_json())


ACTS: Mapping[str, type[Act]] = {act.kind: act for act in (ReviewRequest, Revocation, Waiver, BreakGlass)}
"""Every kind of act by its word."""

_INSTANTS = ("at", "expires_at")


def act_from_json(data: Mapping[str, Any]) -> Act:
    """The inverse of `Act.to_json`.

    Raises:
        ValueError: it is no act of ours.
    """
    try:
        given = {key: value for key, value in data.items() if key != "kind"}
        for key in _INSTANTS:
            if key in given:
                given[key] = instant(given[key])
        if "ground" in given:
            given["ground"] = Ground.from_json(given["ground"])
        return ACTS[data["kind"]](**given)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an act: {error!r}") from error
