"""Imports go down only, and the command line starts without the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
ASK_FOR_HELP = """
import sys
from governance.cli.main import main
sys.argv = ["governance", "--help"]
try:
    main()
except SystemExit as end:
    print(f"exit code {end.code or 0}", file=sys.stderr)
heavy = {"matplotlib", "mlflow", "numpy", "opacus", "pandas", "pydantic", "sqlalchemy", "torch"}
print("loaded", sorted(heavy & sys.modules.keys()), file=sys.stderr)
"""


@pytest.mark.slow
def test_imports_go_down_only() -> None:
    """Every contract in pyproject.toml is kept, and every module stands on a floor."""
    linted = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_help_needs_no_heavy_library(tmp_path: Path) -> None:
    """`governance --help` answers before any library that takes long to import is loaded."""
    asked = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "exit code 0\nloaded []\n" == asked.stderr
    assert asked.stdout.startswith("Usage: governance ")
