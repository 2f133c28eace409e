"""A signature is a key's word for exact bytes of one type: made here, and checked here.

Keys are Ed25519 or ECDSA over P-256 with SHA-256, nothing else. What is signed is the PAE of DSSE.
"""

from __future__ import annotations

import binascii
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from governance.domain.signature import ECDSA_P256, ED25519, Signature, pae
from governance.errors import Conflict, NotFound, UsageError

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey

ALGORITHMS = (ED25519, ECDSA_P256)

_MAX_BYTES = 65_536
"""The longest key file that is read."""

_WANTED = "Ed25519 or ECDSA over P-256 is expected: governance key new --name NAME --output FILE"


class PassphraseNeeded(UsageError):
    """The private key is encrypted, and the passphrase given is wrong, or there is none."""


def new_key(algorithm: str) -> PrivateKey:
    """A new private key of one of `ALGORITHMS`, from the operating system's randomness."""
    if algorithm not in ALGORITHMS:
        raise UsageError(f"{algorithm!r} is none of {', '.join(ALGORITHMS)}.")
    return Ed25519PrivateKey.generate() if algorithm == ED25519 else ec.generate_private_key(ec.SECP256R1())


def save_private(key: PrivateKey, path: Path) -> None:
    """Write a private key to a new file as PEM (PKCS #8) that only its owner can read.

    Raises:
        Conflict: the file exists; it is left as it is.
    """
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        # Created with its mode: there is no moment at which others can read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(
            f"{path} exists, and a key that is overwritten is lost.", "Name a new file."
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)


def load_private(source: Path | str, passphrase: str | None = None) -> PrivateKey:
    """The private key in a PEM text, or in the file that is named; PKCS #8, SEC 1 and OpenSSH are read.

    Raises:
        NotFound: there is no such file.
        PassphraseNeeded: it is encrypted, and the passphrase is missing or wrong.
        UsageError: others can read the file, or it holds no key of a known kind.
    """
    text = source if isinstance(source, str) and "PRIVATE KEY-----" in source else None
    pem = _private_file(Path(source)) if text is None else text.encode()
    name = f"The private key {source}" if text is None else "The private key"
    secret = passphrase.encode() if passphrase is not None else None
    ssh = b"BEGIN OPENSSH PRIVATE KEY" in pem
    load = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    try:
        key = load(pem, secret)
    except TypeError as error:
        # So the library says that a passphrase is missing, or that there is one too many.
        if secret is not None:
            return load_private(source)
        raise PassphraseNeeded(f"{name} is encrypted.", "Give its passphrase.") from error
    except UnsupportedAlgorithm as error:
        raise UsageError(f"{name} cannot be read here: {error}.", _WANTED) from error
    except ValueError as error:
        if secret is not None:
            raise PassphraseNeeded(f"{name} cannot be decrypted with this passphrase.") from error
        raise UsageError(f"{name} cannot be read: it is no PEM of a private key.", _WANTED) from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise UsageError(f"{name} is of another kind ({_kind(key)}).", _WANTED)


def _private_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            if os.name == "posix" and mode & 0o077:
                raise UsageError(
                    f"The private key {path} can be read or written by others (mode {mode:04o}).",
                    f"chmod 600 {path}",
                )
            return file.read(_MAX_BYTES)
    except FileNotFoundError as error:
        raise NotFound(f"There is no private key {path}.", _WANTED) from error
    except OSError as error:
        raise UsageError(f"The private key {path} cannot be read: {error.strerror}.") from error


@lru_cache(maxsize=1024)
def load_public(text: str) -> PublicKey:
    """The public key in a PEM text, or in a line `ssh-ed25519 …` or `ecdsa-sha2-nistp256 …`.

    Raises:
        UsageError: it holds no key, one of another kind, or a private one.
    """
    text = text.strip()
    if "PRIVATE KEY" in text:
        raise UsageError(
            "This is a private key where a public one belongs: whoever read it can sign with it.",
            "Make a new one: governance key new --name NAME --output FILE",
        )
    pem = text.startswith("-----BEGIN")
    load = serialization.load_pem_public_key if pem else serialization.load_ssh_public_key
    try:
        key = load(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{text[:40]!r} is no public key.",
            "A PEM text or a line `ssh-ed25519 …` is expected: governance key show FILE",
        ) from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise UsageError(f"{text[:40]!r} is a public key of another kind ({_kind(key)}).", _WANTED)


def _kind(key: object) -> str:
    curve = getattr(key, "curve", None)
    return str(curve.name) if isinstance(curve, ec.EllipticCurve) else type(key).__name__.strip("_")


def public_line(public: PublicKey) -> str:
    """A public key as one line, the way OpenSSH and policies write it; `load_public` is the inverse."""
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def algorithm(public: PublicKey) -> str:
    """`ed25519` or `ecdsa-p256-sha256`."""
    return ED25519 if isinstance(public, Ed25519PublicKey) else ECDSA_P256


def keyid(public: PublicKey) -> str:
    """The key's name: SHA-256 of its DER SubjectPublicKeyInfo, lower-case hexadecimal."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).hexdigest()


def sign(private: PrivateKey, payload_type: str, payload: bytes) -> Signature:
    """A key's signature over a payload of a type."""
    message = pae(payload_type, payload)
    if isinstance(private, Ed25519PrivateKey):
        value = private.sign(message)
    else:
        value = private.sign(message, ec.ECDSA(hashes.SHA256()))
    public = private.public_key()
    return Signature(keyid(public), algorithm(public), b64encode(value).decode())


def verify(public: PublicKey, payload_type: str, payload: bytes, signature: Signature) -> bool:
    """Whether a signature is this key's over this payload of this type; garbage is not.

    The signature's `keyid` is not looked at: whoever wrote it may have written anything.
    """
    try:
        value = b64decode(signature.value, validate=True)
        message = pae(payload_type, payload)
    except (binascii.Error, ValueError):
        return False
    # Base64 has several spellings of one value, and a stored signature has one.
    if b64encode(value).decode() != signature.value or signature.algorithm != algorithm(public):
        return False
    try:
        if isinstance(public, Ed25519PublicKey):
            public.verify(value, message)
        else:
            public.verify(value, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def signed_by(
    payload_type: str,
    payload: bytes,
    signatures: Iterable[Signature],
    keys: Mapping[str, Sequence[str]],
) -> frozenset[str]:
    """The principals with a valid signature over a payload.

    Args:
        keys: The public keys of each principal, as `load_public` reads them. Whoever counts signers
            sees to it that no key stands under two names.

    Raises:
        UsageError: a public key cannot be read.
    """
    known = [(name, key, keyid(key)) for name, texts in keys.items() for key in map(load_public, texts)]
    found: set[str] = set()
    for signature in signatures:
        named = [entry for entry in known if entry[2] == signature.keyid]
        # Another tool may name its keys otherwise: then any of them may be meant.
        found |= {name for name, key, _ in named or known if verify(key, payload_type, payload, signature)}
    return frozenset(found)
