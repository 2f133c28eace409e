"""The adapters that the environment picks."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from governance import bootstrap
from governance.errors import UsageError
from governance.settings import Settings


def test_the_archive_is_the_database_that_the_settings_name(tmp_path: Path, make: Any) -> None:
    """Two archives over one store see the same books."""
    settings = Settings(store_uri=f"sqlite:///{tmp_path / 'books.db'}")
    with bootstrap.archive(settings).writing() as books:
        books.subjects.add(make.subject())

    with bootstrap.archive(settings).reading() as books:
        assert make.subject() == books.subjects.get("u1")


def test_without_a_database_it_says_what_to_set() -> None:
    """No file is made in whatever folder the command was called in."""
    with pytest.raises(UsageError, match="MLFLOW_REGISTRY_URI"):
        bootstrap.database(None)


def test_the_clock_tells_utc() -> None:
    """Local times of two replicas would not compare."""
    assert timedelta(0) == bootstrap.clock().utcoffset()


class Fishbowl:
    """A rim that only remembers its settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


@pytest.mark.parametrize("installed", [0, 1, 2])
def test_exactly_one_rim_is_installed(monkeypatch: pytest.MonkeyPatch, installed: int) -> None:
    """None and many are refused with what to install; one is loaded and given the settings."""
    monkeypatch.setattr(EntryPoint, "load", lambda _: Fishbowl)
    found = EntryPoints([EntryPoint(f"r{n}", f"fish:Bowl{n}", "governance.rim") for n in range(installed)])
    monkeypatch.setattr(bootstrap, "entry_points", lambda **_: found)
    settings = Settings()

    if installed == 1:
        assert bootstrap.rim(settings).settings is settings  # type: ignore[attr-defined]  # a Fishbowl
    else:
        with pytest.raises(UsageError, match="pip install") as refusal:
            bootstrap.rim(settings)
        assert f"found {installed}" in str(refusal.value)
