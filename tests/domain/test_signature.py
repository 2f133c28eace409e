from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain.signature import (
    ECDSA_P256,
    ED25519,
    IN_TOTO,
    MAX_BYTES,
    MAX_SIGNATURES,
    Envelope,
    Signature,
    pae,
    read_envelope,
)

PAYLOAD = b"\xfb\xff\xfe hello"
"""Its base64 has a plus and a slash."""
SIGNED = Envelope(
    PAYLOAD,
    IN_TOTO,
    (
        Signature("a" * 64, ED25519, b64encode(b"\xff" * 64).decode()),
        Signature("b" * 64, ECDSA_P256, b64encode(b"\xfe" * 71).decode()),
    ),
)


def test_the_encoding_is_that_of_the_specification() -> None:
    """The test vector of the DSSE protocol, version 1."""
    assert b"DSSEv1 29 http://example.com/HelloWorld 11 hello world" == pae(
        "http://example.com/HelloWorld", b"hello world"
    )


def test_lengths_are_counted_in_bytes() -> None:
    """A type outside ASCII has more bytes than letters."""
    assert "DSSEv1 3 ä! 2 é".encode() == pae("ä!", "é".encode())


@given(st.text(st.characters(codec="utf-8")), st.binary(), st.text(st.characters(codec="utf-8")), st.binary())
def test_two_pairs_are_never_encoded_alike(type: str, payload: bytes, other: str, different: bytes) -> None:
    """Neither part can be moved into the other."""
    assert ((type, payload) == (other, different)) == (pae(type, payload) == pae(other, different))


def test_an_envelope_is_written_as_the_specification_has_it() -> None:
    """Three fields, the payload and each signature in base64."""
    expected = {
        "payload": "+//+IGhlbGxv",
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [
            {"keyid": "a" * 64, "sig": b64encode(b"\xff" * 64).decode()},
            {"keyid": "b" * 64, "sig": b64encode(b"\xfe" * 71).decode()},
        ],
    }
    assert expected == SIGNED.to_json()


@given(
    st.builds(
        Envelope,
        st.binary(),
        st.text(st.characters(codec="utf-8")),
        st.lists(
            st.builds(
                lambda keyid, value: Signature(
                    keyid, ED25519 if len(value) == 64 else ECDSA_P256, b64encode(value).decode()
                ),
                st.text(st.characters(codec="utf-8")),
                st.binary(min_size=1, max_size=80),
            ),
            min_size=1,
            max_size=3,
        ).map(tuple),
    )
)
def test_what_is_written_is_read_back(envelope: Envelope) -> None:
    """Also through text."""
    assert envelope == read_envelope(json.dumps(envelope.to_json()).encode())


def test_both_alphabets_are_read_and_one_is_kept() -> None:
    """DSSE allows the URL-safe alphabet; equal signatures are spelled alike here."""
    data = SIGNED.to_json()
    data["payload"] = urlsafe_b64encode(PAYLOAD).decode()
    data["signatures"][0]["sig"] = urlsafe_b64encode(b"\xff" * 64).decode()

    assert "-__-IGhlbGxv" == data["payload"]
    assert SIGNED == Envelope.from_json(data)


def test_a_keyid_may_be_missing_and_unknown_fields_are_ignored() -> None:
    """So DSSE has it: an unset field is an empty one, and producers may add others."""
    data: Any = SIGNED.to_json() | {"added": 1}
    del data["signatures"][0]["keyid"]
    data["signatures"][1]["cert"] = "added"

    assert ("", "b" * 64) == tuple(each.keyid for each in Envelope.from_json(data).signatures)


SIGNATURE = {"keyid": "k", "sig": "AAAA"}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"payload": None}, "payload: expected a text"),
        ({"payload": "not base64!"}, "payload: expected base64"),
        ({"payload": "AAA"}, "payload: expected base64"),
        ({"payload": "AA+_"}, "payload: expected base64"),
        ({"payload": "ÄÄÄÄ"}, "payload: expected base64"),
        ({"payloadType": 7}, "payloadType: expected a text"),
        ({"payloadType": "\ud800"}, "payloadType: expected a text"),
        ({"signatures": None}, "signatures: expected a list"),
        ({"signatures": {}}, "signatures: expected a list"),
        ({"signatures": []}, "1 to 32 signatures"),
        ({"signatures": [SIGNATURE] * (MAX_SIGNATURES + 1)}, "1 to 32 signatures"),
        ({"signatures": ["AAAA"]}, "a signature is a JSON object"),
        ({"signatures": [{"keyid": "k"}]}, "sig: expected a text"),
        ({"signatures": [{"keyid": None, "sig": "AAAA"}]}, "keyid: expected a text"),
    ],
)
def test_what_is_no_envelope_is_refused(change: dict[str, Any], wrong: str) -> None:
    """Each refusal says which field, and what was expected."""
    data = {"payload": "AAAA", "payloadType": "t", "signatures": [SIGNATURE]} | change

    with pytest.raises(ValueError, match=wrong):
        Envelope.from_json(data)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (b"", "Expecting value"),
        (b"[]", "a DSSE envelope is a JSON object"),
        (b'{"payload": "AAAA", "payload": "BBBB"}', "a field is named twice"),
        (b'{"payload": "\xff"}', "codec can't decode"),
        (b"[" * 100_000, "nested too deeply"),
        (b" " * (MAX_BYTES + 1), "more than the 8388608"),
    ],
)
def test_a_text_that_holds_none_is_refused(text: bytes, wrong: str) -> None:
    """Two readers of a field that is named twice could believe different ones."""
    with pytest.raises(ValueError, match=wrong):
        read_envelope(text)
