"""`governance db` on real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from governance.cli.db import db
from governance.errors import Undecided


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'books.db'}"


def call(url: str, *arguments: str) -> Result:
    """Call the group with the store in the environment."""
    return CliRunner().invoke(db, arguments, env={"GOVERNANCE_STORE_URI": url}, catch_exceptions=False)


def test_a_missing_schema_is_said_and_not_made(url: str, tmp_path: Path) -> None:
    """The exit code is 1, the next command stands on standard error."""
    result = call(url, "state")

    assert (1, "The governance schema is missing.\n", "Next: governance db upgrade\n") == (
        result.exit_code,
        result.stdout,
        result.stderr,
    )
    assert [] == list(tmp_path.iterdir())


def test_an_upgrade_makes_it_current_and_a_second_one_is_harmless(url: str) -> None:
    """Each says what was and what is."""
    results = [call(url, "upgrade"), call(url, "upgrade"), call(url, "state")]

    assert [
        (0, "The governance schema was missing and is current.\n"),
        (0, "The governance schema was current and is current.\n"),
        (0, "The governance schema is current.\n"),
    ] == [(result.exit_code, result.stdout) for result in results]


def test_the_url_can_be_given(url: str, tmp_path: Path) -> None:
    """It goes before the environment."""
    other = f"governed+sqlite:///{tmp_path / 'other.db'}"
    result = call(url, "upgrade", "--url", other, "--format", "json")

    upgraded = {"schema": "governance/database-upgrade/v1", "before": "missing", "after": "current"}
    assert upgraded == json.loads(result.stdout)
    stated = call(other, "state", "--format", "json")
    assert {"schema": "governance/database-state/v1", "state": "current"} == json.loads(stated.stdout)
    assert ["other.db"] == [path.name for path in tmp_path.iterdir()]


def test_a_server_s_schema_is_upgraded_by_the_command(postgresql_url: str) -> None:
    """What the first use of PostgreSQL asks for is what helps."""
    from governance.storage.archive import open_archive

    with pytest.raises(Undecided, match="governance db upgrade"), open_archive(postgresql_url).reading():
        pass
    assert "The governance schema was missing and is current.\n" == call(postgresql_url, "upgrade").stdout
    with open_archive(postgresql_url).reading() as books:
        assert () == books.catalogue.all()
