from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from governance.memory import MemoryArchive
from governance_mlflow.gate.gate import Gate

BASE = """\
schema: governance/policy/v1
name: base
targets: {production: {aliases: [champion]}}
rules: [{name: all, checks: [actor-known]}]
"""
EXTENDING = """\
schema: governance/policy/v1
name: ours
extends: base.yaml
"""


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate under a policy that extends another file."""
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "ours.yaml").write_text(EXTENDING, encoding="utf-8")
    monkeypatch.setenv("GOVERNANCE_POLICY", str(tmp_path / "ours.yaml"))
    archive = MemoryArchive()
    return Gate("sqlite:///unused.db", archive.reading, archive.writing, nullcontext)


def test_the_policy_is_one_object_while_it_stays_the_same(gate: Any) -> None:
    """Its digest and its text are computed once, not for every decision."""
    assert gate.policy is gate.policy


def test_an_edit_counts_from_the_next_decision(gate: Any, tmp_path: Path) -> None:
    """In the file itself and in any that it extends, without a restart."""
    before = gate.policy.target_for_alias("risk", "live")

    (tmp_path / "base.yaml").write_text(BASE.replace("champion", "live"), encoding="utf-8")
    between = gate.policy.target_for_alias("risk", "live")
    (tmp_path / "ours.yaml").write_text(EXTENDING.replace("ours", "theirs"), encoding="utf-8")

    assert (None, "production", "theirs") == (before, between and between.name, gate.policy.name)
