"""Our answers as MLflow's exceptions: the only channel that its store interface has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    ABORTED,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
)

from governance.domain.decision import Decision
from governance.errors import Forbidden, GovernanceError, NotFound, UsageError


@contextmanager
def translated() -> Iterator[None]:
    """Turn what governance raises into what an MLflow client understands, text and remedy kept."""
    try:
        yield
    except NotFound as error:
        raise MlflowException(str(error), error_code=RESOURCE_DOES_NOT_EXIST) from error
    except Forbidden as error:
        raise MlflowException(str(error), error_code=PERMISSION_DENIED) from error
    except UsageError as error:
        raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
    except GovernanceError as error:
        # Not INVALID_STATE: that is a 500, which MLflow's client repeats for minutes.
        raise MlflowException(str(error), error_code=ABORTED) from error


def refusal(decision: Decision) -> MlflowException:
    """A denial a person can act on: every requirement not met, with the command that supplies it."""
    lines = [
        f"{decision.named} may not become {decision.change}: {len(decision.unmet)} of "
        f"{len(decision.findings)} requirements of policy {decision.policy_name!r} are not met."
    ]
    for finding in decision.unmet:
        lines.append(f"- {finding.check} [{finding.status.value}]: {finding.reason}")
        lines.append(f"  observed {finding.observed}; required {finding.required}")
        if finding.remedy:
            lines.append(f"  next: {finding.remedy}")
    lines.append(f"Recorded as decision {decision.record_digest[:12]}; bytes {decision.digest[:12]}.")
    return MlflowException("\n".join(lines), error_code=PERMISSION_DENIED)


class Refused(MlflowException):  # type: ignore[misc]  # MLflow ships no types
    """A change that no evidence could make allowed.

    Raised inside a transaction it undoes it; whoever opened that transaction records the refusal after.
    """

    def __init__(self, change: str, reason: str) -> None:
        super().__init__(f"{change} is refused: {reason}", error_code=PERMISSION_DENIED)
        self.change = change
        self.reason = reason
        self.recorded = False
