"""Whose keys stand under a record: the signatures on file, held against the keys that the policy names."""

from __future__ import annotations

from governance.canonical import canonical
from governance.domain.dossier import Dossier
from governance.domain.signature import IN_TOTO
from governance.policy.document import Policy
from governance.policy.standing import Record
from governance.reports.tolerant import Json


def signatures(policy: Policy, dossier: Dossier, record: Record) -> list[Json]:
    """Every signature over a record, with the names whose keys made it; none where no key did."""
    found = dossier.signatures.get(record.digest, ())
    if not found:
        return []
    # Signing needs a library of its own, and few reports have anything signed.
    from governance.signing import signed_by

    payload = canonical(record.statement())
    return [
        {
            "keyid": signature.keyid,
            "algorithm": signature.algorithm,
            "by": sorted(signed_by(IN_TOTO, payload, [signature], policy.keys)),
        }
        for signature in found
    ]
