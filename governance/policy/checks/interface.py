"""What a check is: a function from a case and parameters to findings, and what those may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from governance.domain.decision import Finding
from governance.domain.dossier import Asking, Dossier
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.label import Identifiability, Label
from governance.policy.document import CHOSEN_BY, Policy, Target
from governance.policy.reading import Interval
from governance.policy.standing import signed

REQUIRED = object()
"""Stands where a parameter has no default."""

OPTIONAL = object()
"""Stands where a parameter may be left out: its check is then called without it."""

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


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter that is one of some words."""

    words: tuple[str, ...]
    meaning: str
    default: Any = REQUIRED


Parameter = Number | Flag | RoleName | Choice


# No slots: which evidence is signed is kept once it was verified.
@dataclass(frozen=True)
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

    @cached_property
    def unsigned(self) -> frozenset[str]:
        """Digests of the evidence that does not count for want of a signature that the policy asks for."""
        signers = self.policy.evidence_signed_by
        if not signers:
            return frozenset()
        return frozenset(
            e.digest for e in self.dossier.evidence if not signed(self.policy, self.dossier, e, signers)
        )

    def evidence(self, type: EvidenceType) -> tuple[Evidence, ...]:
        """The evidence of one type that counts: about these bytes, signed if need be and not expired."""
        return tuple(e for e in self.dossier.of(type, self.asking.at) if self.trusts(e))

    def trusts(self, evidence: Evidence) -> bool:
        """Whether evidence is signed, if the policy asks for that."""
        return not self.policy.evidence_signed_by or evidence.digest not in self.unsigned

    @property
    def signers(self) -> str:
        """Of whom one must have signed evidence, in words."""
        return " or ".join(self.policy.evidence_signed_by)


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
