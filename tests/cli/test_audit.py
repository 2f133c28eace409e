"""`governance audit` on real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from governance.cli.audit import audit
from governance.domain.chain import GENESIS
from governance.domain.events import (
    BudgetReserved,
    ChangeRefused,
    PromotionAllowed,
    VersionDeleted,
    VersionRegistered,
)
from governance.errors import Conflict, UsageError
from governance.storage.archive import SqlArchive, open_archive


@pytest.fixture
def books_file(tmp_path: Path) -> Path:
    """Where the books lie."""
    return tmp_path / "books.db"


@pytest.fixture
def filled(books_file: Path, make: Any) -> SqlArchive:
    """Four entries: a deletion, a refusal, a reservation, another deletion."""
    archive = open_archive(f"sqlite:///{books_file}")
    with archive.writing() as books:
        books.audit.append(make.later(0), "ada", VersionDeleted("u1", "models:/größe/1"))
        books.audit.append(make.later(1), "eve\n5  forged", ChangeRefused("alias \x1b[31m", "looks alike"))
        books.audit.append(make.later(2), "bob", BudgetReserved("visits", "k1"))
        books.audit.append(make.later(3), "ada", VersionDeleted("u2", "models:/visits/2"))
    return archive


def call(file: Path, *arguments: str) -> Result:
    """Call the group with the store in the environment."""
    environment = {"GOVERNANCE_STORE_URI": f"sqlite:///{file}"}
    return CliRunner().invoke(audit, arguments, env=environment, catch_exceptions=False)


def tamper(archive: SqlArchive, statement: str) -> None:
    """Change the log as somebody who may drop triggers."""
    with archive.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER governance_audit_no_update"))
        connection.execute(text("DROP TRIGGER governance_audit_no_delete"))
        connection.execute(text(statement))


def positions(result: Result) -> list[int]:
    """The positions in a JSON log."""
    return [entry["position"] for entry in json.loads(result.stdout)["entries"]]


def test_the_log_is_printed_a_line_an_entry(filled: SqlArchive, books_file: Path) -> None:
    """Control characters are spelled out: nobody forges a line or a colour in it."""
    del filled
    expected = (
        '1  2026-03-01T12:00:00.123456Z  ada  version:deleted  {"uid": "u1", "version": "models:/größe/1"}\n'
        "2  2026-03-01T12:01:00.123456Z  eve\\n5  forged  change:refused  "
        '{"change": "alias \\u001b[31m", "reason": "looks alike"}\n'
        '3  2026-03-01T12:02:00.123456Z  bob  budget:reserved  {"dataset": "visits", "key": "k1"}\n'
        '4  2026-03-01T12:03:00.123456Z  ada  version:deleted  {"uid": "u2", "version": "models:/visits/2"}\n'
    )
    assert expected == call(books_file, "log").stdout


def test_the_log_as_json_is_whole(filled: SqlArchive, books_file: Path) -> None:
    """Everything that the hash covers is there."""
    with filled.reading() as books:
        entry = next(books.audit.entries(3))
    result = call(books_file, "log", "--format", "json", "--after", "3")

    expected = {
        "position": 4,
        "at": "2026-03-01T12:03:00.123456Z",
        "actor": "ada",
        "type": "version:deleted",
        "body": {"uid": "u2", "version": "models:/visits/2"},
        "parent": entry.parent,
        "hash": entry.hash,
    }
    assert {"schema": "governance/audit-log/v1", "entries": [expected]} == json.loads(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--type", "version:deleted"], [1, 4]),
        (["--type", "version:deleted", "--type", "budget:reserved"], [1, 3, 4]),
        (["--subject", "u2"], [4]),
        (["--subject", "visits"], [3]),
        (["--subject", "models:/größe/1"], [1]),
        (["--subject", "u"], []),
        (["--after", "1", "--limit", "2"], [2, 3]),
        (["--type", "version:deleted", "--limit", "1"], [1]),
        (["--after", "9"], []),
        (["--actor", "ada"], [1, 4]),
        (["--actor", "ad"], []),
        (["--since", "2026-03-01T12:02:00.123456Z"], [3, 4]),
        (["--since", "2026-03-01T13:03+01:00"], [4]),
        (["--since", "2026-03-01 12:03"], [4]),
        (["--since", "2026-03-01"], [1, 2, 3, 4]),
        (["--since", "2026-03-02"], []),
        (["--actor", "ada", "--since", "2026-03-01T12:01", "--type", "version:deleted"], [4]),
    ],
)
def test_the_log_is_filtered(
    filled: SqlArchive, books_file: Path, arguments: list[str], expected: list[int]
) -> None:
    """By type, by what an entry names, by who and when, by position and number."""
    del filled
    assert expected == positions(call(books_file, "log", "--format", "json", *arguments))


def test_an_unknown_type_is_wrong_usage(books_file: Path) -> None:
    """A misspelt type would look like a log without such entries."""
    result = call(books_file, "log", "--type", "promotion:dennied")

    assert 2 == result.exit_code
    assert "promotion:denied" in result.stderr


@pytest.mark.parametrize("option", ["--since", "--as-of"])
@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30", "12:00", "", "2026-03-01T12:00ZZ", "9999-12-31T23:59-23:59"]
)
def test_what_is_no_time_is_wrong_usage(books_file: Path, option: str, text: str) -> None:
    """What is expected is shown by examples, with and without a zone."""
    result = call(books_file, "log", option, text)

    assert 2 == result.exit_code
    assert "2026-03-01T12:00 (both UTC) or 2026-03-01T12:00+01:00" in " ".join(result.stderr.split())


@pytest.fixture
def promoted(books_file: Path, make: Any) -> list[str]:
    """Version 1 is the champion at noon, version 2 an hour later; the digests of both decisions."""
    decisions = [
        make.decision(f"u{number}", at=make.later(60 * number - 60), change="alias @champion of visits")
        for number in (1, 2)
    ]
    with open_archive(f"sqlite:///{books_file}").writing() as books:
        for number, decision in enumerate(decisions, start=1):
            uid, name, digest = f"u{number}", f"models:/visits/{number}", decision.record_digest
            books.audit.append(decision.at, "ada", VersionRegistered(uid, name, "b" * 64, {}, []))
            books.decisions.add(decision, "/frozen")
            event = PromotionAllowed(uid, digest, "production", decision.change, "nothing", "/frozen")
            books.audit.append(decision.at, "dora\x1b[31m", event)
    return [decision.record_digest for decision in decisions]


def test_what_stood_where_at_a_time(promoted: list[str], books_file: Path) -> None:
    """The version, by whose decision, under which policy; forged colours are spelled out."""
    result = call(books_file, "log", "--as-of", "2026-03-01T13:30+01:00")

    expected = (
        "@champion of visits: models:/visits/1, uid u1\n"
        "  since 2026-03-01T12:00:00.123456Z, by dora\\x1b[31m, for target production\n"
        f"  decision {promoted[0]}\n"
        f"  policy baseline, digest {'d' * 64}\n"
    )
    assert (0, expected) == (result.exit_code, result.stdout)


def test_what_stood_where_at_a_time_as_json(promoted: list[str], books_file: Path) -> None:
    """The time asked for in UTC, and every fact under its name."""
    options = ("--place", "@champion", "--model", "visits", "--format", "json")
    result = call(books_file, "log", "--as-of", "2026-03-01T14:00:00", *options)

    held = {
        "place": "@champion",
        "model": "visits",
        "workspace": "default",
        "version": "models:/visits/2",
        "uid": "u2",
        "since": "2026-03-01T13:00:00.123456Z",
        "actor": "dora\x1b[31m",
        "target": "production",
        "decision": promoted[1],
        "policy": {"name": "baseline", "digest": "d" * 64},
        "exceptions": [],
    }
    answer = {"schema": "governance/as-of/v1", "at": "2026-03-01T14:00:00.000000Z", "held": [held]}
    assert answer == json.loads(result.stdout)


@pytest.mark.parametrize(
    "arguments",
    [["2026-03-01"], ["2026-03-02", "--place", "@quarantine"], ["2026-03-02", "--model", "costs"]],
)
def test_nothing_is_an_answer(promoted: list[str], books_file: Path, arguments: list[str]) -> None:
    """Before the first promotion, in another place, of another model."""
    del promoted
    result = call(books_file, "log", "--as-of", *arguments)

    assert (0, "By the log, no version stood there then.\n") == (result.exit_code, result.stdout)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["--place", "@champion"], "--place goes with --as-of TIME only"),
        (["--model", "visits"], "--model goes with --as-of TIME only"),
        (["--as-of", "2026-03-01", "--type", "version:deleted"], "--type does not go with --as-of"),
        (["--as-of", "2026-03-01", "--after", "0"], "--after does not go with --as-of"),
        (["--as-of", "2026-03-01", "--since", "2026-03-01"], "--since does not go with --as-of"),
    ],
)
def test_options_that_would_be_ignored_are_refused(
    books_file: Path, arguments: list[str], wrong: str
) -> None:
    """An answer to another question looks like one to this."""
    result = call(books_file, "log", *arguments)

    assert (2, True) == (result.exit_code, wrong in result.stderr)


def test_a_sound_log_holds(filled: SqlArchive, books_file: Path) -> None:
    """The head is printed, so that it can be compared; exit code 0."""
    with filled.reading() as books:
        _, head = books.audit.head()
    result = call(books_file, "verify")

    assert (0, f"The audit log holds: 4 entries, head {head}.\n") == (result.exit_code, result.stdout)
    assert "--from-checkpoint" in result.stderr


def test_an_empty_log_holds(books_file: Path) -> None:
    """Nothing was recorded and nothing is wrong, also from a checkpoint taken then."""
    output = books_file.with_name("checkpoint.json")
    assert f"The audit log holds: 0 entries, head {GENESIS}.\n" == call(books_file, "verify").stdout
    call(books_file, "checkpoint", "--output", str(output))

    assert 0 == call(books_file, "verify", "--from-checkpoint", str(output)).exit_code


def test_a_changed_entry_is_named(filled: SqlArchive, books_file: Path) -> None:
    """The first entry that does not hold, in text and in JSON, with exit code 1."""
    tamper(filled, "UPDATE governance_audit SET actor = 'ada' WHERE position = 2")
    result = call(books_file, "verify")
    machine = call(books_file, "verify", "--format", "json")

    reason = "its contents do not match its hash"
    assert (1, f"Entry 2 breaks the audit log: {reason}.\n") == (result.exit_code, result.stdout)
    answer = json.loads(machine.stdout)
    assert (1, 1, {"position": 2, "reason": reason}) == (machine.exit_code, answer["entries"], answer["flaw"])


def test_a_log_cut_short_is_found_with_a_checkpoint(filled: SqlArchive, books_file: Path) -> None:
    """Without it the shorter log holds."""
    output = books_file.with_name("checkpoint.json")
    assert 0 == call(books_file, "checkpoint", "--output", str(output)).exit_code
    assert 0 == call(books_file, "verify", "--from-checkpoint", str(output)).exit_code
    tamper(filled, "DELETE FROM governance_audit WHERE position = 4")

    assert 0 == call(books_file, "verify").exit_code
    result = call(books_file, "verify", "--from-checkpoint", str(output))
    missing = "Entry 4 breaks the audit log: it stands in the checkpoint and is no longer in the log.\n"
    assert (1, missing) == (result.exit_code, result.stdout)


def test_from_a_checkpoint_only_the_rest_is_walked(filled: SqlArchive, books_file: Path, make: Any) -> None:
    """What was verified before the checkpoint is not read again; what came after it is."""
    output = books_file.with_name("checkpoint.json")
    call(books_file, "checkpoint", "--output", str(output))
    with filled.writing() as books:
        books.audit.append(make.later(4), "ada", ChangeRefused("alias", "test"))
    tamper(filled, "UPDATE governance_audit SET actor = 'x' WHERE position = 1")
    result = call(books_file, "verify", "--from-checkpoint", str(output), "--format", "json")

    assert (0, 5, None) == (result.exit_code, *map(json.loads(result.stdout).get, ("entries", "flaw")))


def test_a_checkpoint_says_where_the_log_ends(filled: SqlArchive, books_file: Path) -> None:
    """Schema, position, hash and time, on standard output unless a file is named."""
    with filled.reading() as books:
        position, head = books.audit.head()
    checkpoint = json.loads(call(books_file, "checkpoint").stdout)

    assert checkpoint.pop("time").endswith("Z")
    assert {"schema": "governance/checkpoint/v1", "position": position, "hash": head} == checkpoint


def test_an_older_checkpoint_is_not_overwritten(filled: SqlArchive, books_file: Path) -> None:
    """It may be the only witness."""
    del filled
    output = books_file.with_name("checkpoint.json")
    output.write_text("kept")

    with pytest.raises(Conflict, match=r"checkpoint\.json exists"):
        call(books_file, "checkpoint", "--output", str(output))
    assert "kept" == output.read_text()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "7",
        '{"schema": "governance/checkpoint/v2"}',
        '{"schema": "governance/checkpoint/v1", "position": -1}',
    ],
)
def test_what_is_no_checkpoint_is_refused(books_file: Path, content: str) -> None:
    """A wrong file proves nothing about the log, so it is wrong usage and no flaw."""
    file = books_file.with_name("no-checkpoint.json")
    file.write_text(content)

    with pytest.raises(UsageError, match="governance audit checkpoint"):
        call(books_file, "verify", "--from-checkpoint", str(file))
