from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_the_benchmark_of_speed_runs() -> None:
    """It must not rot unseen; how long anything takes is no test's business, nor is SACRO-ML installed."""
    command = "-m benchmarks.attack_speed --part torch --part cores --pairs 1 --shadows 2 --json"

    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )

    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert "governance/attack-speed-benchmark/v1" == found["schema"]
    assert {"torch", "cores"} == found["found"].keys()
    assert ["32", "64", "128"] == list(found["found"]["torch"])
    assert all(ratio > 0 for ratios in found["found"]["torch"].values() for ratio in ratios)
    assert 1 == len(found["found"]["cores"])
