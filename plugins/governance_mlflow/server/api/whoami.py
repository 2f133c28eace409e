"""Who the server thinks you are."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from governance_mlflow.server.api.who import Known

router = APIRouter(tags=["identity"])


class WhoAmI(BaseModel):
    """Somebody as the server knows them."""

    name: str = Field(description="As it stands in decisions, approvals and the audit log.")
    groups: list[str] = Field(description="As the server was told them, in alphabetical order.")
    how: str = Field(description="`basic-auth`, `oidc`, `header`, or `operator` for GOVERNANCE_ACTOR.")


@router.get("/whoami")
def whoami(identity: Known) -> WhoAmI:
    """Who the server thinks is calling; 401 where it does not know."""
    return WhoAmI(name=identity.name, groups=sorted(identity.groups), how=identity.how)
