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


@pytest.mark.slow
def test_the_audit_benchmark_verifies_what_it_wrote() -> None:
    """Every entry, over several pages; a log that did not hold would end it."""
    command = "-m benchmarks.auditing --entries 2500 --json"

    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert ("governance/audit-benchmark/v1", 2500) == (found["schema"], found["entries"])
    assert found["entries_per_second"] == pytest.approx(2500 / found["seconds"])


@pytest.mark.slow
def test_the_freezing_benchmark_compares_every_tree() -> None:
    """In few and in many files."""
    command = "-m benchmarks.freezing --pairs 1 --megabytes 0.1 --json"

    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )

    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert "governance/freezing-benchmark/v1" == found["schema"]
    assert ["0.1 MB in one file", "0.1 MB in 16 files", "0.1 MB in 500 files"] == [
        tree["name"] for tree in found["trees"]
    ]
    assert all(ratio > 0 for tree in found["trees"] for ratio in tree["ratios"])


@pytest.mark.slow
def test_reconciling_finds_nothing_amiss_in_what_the_benchmark_writes() -> None:
    """What it measures is a whole look at a registry in order, and few questions."""
    command = "-m benchmarks.reconciling --versions 2000 --json"

    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )

    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert ("governance/reconciling-benchmark/v1", 2000, 200, []) == tuple(
        found[key] for key in ("schema", "versions", "in_service", "found")
    )
    assert 0 < found["statements_per_1000_versions"] < 30
