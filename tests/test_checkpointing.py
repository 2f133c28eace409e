from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import datetime, timezone
from typing import Any

import pytest

from governance.checkpointing import Kept, read, signed, unsigned
from governance.domain.chain import Checkpoint
from governance.domain.signature import ED25519, IN_TOTO, Envelope
from governance.signing import new_key, public_line, sign

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
END = Checkpoint(42, "a" * 64)
OFFICER = new_key(ED25519)
KEYS = {"officer": [public_line(OFFICER.public_key())], "other": [public_line(new_key(ED25519).public_key())]}

STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "audit-log", "digest": {"sha256": "a" * 64}}],
    "predicateType": "https://mlflow-governance.dev/checkpoint/v1",
    "predicate": {"position": 42, "time": "2026-03-01T12:00:00.000000Z"},
}


def written(data: Any) -> bytes:
    """A file of these values."""
    return json.dumps(data).encode()


def enveloped(statement: Any, type: str = IN_TOTO) -> bytes:
    """A file of a statement that the officer signed."""
    payload = written(statement)
    return written(Envelope(payload, type, (sign(OFFICER, type, payload),)).to_json())


def test_an_unsigned_checkpoint_is_read_back() -> None:
    """As it was written before there were signatures; nobody answers for it."""
    data = unsigned(END, NOON)
    kept = read(written(data))

    assert {
        "schema": "governance/checkpoint/v1",
        "position": 42,
        "hash": "a" * 64,
        "time": "2026-03-01T12:00:00.000000Z",
    } == data
    assert (Kept(END, NOON, None), frozenset()) == (kept, kept.signers(KEYS))


def test_a_signed_checkpoint_is_read_back() -> None:
    """It is an in-toto Statement about the log, and its signer is told by the key."""
    envelope = signed(END, NOON, OFFICER)
    kept = read(written(envelope.to_json()))

    assert (IN_TOTO, STATEMENT) == (envelope.payload_type, json.loads(envelope.payload))
    assert (Kept(END, NOON, envelope), frozenset({"officer"})) == (kept, kept.signers(KEYS))
    assert frozenset() == kept.signers({"other": KEYS["other"]})


@pytest.mark.parametrize("part", ["position", "hash", "time"])
def test_a_changed_statement_is_signed_by_nobody(part: str) -> None:
    """Each of its three facts is under the signature."""
    data: Any = signed(END, NOON, OFFICER).to_json()
    old = {"position": b"42", "hash": b"a" * 64, "time": b"2026-03-01"}[part]
    new = {"position": b"41", "hash": b"b" * 64, "time": b"2026-03-02"}[part]
    data["payload"] = b64encode(b64decode(data["payload"]).replace(old, new)).decode()
    kept = read(written(data))

    assert (END, NOON) != (kept.checkpoint, kept.at)
    assert frozenset() == kept.signers(KEYS)


UNSIGNED = unsigned(END, NOON)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"7",
        b"[]",
        b'"payload"',
        b"\xff",
        b"[" * 100_000,
        written(UNSIGNED | {"schema": "governance/checkpoint/v2"}),
        written({key: value for key, value in UNSIGNED.items() if key != "hash"}),
        written(UNSIGNED | {"position": -1}),
        written(UNSIGNED | {"position": "42"}),
        written(UNSIGNED | {"position": True}),
        written(UNSIGNED | {"position": 42.0}),
        written(UNSIGNED | {"hash": "A" * 64}),
        written(UNSIGNED | {"hash": "a" * 63}),
        written(UNSIGNED | {"hash": None}),
        written(UNSIGNED | {"time": "yesterday"}),
        written(UNSIGNED | {"time": 7}),
        written({"payload": "AAAA"}),
        enveloped(STATEMENT, "application/json"),
        enveloped(STATEMENT | {"_type": "https://in-toto.io/Statement/v0.1"}),
        enveloped(STATEMENT | {"predicateType": "https://mlflow-governance.dev/approval/v1"}),
        enveloped(STATEMENT | {"subject": []}),
        enveloped(STATEMENT | {"subject": STATEMENT["subject"] * 2}),
        enveloped(STATEMENT | {"subject": [{"digest": {}}]}),
        enveloped(STATEMENT | {"predicate": {"position": 42}}),
        enveloped(STATEMENT | {"predicate": None}),
        enveloped([]),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: bytes) -> None:
    """Also a sound signature over something else."""
    with pytest.raises(ValueError, match=r"."):
        read(text)
