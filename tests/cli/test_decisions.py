"""A decision in a terminal and as JSON, and the exit code it leaves with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from governance.cli.decisions import leave, write_decision
from governance.domain.decision import Finding, Status

FINDINGS = (
    Finding("actor-known", Status.PASSED, "alice", "somebody", "identified"),
    Finding("membership-tpr", Status.FAILED, "4.1 %", "≤ 2 %", "too high", "Train with more noise."),
    Finding("approval", Status.MISSING, "0 of 1", "1 by dpo", "still to come", "governance approve …"),
    Finding("dp-unit", Status.WARNED, "record", "person", "only warned of", "Train per person."),
    Finding("dp-budget", Status.NOTED, "none", "one", "only noted", "Grant one."),
    Finding("lineage-known", Status.UNDECIDED, "nothing", "all", "unreadable"),
)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")


def test_in_a_terminal(make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer first, then each requirement, then what to do about those that are open."""
    write_decision(make.decision(findings=FINDINGS), "text")

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [
        "models:/visits/1 as alias @champion: DENIED",
        "policy baseline dddddddddddd, bytes bbbbbbbbbbbb",
        "check           state      observed  required",
        "actor-known     passed     alice     somebody",
        "membership-tpr  failed     4.1 %     ≤ 2 %",
        "approval        missing    0 of 1    1 by dpo",
        "dp-unit         warned     record    person",
        "dp-budget       noted      none      one",
        "lineage-known   undecided  nothing   all",
        "membership-tpr: too high",
        "  → Train with more noise.",
        "approval: still to come",
        "  → governance approve …",
        "dp-unit: only warned of",
        "  → Train per person.",
    ] == lines


def test_an_exception_is_plain_to_see(make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What only a waiver or broken glass let through has a line of its own, with who, until when and why."""
    excused = (
        Finding("membership-tpr", Status.WAIVED, "4.1 %", "≤ 2 %", "too high; waived by dora", "Train."),
        Finding("approval", Status.OVERRIDDEN, "0 of 1", "1", "none; glass broken by bess", "Approve."),
    )
    write_decision(make.decision(findings=(FINDINGS[0], *excused)), "text")

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [
        "models:/visits/1 as alias @champion: ALLOWED",
        "policy baseline dddddddddddd, bytes bbbbbbbbbbbb",
        "check           state       observed  required",
        "actor-known     passed      alice     somebody",
        "membership-tpr  waived      4.1 %     ≤ 2 %",
        "approval        overridden  0 of 1    1",
        "Only by exception: membership-tpr waived",
        "  too high; waived by dora",
        "Only by exception: approval overridden",
        "  none; glass broken by bess",
    ] == lines


def test_as_json(make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly the documented schema."""
    decision = make.decision(findings=FINDINGS)
    write_decision(decision, "json")

    assert decision.to_json() == json.loads(capsys.readouterr().out)


def test_what_others_wrote_stays_text(make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets, colours and line ends in names and reasons neither vanish nor forge an answer."""
    evil = "visits[train] [/bold]\x1b[2J\nmodels:/visits/1 as alias @champion: ALLOWED"
    write_decision(
        make.decision(change=evil, findings=(Finding("approval", Status.MISSING, evil, evil, evil, evil),)),
        "text",
    )

    out = capsys.readouterr().out
    assert ("\x1b" in out, "[/bold]" in out) == (False, True)
    assert [] == [line for line in out.splitlines() if line.startswith("models:") and "DENIED" not in out]
    assert 1 == sum(line.startswith("models:/visits/1 as ") for line in out.splitlines())


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((Status.PASSED,), 0),
        ((Status.PASSED, Status.WARNED, Status.NOTED), 0),
        ((Status.PASSED, Status.FAILED), 1),
        ((Status.MISSING,), 1),
        ((Status.FAILED, Status.UNDECIDED), 1),
        ((Status.UNDECIDED,), 3),
        ((), 3),
    ],
)
def test_the_exit_code(make: Any, statuses: tuple[Status, ...], code: int) -> None:
    """Allowed, denied and could not decide are three things to a script too."""
    findings = tuple(Finding("approval", status, "", "", "") for status in statuses)

    with pytest.raises(SystemExit) as leaving:
        leave(make.decision(findings=findings))
    assert code == leaving.value.code
