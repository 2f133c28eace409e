"""Who put their key to which bytes: signatures, and the DSSE envelope that carries them with a payload.

An envelope is the Dead Simple Signing Envelope, version 1 (github.com/secure-systems-lab/dsse). What
is signed is `pae(payload_type, payload)`, so that a signature over one type of payload is none over
another. Nothing here checks a signature: `governance.signing` does.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

IN_TOTO = "application/vnd.in-toto+json"
"""The payload type of an in-toto Statement."""

ED25519 = "ed25519"
ECDSA_P256 = "ecdsa-p256-sha256"

MAX_BYTES = 8 * 2**20
"""The longest envelope that is read, in bytes of JSON."""
MAX_SIGNATURES = 32
"""The most signatures an envelope may carry: each costs a verification against each key."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One key's signature over the PAE of a payload."""

    keyid: str
    """SHA-256 of the key's DER SubjectPublicKeyInfo, lower-case hexadecimal: a hint, never a proof.

    Another tool's envelope may name its keys otherwise, or not at all (empty).
    """
    algorithm: str
    """`ed25519` or `ecdsa-p256-sha256`."""
    value: str
    """The signature in standard base64 with padding; of ECDSA, the DER form."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding, one for each (type, payload)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its media type, and the signatures over both."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def to_json(self) -> dict[str, Any]:
        """The envelope as DSSE writes it; `from_json` is its inverse."""
        return {
            "payload": b64encode(self.payload).decode("ascii"),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": each.keyid, "sig": each.value} for each in self.signatures],
        }

    @staticmethod
    def from_json(data: object) -> Envelope:
        """The envelope that these JSON values spell; fields that DSSE does not name are ignored.

        Raises:
            ValueError: a field is missing or of the wrong type, is no base64 (standard and URL-safe
                are read), or there is no signature, or more than `MAX_SIGNATURES`.
        """
        fields = _object(data, "a DSSE envelope")
        signatures = fields.get("signatures")
        if not isinstance(signatures, list) or not 1 <= len(signatures) <= MAX_SIGNATURES:
            raise ValueError(f"signatures: expected a list of 1 to {MAX_SIGNATURES} signatures")
        return Envelope(
            _base64(fields.get("payload"), "payload"),
            _text(fields.get("payloadType"), "payloadType"),
            tuple(_signature(_object(each, "a signature")) for each in signatures),
        )


def read_envelope(text: bytes) -> Envelope:
    """The envelope in a JSON text.

    Raises:
        ValueError: it is longer than `MAX_BYTES`, is no JSON, names a field twice, or is no envelope.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"{len(text)} bytes are more than the {MAX_BYTES} that an envelope may have")
    try:
        data = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError as error:
        raise ValueError("nested too deeply to be an envelope") from error
    return Envelope.from_json(data)


def _signature(fields: dict[str, Any]) -> Signature:
    value = _base64(fields.get("sig"), "sig")
    # DSSE names no algorithm. An Ed25519 signature has 64 bytes; one of ECDSA in DER has 70 or so.
    algorithm = ED25519 if len(value) == 64 else ECDSA_P256
    return Signature(_text(fields.get("keyid", ""), "keyid"), algorithm, b64encode(value).decode("ascii"))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two fields with one name, two readers may believe different ones.
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is named twice")
    return fields


def _object(data: object, what: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{what} is a JSON object")
    return data


def _text(data: object, name: str) -> str:
    try:
        if isinstance(data, str):
            # Half a surrogate pair is no letter, and has no bytes that could be signed.
            data.encode()
            return data
    except UnicodeEncodeError:
        pass
    raise ValueError(f"{name}: expected a text")


def _base64(data: object, name: str) -> bytes:
    text = _text(data, name)
    if "+" not in text and "/" not in text:
        text = text.replace("-", "+").replace("_", "/")
    try:
        return b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"{name}: expected base64") from error
