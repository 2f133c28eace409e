"""The audit log and the policy in force, for those who read what others did."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query

from governance.documents import entry_json
from governance_mlflow.server.api.desks import ServedDesk, insist_on_role
from governance_mlflow.server.api.who import Known

router = APIRouter(tags=["records"])

PAGE = 1000


@router.get("/audit")
def audit(
    desk: ServedDesk,
    identity: Known,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
) -> dict[str, Any]:
    """`governance/audit-log/v1`: entries behind a position, oldest first, and where the log ends."""
    insist_on_role(desk, identity, "The audit log")
    position, head = desk.head()
    found = [entry_json(entry) for entry in islice(desk.entries(after), limit)]
    return {"schema": "governance/audit-log/v1", "entries": found, "position": position, "head": head}


@router.get("/policy")
def policy(desk: ServedDesk, identity: Known) -> dict[str, Any]:  # noqa: ARG001 - it has to be somebody
    """The policy in force, as YAML with everything that it extends merged in."""
    found = desk.policy
    return {
        "schema": "governance/policy-in-force/v1",
        "name": found.name,
        "digest": found.digest,
        "text": found.text,
    }
