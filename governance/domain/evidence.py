"""One immutable record about exact bytes: an in-toto Statement, named by its digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any

from governance.canonical import digest, instant, timestamp


class EvidenceType(str, Enum):
    """The kinds of evidence a policy can ask for."""

    DP_TRAINING = "dp-training"
    DP_AUDIT = "dp-audit"
    MEMBERSHIP_INFERENCE = "membership-inference"
    ATTRIBUTE_INFERENCE = "attribute-inference"
    MODEL_INVERSION = "model-inversion"
    RECONSTRUCTION = "reconstruction"
    EXTRACTION = "extraction"
    PROPERTY_INFERENCE = "property-inference"
    MEMORISATION = "memorisation"
    SERVING_CONTROLS = "serving-controls"
    DPIA = "dpia"


PREDICATES = "https://mlflow-governance.dev/"
"""How the predicate types of our statements begin."""


def statement_about(
    manifest_digest: str, kind: str, predicate: Mapping[str, Any], version: int = 1
) -> dict[str, Any]:
    """The in-toto Statement v1 (https://in-toto.io/Statement/v1) that says something about exact bytes."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": manifest_digest}}],
        "predicateType": f"{PREDICATES}{kind}/v{version}",
        "predicate": dict(predicate),
    }


# No slots: the digest is kept where it was computed.
@dataclass(frozen=True)
class Evidence:
    """Facts about the bytes `subject_digest`; about any other bytes it says nothing."""

    type: EvidenceType
    subject_digest: str
    producer: str
    created_at: datetime
    expires_at: datetime | None
    body: Mapping[str, Any]
    """JSON facts; never a person's record."""
    inputs: tuple[str, ...] = ()
    """Digests of what it was computed from, sorted."""
    version: int = 1

    def statement(self) -> dict[str, Any]:
        """The in-toto Statement v1 (https://in-toto.io/Statement/v1) that states these facts."""
        predicate = {
            "producer": self.producer,
            "created": timestamp(self.created_at),
            "expires": timestamp(self.expires_at) if self.expires_at else None,
            "inputs": list(self.inputs),
            "body": dict(self.body),
        }
        return statement_about(self.subject_digest, self.type.value, predicate, self.version)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical statement: the evidence's name."""
        return digest(self.statement())

    @staticmethod
    def from_statement(statement: Mapping[str, Any]) -> Evidence:
        """The inverse of `statement`.

        Raises:
            ValueError: it is no statement of ours, or of a version this release does not read.
        """
        try:
            kind, _, version = statement["predicateType"].rpartition("/v")
            predicate = statement["predicate"]
            evidence = Evidence(
                type=EvidenceType(kind.removeprefix(PREDICATES)),
                subject_digest=statement["subject"][0]["digest"]["sha256"],
                producer=predicate["producer"],
                created_at=instant(predicate["created"]),
                expires_at=instant(predicate["expires"]) if predicate["expires"] else None,
                body=predicate["body"],
                inputs=tuple(predicate["inputs"]),
                version=int(version),
            )
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f"not a statement of evidence: {error!r}") from error
        if evidence.version != 1:
            raise ValueError(f"evidence version {evidence.version}: this release reads version 1")
        return evidence
