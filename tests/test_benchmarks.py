from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_the_benchmark_runs_and_compares_every_call() -> None:
    """It must not rot unseen; how long anything takes is no test's business."""
    command = "-m benchmarks --pairs 2 --megabytes 0.01 --database sqlite --json"

    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )

    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert "governance/benchmark/v1" == found["schema"]
    assert [
        "get a version",
        "get a version by alias",
        "search 20 versions",
        "create a version",
        "move an unprotected alias",
        "move a protected alias, bytes frozen before",
        "move a protected alias, 0.01 MB to freeze",
    ] == [call["name"] for call in found["databases"]["sqlite"]]
    for call in found["databases"]["sqlite"]:
        low, high = call["quartiles"]
        assert 2 == len(call["ratios"])
        assert 0 < low <= call["median"] <= high
