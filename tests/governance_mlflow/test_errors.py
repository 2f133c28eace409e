"""Our answers in MLflow's words: the code tells a program what to do, the text tells a person."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from governance.domain.decision import Finding, Status
from governance.errors import (
    Conflict,
    GovernanceError,
    Mistake,
    NotFound,
    PolicyInvalid,
    Undecided,
    UsageError,
)
from governance_mlflow.errors import Refused, refusal, translated


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (NotFound("no such thing", "list them"), "RESOURCE_DOES_NOT_EXIST", 404),
        (Conflict("it is there", "name it otherwise"), "INVALID_PARAMETER_VALUE", 400),
        (UsageError("wrong", "right"), "INVALID_PARAMETER_VALUE", 400),
        (PolicyInvalid((Mistake("p.yaml", 3, "wrong"),)), "INVALID_PARAMETER_VALUE", 400),
        (Undecided("unreadable", "mount it"), "ABORTED", 409),
        (GovernanceError("other"), "ABORTED", 409),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_kind_has_its_code(error: GovernanceError, code: str, status: int) -> None:
    """Message and remedy both arrive, and the cause is kept for the server's log."""
    with pytest.raises(MlflowException) as caught, translated():
        raise error

    assert (code, status, str(error), error) == (
        caught.value.error_code,
        caught.value.get_http_status_code(),
        caught.value.message,
        caught.value.__cause__,
    )


@pytest.mark.parametrize("error", [MlflowException("theirs"), ZeroDivisionError(), KeyboardInterrupt()])
def test_other_errors_pass(error: BaseException) -> None:
    """MLflow's own are MLflow's already; a defect of ours is not dressed up as an answer."""
    with pytest.raises(type(error)) as caught, translated():
        raise error

    assert error is caught.value


def test_a_denial_names_everything_open_and_nothing_else(make: Any) -> None:
    """What passed or was only to be noted is left out; each open requirement brings its next step."""
    findings = (
        Finding("actor-known", Status.PASSED, "alice", "somebody", "identified"),
        Finding("dp-unit", Status.WARNED, "record", "person", "only warned of", "train again"),
        Finding("dp-budget", Status.NOTED, "none", "one", "only noted", "grant one"),
        Finding("approval", Status.MISSING, "0 of 1", "1 by dpo", "still to come", "governance approve …"),
        Finding("lineage-known", Status.UNDECIDED, "nothing", "all", "unreadable"),
    )
    decision = make.decision(findings=findings)

    error = refusal(decision)

    assert ("PERMISSION_DENIED", 403) == (error.error_code, error.get_http_status_code())
    assert (
        "models:/visits/1 may not become alias @champion: "
        "2 of 5 requirements of policy 'baseline' are not met.\n"
        "- approval [missing]: still to come\n"
        "  observed 0 of 1; required 1 by dpo\n"
        "  next: governance approve …\n"
        "- lineage-known [undecided]: unreadable\n"
        "  observed nothing; required all\n"
        f"Recorded as decision {decision.record_digest[:12]}; bytes bbbbbbbbbbbb."
    ) == error.message


def test_a_change_refused_outright() -> None:
    """No evidence would help, so none is asked for."""
    error = Refused("Setting tag 'governance.label'", "it is the plugin's")

    assert ("PERMISSION_DENIED", "Setting tag 'governance.label' is refused: it is the plugin's") == (
        error.error_code,
        error.message,
    )
