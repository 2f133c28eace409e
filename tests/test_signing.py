from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib import dsse
from securesystemslib.signer import CryptoSigner, SSlibKey

from governance.domain.signature import ECDSA_P256, ED25519, IN_TOTO, Envelope, Signature, pae
from governance.errors import Conflict, NotFound, UsageError
from governance.signing import (
    ALGORITHMS,
    PassphraseNeeded,
    algorithm,
    keyid,
    load_private,
    load_public,
    new_key,
    public_line,
    save_private,
    sign,
    signed_by,
    verify,
)

KEYS = {name: new_key(name) for name in ALGORITHMS}
OTHERS = {name: new_key(name) for name in ALGORITHMS}
PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
SIGNED = {name: sign(key, IN_TOTO, PAYLOAD) for name, key in KEYS.items()}

each_algorithm = pytest.mark.parametrize("kind", ALGORITHMS)
PEM, SSH = serialization.Encoding.PEM, serialization.Encoding.OpenSSH
PKCS8 = serialization.PrivateFormat.PKCS8
OPENSSH = serialization.PrivateFormat.OpenSSH
PLAIN = serialization.NoEncryption()


def flipped(data: bytes, bit: int) -> bytes:
    """The same bytes with one bit turned over."""
    place = bit % (8 * len(data))
    return bytes(byte ^ (1 << place % 8 if at == place // 8 else 0) for at, byte in enumerate(data))


def pem(key: Any, format: Any = PKCS8, encryption: Any = PLAIN) -> bytes:
    """A private key as text."""
    written: bytes = key.private_bytes(PEM, format, encryption)
    return written


@each_algorithm
def test_a_signature_holds_for_its_key_alone(kind: str) -> None:
    """It names its key and its algorithm; another key of the same kind did not make it."""
    public = KEYS[kind].public_key()

    assert (keyid(public), kind) == (SIGNED[kind].keyid, SIGNED[kind].algorithm)
    assert verify(public, IN_TOTO, PAYLOAD, SIGNED[kind])
    assert not verify(OTHERS[kind].public_key(), IN_TOTO, PAYLOAD, SIGNED[kind])


@each_algorithm
@given(bit=st.integers(min_value=0))
def test_any_changed_bit_breaks_a_signature(kind: str, bit: int) -> None:
    """Of the payload, of its type, and of the signature."""
    public, signature = KEYS[kind].public_key(), SIGNED[kind]
    value = b64encode(flipped(b64decode(signature.value), bit)).decode()

    assert not verify(public, IN_TOTO, flipped(PAYLOAD, bit), signature)
    assert not verify(public, flipped(IN_TOTO.encode(), bit).decode("latin-1"), PAYLOAD, signature)
    assert not verify(public, IN_TOTO, PAYLOAD, replace(signature, value=value))


@each_algorithm
def test_a_signature_has_one_spelling(kind: str) -> None:
    """Any changed bit of its base64 breaks it, also the last ones, which no byte of it rests on."""
    signature = SIGNED[kind]
    for bit in range(8 * len(signature.value)):
        spelled = flipped(signature.value.encode(), bit).decode("latin-1")
        assert not verify(KEYS[kind].public_key(), IN_TOTO, PAYLOAD, replace(signature, value=spelled))


@each_algorithm
@given(type=st.text().filter(lambda text: text != IN_TOTO))
def test_a_signature_over_another_type_of_payload_is_none_over_this(kind: str, type: str) -> None:
    """Nobody can pass a checkpoint for an approval."""
    assert not verify(KEYS[kind].public_key(), type, PAYLOAD, SIGNED[kind])


@each_algorithm
@given(value=st.one_of(st.text(), st.binary().map(lambda data: b64encode(data).decode())))
def test_garbage_is_no_signature(kind: str, value: str) -> None:
    """It is answered, not raised."""
    for called in (kind, "none", ""):
        assert not verify(KEYS[kind].public_key(), IN_TOTO, PAYLOAD, Signature("", called, value))


@each_algorithm
def test_a_signature_of_another_algorithm_is_refused(kind: str) -> None:
    """What is written beside it must be true."""
    other = next(name for name in ALGORITHMS if name != kind)

    assert not verify(KEYS[kind].public_key(), IN_TOTO, PAYLOAD, replace(SIGNED[kind], algorithm=other))


@each_algorithm
def test_securesystemslib_reads_our_envelope(kind: str) -> None:
    """The encoding, the field names and the signature are those of DSSE."""
    private = KEYS[kind]
    theirs = dsse.Envelope.from_dict(Envelope(PAYLOAD, IN_TOTO, (SIGNED[kind],)).to_json())
    public = SSlibKey.from_crypto(private.public_key(), keyid(private.public_key()))

    assert theirs.pae() == pae(IN_TOTO, PAYLOAD)
    assert {public.keyid: public} == theirs.verify([public], 1)


@each_algorithm
def test_an_envelope_of_securesystemslib_is_read(kind: str) -> None:
    """Also where it names its key in its own way: a keyid is a hint."""
    private = KEYS[kind]
    made = dsse.Envelope(PAYLOAD, IN_TOTO, {})
    made.sign(CryptoSigner(private))
    ours = Envelope.from_json(made.to_dict())
    keys = {"dora": [public_line(private.public_key())]}

    assert keyid(private.public_key()) != ours.signatures[0].keyid
    assert frozenset({"dora"}) == signed_by(ours.payload_type, ours.payload, ours.signatures, keys)


def line(key: Any) -> str:
    """A private key's public line."""
    return public_line(key.public_key())


def test_those_who_signed_are_named() -> None:
    """Each with any of their keys, once; who did not sign is not named, nor is who signed other bytes."""
    ed, ec_ = KEYS[ED25519], KEYS[ECDSA_P256]
    keys = {
        "dora": [line(OTHERS[ED25519]), line(ed)],
        "egon": [line(ec_)],
        "fritz": [line(OTHERS[ECDSA_P256])],
        "gast": [],
    }
    signatures = [
        SIGNED[ED25519],
        sign(ed, IN_TOTO, PAYLOAD),
        SIGNED[ECDSA_P256],
        sign(OTHERS[ECDSA_P256], IN_TOTO, b"something else"),
        Signature("", "none", "garbage"),
    ]

    assert frozenset({"dora", "egon"}) == signed_by(IN_TOTO, PAYLOAD, signatures, keys)
    assert frozenset() == signed_by(IN_TOTO, PAYLOAD, [], keys)
    assert frozenset() == signed_by(IN_TOTO, PAYLOAD, signatures, {})


def test_a_keyid_proves_nothing() -> None:
    """Whoever writes another's keyid beside their own signature is not taken for them."""
    keys = {"dora": [line(KEYS[ED25519])], "eve": [line(OTHERS[ED25519])]}
    forged = replace(sign(OTHERS[ED25519], IN_TOTO, PAYLOAD), keyid=SIGNED[ED25519].keyid)

    assert frozenset() == signed_by(IN_TOTO, PAYLOAD, [forged], keys)


def test_a_key_that_cannot_be_read_is_not_passed_over() -> None:
    """Otherwise a misspelt key would look like a missing signature."""
    with pytest.raises(UsageError, match="'nonsense' is no public key"):
        signed_by(IN_TOTO, PAYLOAD, [SIGNED[ED25519]], {"dora": ["nonsense"]})


@each_algorithm
def test_a_keyid_is_the_digest_of_the_public_key(kind: str) -> None:
    """However the key is spelled."""
    public = KEYS[kind].public_key()
    as_pem = public.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    assert kind == algorithm(load_public(public_line(public)))
    for spelled in (public_line(public), public_line(public) + " dora@clinic", as_pem, f"\n{as_pem}\n"):
        assert keyid(public) == keyid(load_public(spelled))


def test_a_known_key_has_a_known_keyid() -> None:
    """As `openssl pkey -pubin -outform DER | sha256sum` has it: the key of RFC 8032, test 1."""
    private = Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    assert (
        "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
    ) == (keyid(private.public_key()), line(private))


SECRET = serialization.BestAvailableEncryption(b"open sesame")


@each_algorithm
@pytest.mark.parametrize(
    ("format", "encryption", "passphrase"),
    [
        (PKCS8, PLAIN, None),
        (PKCS8, PLAIN, "one too many"),
        (PKCS8, SECRET, "open sesame"),
        (OPENSSH, PLAIN, None),
    ],
)
def test_a_private_key_is_read(
    tmp_path: Path, kind: str, format: Any, encryption: Any, passphrase: str | None
) -> None:
    """From a file, by path or by its name, and from its text."""
    text, file = pem(KEYS[kind], format, encryption), tmp_path / "key.pem"
    file.touch(0o600)
    file.write_bytes(text)

    for source in (file, str(file), text.decode()):
        assert line(KEYS[kind]) == line(load_private(source, passphrase))


def test_an_elliptic_key_of_openssl_is_read() -> None:
    """`openssl ecparam -genkey` writes SEC 1."""
    text = pem(KEYS[ECDSA_P256], serialization.PrivateFormat.TraditionalOpenSSL).decode()

    assert "BEGIN EC PRIVATE KEY" in text
    assert line(KEYS[ECDSA_P256]) == line(load_private(text))


@pytest.mark.parametrize("passphrase", [None, "", "wrong"])
def test_an_encrypted_key_asks_for_its_passphrase(passphrase: str | None) -> None:
    """Missing and wrong are both told."""
    with pytest.raises(PassphraseNeeded, match=r"^The private key (is encrypted|cannot be decrypted)"):
        load_private(pem(KEYS[ED25519], encryption=SECRET).decode(), passphrase)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever could read it could have signed; the command that closes it is named."""
    file = tmp_path / "key.pem"
    save_private(KEYS[ED25519], file)
    file.chmod(mode)

    with pytest.raises(UsageError, match=f"can be read or written by others.*{mode:04o}") as refusal:
        load_private(file)
    assert f"chmod 600 {file}" == refusal.value.remedy


OF_OTHER_KINDS = [
    (rsa.generate_private_key(65537, 2048), "RSA"),
    (ed448.Ed448PrivateKey.generate(), "Ed448"),
    (ec.generate_private_key(ec.SECP384R1()), "secp384r1"),
    (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
]


@pytest.mark.parametrize(("key", "name"), OF_OTHER_KINDS, ids=[name for _, name in OF_OTHER_KINDS])
def test_keys_of_other_kinds_are_refused(key: Any, name: str) -> None:
    """The private and the public one; the kind found and the kinds expected are named."""
    public = key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    for load, text in ((load_private, pem(key).decode()), (load_public, public.decode())):
        with pytest.raises(UsageError, match=rf"of another kind \({name}") as refusal:
            load(text)
        assert "Ed25519 or ECDSA over P-256" in refusal.value.remedy


@pytest.mark.parametrize(
    "text",
    ["", "ssh-ed25519 AAAA", "ssh-ed25519", "-----BEGIN PUBLIC KEY-----\nAAAA\n", "/etc/keys/dora.pub", "ä"],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    """What was expected is said, and how to get it."""
    with pytest.raises(UsageError, match="is no public key") as refusal:
        load_public(text)
    assert "governance key show FILE" in refusal.value.remedy


def test_a_private_key_among_public_ones_is_refused_and_not_repeated() -> None:
    """It would stand in a policy for everybody to read, and then in the log of the error."""
    text = pem(KEYS[ED25519]).decode()

    with pytest.raises(UsageError, match="private key where a public one belongs") as refusal:
        load_public(text)
    assert text.splitlines()[1] not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"nonsense", "it is no PEM of a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "it is no PEM of a private key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "it is no PEM of a private key"),
    ],
)
def test_a_file_without_a_private_key_is_refused(tmp_path: Path, content: bytes, wrong: str) -> None:
    """The file is named."""
    file = tmp_path / "key.pem"
    file.touch(0o600)
    file.write_bytes(content)

    with pytest.raises(UsageError, match=f"key.pem cannot be read: {wrong}"):
        load_private(file)


def test_a_private_key_that_is_not_there(tmp_path: Path) -> None:
    """The command that makes one is named; a folder is no key."""
    with pytest.raises(NotFound, match=r"no private key .*nowhere\.pem") as refusal:
        load_private(tmp_path / "nowhere.pem")
    assert "governance key new" in refusal.value.remedy
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load_private(tmp_path)


@each_algorithm
def test_a_new_key_is_its_owners_alone(tmp_path: Path, kind: str) -> None:
    """Mode 0600 from the first moment, and never over another."""
    file = tmp_path / "key.pem"
    save_private(KEYS[kind], file)

    assert (0o600, line(KEYS[kind])) == (file.stat().st_mode & 0o777, line(load_private(file)))
    with pytest.raises(Conflict, match=r"key\.pem exists"):
        save_private(OTHERS[kind], file)
    assert line(KEYS[kind]) == line(load_private(file))


def test_an_unknown_algorithm_makes_no_key() -> None:
    """Those that there are, are named."""
    with pytest.raises(UsageError, match="'rsa' is none of ed25519, ecdsa-p256-sha256"):
        new_key("rsa")
