"""What one attack of any class but membership inference found, and the form in which it becomes evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from governance.domain.evidence import EvidenceType

if TYPE_CHECKING:
    # The command line reads these facts without loading a numeric library.
    from governance.privacy.attacks.interface import ThreatModel
    from governance.privacy.scoring import Interval
    from governance.privacy.verdict import Leakage


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attack on one model: a measure with its interval and its null; no record and no record's value."""

    type: EvidenceType
    attack: str
    """The attack's name, for example `imputation-lift`."""
    threat_model: ThreatModel
    measure: str
    """What `estimate` is, with its unit, for example `accuracy over imputation without the model`."""
    estimate: Interval
    """Two-sided at `confidence`; a policy gates on `high`."""
    null: float
    """What `estimate` is expected to be when the model tells nothing."""
    confidence: float
    verdict: Leakage
    power: float
    """With this probability, `detectable` or more would have been found."""
    detectable: float
    """The least true value of `estimate` for which that holds; inf where the attack cannot show absence."""
    counts: Mapping[str, int]
    """How many of what it was measured on: records, queries, shadows, classes."""
    controls: Mapping[str, Any]
    """JSON facts about checks of the measurement itself."""
    details: Mapping[str, Any]
    """JSON facts that only this attack has; names of columns and counts, never a value of a record."""
    seed: int

    def body(self) -> dict[str, Any]:
        """The body of its evidence: finite numbers, six significant digits; null for what is not finite."""
        from governance.privacy.measurement import rounded_json

        estimate = self.estimate
        body: dict[str, Any] = rounded_json(
            {
                "attack": self.attack,
                "measure": self.measure,
                "estimate": {"point": estimate.point, "low": estimate.low, "high": estimate.high},
                "null": self.null,
                "confidence": self.confidence,
                "verdict": self.verdict.value,
                "power": {"probability": self.power, "detectable": self.detectable},
                "threat_model": {
                    "access": self.threat_model.access,
                    "knowledge": self.threat_model.knowledge,
                    "queries": self.threat_model.queries,
                },
                "counts": self.counts,
                "controls": self.controls,
                "details": self.details,
                "seed": self.seed,
            }
        )
        return body
