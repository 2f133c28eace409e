"""`governance audit checkpoint` and `verify` with keys, on real files."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from governance.cli.audit import audit
from governance.domain.events import ChangeRefused
from governance.domain.signature import ECDSA_P256, ED25519
from governance.errors import UsageError
from governance.signing import new_key, public_line, save_private
from governance.storage.archive import SqlArchive, open_archive


@pytest.fixture
def books_file(tmp_path: Path) -> Path:
    """Where the books lie."""
    return tmp_path / "books.db"


@pytest.fixture
def filled(books_file: Path, make: Any) -> SqlArchive:
    """Four entries."""
    archive = open_archive(f"sqlite:///{books_file}")
    with archive.writing() as books:
        for word in "abcd":
            books.audit.append(make.noon, "ada", ChangeRefused(word, "test"))
    return archive


def call(file: Path, *arguments: str, **settings: str) -> Result:
    """Call the group with the store in the environment."""
    environment = {"GOVERNANCE_STORE_URI": f"sqlite:///{file}"} | settings
    return CliRunner().invoke(audit, arguments, env=environment, catch_exceptions=False)


@pytest.fixture(params=[ED25519, ECDSA_P256])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with the officer's key, a stranger's, and the public part of each."""
    for name in ("officer", "stranger"):
        key = new_key(request.param)
        save_private(key, tmp_path / f"{name}.pem")
        (tmp_path / f"{name}.pub").write_text(public_line(key.public_key()) + "\n")
    return tmp_path


def public(*names: str) -> list[str]:
    """The options that name public keys."""
    return [word for name in names for word in ("--public-key", name)]


def test_a_signed_checkpoint_holds_under_its_key(filled: SqlArchive, books_file: Path, keys: Path) -> None:
    """One of the keys given suffices; whose it was is told."""
    file, officer, stranger = str(keys / "c.json"), str(keys / "officer.pub"), str(keys / "stranger.pub")
    assert 0 == call(books_file, "checkpoint", "--key", str(keys / "officer.pem"), "--output", file).exit_code
    result = call(
        books_file, "verify", "--from-checkpoint", file, *public(stranger, officer), "--format", "json"
    )

    with filled.reading() as books:
        _, head = books.audit.head()
    assert {
        "schema": "governance/verification/v1",
        "entries": 4,
        "head": head,
        "flaw": None,
        "checkpoint_signed_by": [officer],
    } == json.loads(result.stdout)


def test_the_key_may_come_from_the_environment(filled: SqlArchive, books_file: Path, keys: Path) -> None:
    """So that a job need not name it; without one the checkpoint is plain."""
    del filled
    signed = call(books_file, "checkpoint", GOVERNANCE_SIGNING_KEY=str(keys / "officer.pem"))

    assert {"payload", "payloadType", "signatures"} == json.loads(signed.stdout).keys()
    assert "governance/checkpoint/v1" == json.loads(call(books_file, "checkpoint").stdout)["schema"]


@pytest.mark.parametrize("case", ["by a stranger", "by nobody", "changed afterwards"])
def test_a_checkpoint_that_is_not_signed_by_a_trusted_key(
    filled: SqlArchive, books_file: Path, keys: Path, case: str
) -> None:
    """It proves nothing, though the log would hold against it: exit code 1."""
    del filled
    file, officer = keys / "c.json", public(str(keys / "officer.pub"))
    signer = {"by a stranger": "stranger", "changed afterwards": "officer"}.get(case)
    signing = ["--key", str(keys / f"{signer}.pem")] if signer else []
    written = call(books_file, "checkpoint", *signing).stdout
    if case == "changed afterwards":
        data = json.loads(written)
        data["payload"] = b64encode(
            b64decode(data["payload"]).replace(b'"position":4', b'"position":3')
        ).decode()
        written = json.dumps(data)
    file.write_text(written)
    result = call(books_file, "verify", "--from-checkpoint", str(file), *officer)
    machine = call(books_file, "verify", "--from-checkpoint", str(file), *officer, "--format", "json")

    told = f"None of the given keys signed the checkpoint {file}: it proves nothing.\n"
    assert (1, told) == (result.exit_code, result.stdout)
    assert (1, {"position": 0, "reason": "none of the given keys signed its checkpoint"}, []) == (
        machine.exit_code,
        *map(json.loads(machine.stdout).get, ("flaw", "checkpoint_signed_by")),
    )


def test_a_signed_log_cut_short_is_found(filled: SqlArchive, books_file: Path, keys: Path) -> None:
    """It is the officer's checkpoint, and no longer the officer's log."""
    file, officer = str(keys / "c.json"), public(str(keys / "officer.pub"))
    call(books_file, "checkpoint", "--key", str(keys / "officer.pem"), "--output", file)
    with filled.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER governance_audit_no_delete"))
        connection.execute(text("DELETE FROM governance_audit WHERE position = 4"))
    result = call(books_file, "verify", "--from-checkpoint", file, *officer)

    missing = "Entry 4 breaks the audit log: it stands in the checkpoint and is no longer in the log.\n"
    assert (1, missing) == (result.exit_code, result.stdout)


def test_a_signed_checkpoint_is_not_believed_unseen(filled: SqlArchive, books_file: Path, keys: Path) -> None:
    """Without a key the signature would only look like one."""
    del filled
    file = str(keys / "c.json")
    call(books_file, "checkpoint", "--key", str(keys / "officer.pem"), "--output", file)

    with pytest.raises(UsageError, match="no key was given") as refusal:
        call(books_file, "verify", "--from-checkpoint", file)
    assert "--public-key FILE" in refusal.value.remedy


def test_a_key_without_a_checkpoint_is_wrong_usage(books_file: Path, keys: Path) -> None:
    """It would check nothing."""
    result = call(books_file, "verify", *public(str(keys / "officer.pub")))

    assert (2, True) == (result.exit_code, "goes with --from-checkpoint" in result.stderr)


def test_a_key_that_cannot_sign_writes_no_checkpoint(
    filled: SqlArchive, books_file: Path, keys: Path
) -> None:
    """An unsigned one in its place would be a surprise years later."""
    del filled
    output = keys / "c.json"
    with pytest.raises(UsageError, match=r"officer\.pub"):
        call(books_file, "checkpoint", "--key", str(keys / "officer.pub"), "--output", str(output))
    assert not output.exists()
