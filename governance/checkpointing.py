"""Where the audit log ended once, as a file to be kept where those who can change the log cannot.

Unsigned it is `governance/checkpoint/v1`. Signed it is a DSSE envelope around an in-toto Statement
whose subject is the log up to there, by the hash of its last entry.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from governance.canonical import canonical, instant, timestamp
from governance.domain.chain import Checkpoint
from governance.domain.evidence import PREDICATES
from governance.domain.signature import IN_TOTO, Envelope, read_envelope

if TYPE_CHECKING:
    from governance.signing import PrivateKey

_SCHEMA = "governance/checkpoint/v1"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = f"{PREDICATES}checkpoint/v1"


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint as it was read from a file."""

    checkpoint: Checkpoint
    at: datetime
    envelope: Envelope | None
    """What it came in; None when nobody signed it."""

    def signers(self, keys: Mapping[str, Sequence[str]]) -> frozenset[str]:
        """Those of the principals who signed it; see `signing.signed_by`."""
        if self.envelope is None:
            return frozenset()
        from governance.signing import signed_by

        return signed_by(self.envelope.payload_type, self.envelope.payload, self.envelope.signatures, keys)


def unsigned(checkpoint: Checkpoint, at: datetime) -> dict[str, Any]:
    """A checkpoint as a file without a signature has it."""
    return {
        "schema": _SCHEMA,
        "position": checkpoint.position,
        "hash": checkpoint.hash,
        "time": timestamp(at),
    }


def signed(checkpoint: Checkpoint, at: datetime, key: PrivateKey) -> Envelope:
    """A checkpoint as a Statement in an envelope, signed with a key."""
    from governance.signing import sign

    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": "audit-log", "digest": {"sha256": checkpoint.hash}}],
        "predicateType": _PREDICATE,
        "predicate": {"position": checkpoint.position, "time": timestamp(at)},
    }
    payload = canonical(statement)
    return Envelope(payload, IN_TOTO, (sign(key, IN_TOTO, payload),))


def read(text: bytes) -> Kept:
    """The checkpoint in a file, signed or not; whether a signature holds is for `Kept.signers` to say.

    Raises:
        ValueError: it is no checkpoint.
    """
    try:
        data = json.loads(text)
        if "payload" not in data:
            if data["schema"] != _SCHEMA:
                raise ValueError(f"its schema is not {_SCHEMA}")
            return _kept(data["position"], data["hash"], data["time"], None)
        envelope = read_envelope(text)
        statement = json.loads(envelope.payload)
        found = (envelope.payload_type, statement["_type"], statement["predicateType"])
        if found != (IN_TOTO, _STATEMENT, _PREDICATE):
            raise ValueError("it is a signed statement about something else")
        (subject,) = statement["subject"]
        predicate = statement["predicate"]
        return _kept(predicate["position"], subject["digest"]["sha256"], predicate["time"], envelope)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"a part of it is missing: {error!r}") from error


def _kept(position: object, hash: object, time: object, envelope: Envelope | None) -> Kept:
    if type(position) is not int or position < 0:
        raise ValueError(f"position: {position!r} is no position")
    if not isinstance(hash, str) or not re.fullmatch("[0-9a-f]{64}", hash):
        raise ValueError(f"hash: {hash!r} is no SHA-256")
    if not isinstance(time, str):
        raise ValueError(f"time: {time!r} is no time")
    return Kept(Checkpoint(position, hash), instant(time), envelope)
