"""Asking for a review and answering it: request, approve, reject, waive, break the glass, take back.

Everything is said in two steps: drafted here, looked at and signed where somebody's key is, handed in here.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from governance.intents import Intent, Kind
from governance_mlflow.server.api.desks import Body, ServedDesk, insist_on
from governance_mlflow.server.api.evidence import Signed
from governance_mlflow.server.api.who import Known

router = APIRouter(tags=["reviews"])


class Meant(Body):
    """What somebody means to say; which fields count depends on the kind."""

    kind: Kind
    reason: str = Field(min_length=1, max_length=4000, description="Why; it stands in every report.")
    model: str = Field(default="", max_length=1024, description="`models:/name/3`; not for a revocation.")
    target: str = Field(default="", max_length=256, description="The policy's target.")
    role: str = Field(default="", max_length=256, description="In which role; a request needs none.")
    check: str = Field(default="", max_length=256, description="The check to waive.")
    hours: float | None = Field(default=None, gt=0, le=87_600, description="How long it counts.")
    digest: str = Field(default="", max_length=64, description="The bytes that were reviewed.")
    record: str = Field(default="", max_length=64, description="What a revocation takes back.")

    def plain(self) -> Intent:
        """The intent as our own word."""
        return Intent(**self.model_dump())


class Draft(BaseModel):
    """What was drafted, to be looked at and signed."""

    at: str = Field(description="When; it is handed in with the same time, within fifteen minutes.")
    statement: dict[str, Any] = Field(description="An in-toto Statement; sign its canonical bytes.")
    shown: dict[str, str] = Field(description="What it is about, in words.")


class HandedIn(Body):
    """What was drafted, with a signature if there is one."""

    intent: Meant
    at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", description="As the draft says.")
    signature: Signed | None = None


@router.post("/drafts")
def draft(desk: ServedDesk, identity: Known, asked: Meant) -> Draft:
    """What an intent comes to; nothing is recorded."""
    _insist(desk, identity, asked)
    drafted = desk.draft(asked.plain())
    return Draft(at=drafted.at, statement=dict(drafted.statement), shown=dict(drafted.shown))


@router.post("/answers", status_code=201)
def hand_in(desk: ServedDesk, identity: Known, asked: HandedIn) -> dict[str, Any]:
    """Record what was drafted: `governance/approval/v1`, `waiver`, `revocation` and the like."""
    _insist(desk, identity, asked.intent)
    signature = asked.signature.plain() if asked.signature else None
    kind, document = desk.hand_in(asked.intent.plain(), asked.at, signature)
    return {"schema": f"governance/{kind}/v1"} | document


def _insist(desk: ServedDesk, identity: Known, asked: Meant) -> None:
    # Whoever asks changes what becomes of a version; whoever answers is let in by the policy's roles.
    if asked.kind != "revocation":
        insist_on(desk, identity, asked.model, "edit" if asked.kind == "review-request" else "read")
