"""What a check is: a function from a case and parameters to findings, and what those may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.domain.decision import Finding
from governance.domain.dossier import Asking, Dossier
from governance.domain.label import Identifiability, Label
from governance.policy.document import CHOSEN_BY, Policy, Target
from governance.policy.reading import Interval

REQUIRED = object()
"""Stands where a parameter has no default."""

PERSONAL = Identifiability.PSEUDONYMISED
"""From here on data are personal: pseudonymised data still are (GDPR recital 26)."""

CHOSEN = f"({CHOSEN_BY})"


@dataclass(frozen=True, slots=True)
class Number:
    """A parameter that is a number."""

    interval: Interval
    meaning: str
    whole: bool = False
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Flag:
    """A parameter that is true or false."""

    meaning: str
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class RoleName:
    """A parameter that names a role of the policy."""

    meaning: str
    default: Any = REQUIRED


Parameter = Number | Flag | RoleName


@dataclass(frozen=True, slots=True)
class Case:
    """What a check looks at."""

    policy: Policy
    target: Target
    dossier: Dossier
    asking: Asking

    @property
    def label(self) -> Label:
        """The effective label."""
        return self.dossier.inheritance.effective

    @property
    def version(self) -> str:
        """The version's name, as commands take it."""
        return str(self.dossier.subject.named)


def _consistent(parameters: Mapping[str, Any]) -> str:
    del parameters
    return ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its parameters and its function."""

    function: Callable[..., tuple[Finding, ...]]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    contradiction: Callable[[Mapping[str, Any]], str] = _consistent
    """Why parameters that are each in range can never be met together; empty if they can."""
