"""Evidence that was computed where the data are, and what the books hold about a version's bytes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from governance.domain.signature import ECDSA_P256, ED25519, Signature
from governance_mlflow.server.api.desks import Body, ModelUri, ServedDesk, insist_on
from governance_mlflow.server.api.who import Known

router = APIRouter(tags=["evidence"])


class Signed(Body):
    """One signature over the canonical statement, in the encoding of DSSE."""

    keyid: str = Field(default="", max_length=256)
    algorithm: str = Field(pattern=f"^({ED25519}|{ECDSA_P256})$")
    value: str = Field(min_length=1, max_length=1024, description="Standard base64.")

    def plain(self) -> Signature:
        """The signature as our own word."""
        return Signature(self.keyid, self.algorithm, self.value)


class Submitted(Body):
    """A statement of evidence about a version."""

    model: str = Field(min_length=1, max_length=1024, description="`models:/name/3` and the like.")
    statement: dict[str, Any] = Field(description="An in-toto Statement; see the reference on evidence.")
    signatures: list[Signed] = Field(default=[], max_length=32)


class Recorded(BaseModel):
    """What was recorded."""

    digest: str = Field(description="The digest that names the record.")


@router.post("/evidence", status_code=201)
def submit(desk: ServedDesk, identity: Known, asked: Submitted) -> Recorded:
    """Record evidence about a version's bytes; all that it says of itself is checked."""
    insist_on(desk, identity, asked.model, "read")
    signatures = [signature.plain() for signature in asked.signatures]
    return Recorded(digest=desk.submit(asked.model, asked.statement, signatures))


@router.get("/evidence")
def evidence(desk: ServedDesk, identity: Known, model: ModelUri) -> dict[str, Any]:
    """All evidence about a version's bytes, oldest first, as statements with their signatures."""
    insist_on(desk, identity, model, "read")
    _, dossier = desk.dossier(model)
    found = [
        {
            "digest": item.digest,
            "statement": item.statement(),
            "signatures": [
                {"keyid": s.keyid, "algorithm": s.algorithm, "value": s.value}
                for s in dossier.signatures.get(item.digest, ())
            ],
        }
        for item in dossier.evidence
    ]
    return {"schema": "governance/evidence-list/v1", "digest": dossier.digest, "evidence": found}
