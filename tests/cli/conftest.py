"""The command as a shell sees it: arguments in, exit code and two streams out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from governance.cli.main import run


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Answer]:
    """Calls `governance …` in an empty folder, with its books in that folder and a wide terminal."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "GOVERNANCE_DEBUG", "GOVERNANCE_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOVERNANCE_STORE_URI", f"sqlite:///{tmp_path / 'books.db'}")
    monkeypatch.setenv("GOVERNANCE_ACTOR", "ada")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)

    def answer(*arguments: str) -> Answer:
        code = run(list(arguments))
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Answer(int(code), out, err)

    return answer
