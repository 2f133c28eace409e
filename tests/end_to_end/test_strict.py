"""A real `mlflow server` under an MLflow that can do what nobody judged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.slow

NEWER = """\
from mlflow.store.model_registry.abstract_store import AbstractStore
AbstractStore.promote_everything = lambda self: None
"""


@pytest.fixture
def newer(tmp_path: Path) -> str:
    """Where Python finds a line that makes the installed MLflow a newer one, in every process."""
    folder = tmp_path / "newer"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NEWER, encoding="utf-8")
    return str(folder)


def test_the_server_does_not_start(tmp_path: Path, empty_database: Path, newer: str) -> None:
    """It ends with the method's name and the ways out."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    options = ["--backend-store-uri", database, "--registry-store-uri", f"governed+{database}", "--port", "0"]

    ended = subprocess.run(
        [sys.executable, "-m", "mlflow", "server", *options],
        env=os.environ | {"PYTHONPATH": newer, "GOVERNANCE_STRICT": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert 1 == ended.returncode
    for words in ("promote_everything is new", "newer mlflow-governance", "GOVERNANCE_STRICT=false"):
        assert words in ended.stderr


def test_the_server_starts_at_the_operator_s_risk(serve: Callable[..., Any], newer: str) -> None:
    """With strictness switched off it warns and serves, and the gate still stands."""
    server = serve(PYTHONPATH=newer, GOVERNANCE_STRICT="false")

    server.client.create_registered_model("fraud")
    with pytest.raises(MlflowException, match="are the plugin's"):
        server.client.set_registered_model_tag("fraud", "governance.label", "public")

    assert "promote_everything is new" in (server.folder / "server.log").read_text("utf-8")
