"""What a version inherits, whether it may be promoted, and what is known of it."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from governance_mlflow.server.api.desks import ModelUri, OfVersion, ServedDesk, TargetName, insist_on
from governance_mlflow.server.api.who import Known

router = APIRouter(tags=["versions"])

MEDIA = {"html": "text/html", "md": "text/markdown", "json": "application/json"}


@router.get("/label")
def label(desk: ServedDesk, identity: Known, model: ModelUri) -> dict[str, Any]:
    """`governance/label/v1`: what a version inherits, and because of what."""
    insist_on(desk, identity, model, "read")
    return {"schema": "governance/label/v1"} | desk.label(model)


@router.get("/check")
def check(desk: ServedDesk, identity: Known, model: ModelUri, target: TargetName) -> dict[str, Any]:
    """`governance/decision/v1`: what the gate would answer; nothing is changed or recorded."""
    insist_on(desk, identity, model, "read")
    return desk.check(model, target).record()


@router.post("/promotions")
def promote(desk: ServedDesk, identity: Known, asked: OfVersion) -> dict[str, Any]:
    """Move a target's alias through the gate; a denial is an answer (`outcome`), not an error."""
    insist_on(desk, identity, asked.model, "edit")
    return desk.promote(asked.model, asked.target).record()


@router.get("/decisions")
def decisions(desk: ServedDesk, identity: Known, model: ModelUri) -> dict[str, Any]:
    """Every decision on a version, oldest first."""
    insist_on(desk, identity, model, "read")
    found = [decision.record() for decision in desk.decisions(model)]
    return {"schema": "governance/decisions/v1", "decisions": found}


@router.get(
    "/report",
    response_class=PlainTextResponse,
    responses={200: {"content": {media: {} for media in MEDIA.values()}}},
)
def report(
    desk: ServedDesk,
    identity: Known,
    model: ModelUri,
    target: TargetName,
    format: Literal["html", "md", "json"] = "html",
) -> Response:
    """The report of a version; its digest goes into the audit log."""
    insist_on(desk, identity, model, "read")
    text = desk.report(model, target, format)
    # A report is read, never run: it holds what people wrote.
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, media_type=f"{MEDIA[format]}; charset=utf-8", headers=headers)
