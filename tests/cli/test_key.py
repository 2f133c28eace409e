"""`governance key` on real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization

from governance.cli.key import key
from governance.domain.signature import ECDSA_P256, ED25519
from governance.errors import Conflict, NotFound, UsageError
from governance.signing import (
    PassphraseNeeded,
    algorithm,
    keyid,
    load_private,
    load_public,
    new_key,
    public_line,
    save_private,
)


def call(*arguments: Any, **more: Any) -> Result:
    """Call the group; what it raises is raised."""
    return CliRunner().invoke(key, [str(word) for word in arguments], catch_exceptions=False, **more)


@pytest.mark.parametrize(("word", "kind"), [("ed25519", ED25519), ("ecdsa", ECDSA_P256)])
@pytest.mark.parametrize("name", ["dora", "ci: build", '"zoë"', "no"])
def test_a_new_key_is_printed_as_the_policy_wants_it(tmp_path: Path, word: str, kind: str, name: str) -> None:
    """Lines of YAML with the public key under the name, whatever the name; the file is for the owner."""
    file = tmp_path / "key.pem"
    result = call("new", "--name", name, "--output", file, "--algorithm", word)

    made = load_private(file).public_key()
    assert (0, {"keys": {name: [public_line(made)]}}) == (result.exit_code, yaml.safe_load(result.stdout))
    assert (kind, 0o600) == (algorithm(made), file.stat().st_mode & 0o777)
    assert f"signs as {name}." in result.stderr
    assert "PRIVATE" not in result.output


def test_a_new_key_is_ed25519_unless_said(tmp_path: Path) -> None:
    """As JSON, with the keyid that its signatures bear."""
    file = tmp_path / "key.pem"
    result = call("new", "--name", "dora", "--output", file, "--format", "json")

    made = load_private(file).public_key()
    assert {
        "schema": "governance/key/v1",
        "name": "dora",
        "algorithm": "ed25519",
        "keyid": keyid(made),
        "public": public_line(made),
    } == json.loads(result.stdout)


def test_a_key_is_not_overwritten(tmp_path: Path) -> None:
    """What it signed could no longer be signed anew."""
    file = tmp_path / "key.pem"
    file.write_text("kept")

    with pytest.raises(Conflict, match="a key that is overwritten is lost"):
        call("new", "--name", "dora", "--output", file)
    assert "kept" == file.read_text()


def test_the_public_part_is_shown(tmp_path: Path) -> None:
    """Of a private key and of a public one, so that it can be written into a file and read again."""
    made = new_key(ECDSA_P256)
    private, public, pem = tmp_path / "key.pem", tmp_path / "key.pub", tmp_path / "public.pem"
    save_private(made, private)
    result = call("show", private)
    public.write_text(result.stdout)
    pem.write_bytes(
        made.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )

    assert f"{public_line(made.public_key())}\n" == result.stdout
    assert f"keyid {keyid(made.public_key())}\n" == result.stderr
    assert keyid(made.public_key()) == keyid(load_public(public.read_text()))
    for file in (public, pem):
        assert result.stdout == call("show", file).stdout
    assert {
        "schema": "governance/key/v1",
        "algorithm": "ecdsa-p256-sha256",
        "keyid": keyid(made.public_key()),
        "public": public_line(made.public_key()),
    } == json.loads(call("show", pem, "--format", "json").stdout)


def test_a_passphrase_is_asked_for(tmp_path: Path) -> None:
    """It is not shown; a wrong one is refused."""
    made, file = new_key(ED25519), tmp_path / "key.pem"
    file.touch(0o600)
    file.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    result = call("show", file, input="open sesame\n")

    assert f"{public_line(made.public_key())}\n" == result.stdout
    assert "sesame" not in result.output
    with pytest.raises(PassphraseNeeded, match="cannot be decrypted"):
        call("show", file, input="open barley\n")


@pytest.mark.parametrize(
    ("content", "error", "wrong"),
    [
        (None, NotFound, "There is no file"),
        (b"nonsense", UsageError, "no public key"),
        (b"\xff\xfe", UsageError, "no public key"),
    ],
)
def test_a_file_without_a_key(tmp_path: Path, content: bytes | None, error: Any, wrong: str) -> None:
    """What to do is said."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(error, match=wrong) as refusal:
        call("show", file)
    assert "governance key" in refusal.value.remedy


def test_a_private_key_that_others_can_read_is_not_shown(tmp_path: Path) -> None:
    """The rule holds wherever a private key is read."""
    file = tmp_path / "key.pem"
    save_private(new_key(ED25519), file)
    file.chmod(0o644)

    with pytest.raises(UsageError, match="can be read or written by others"):
        call("show", file)
