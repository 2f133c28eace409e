"""What one attack on one model found, and the form in which it becomes evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The command line reads these facts without loading a numeric library.
    from governance.privacy.attacks.interface import ThreatModel
    from governance.privacy.controls import AccuracyMatch, BlindBaseline
    from governance.privacy.scoring import Curve, Interval, Rate
    from governance.privacy.verdict import Leakage


@dataclass(frozen=True, slots=True)
class NotRun:
    """An attack class or a control that did not run."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One attack on one model: numbers, intervals and controls; no record and no record's score."""

    attack: str
    threat_model: ThreatModel
    shadows: int
    n_members: int
    n_non_members: int
    repeated_records: int
    """Records left out because the same side holds an equal one."""
    confidence: float
    auc: Interval
    tpr_at_fpr: tuple[Rate, ...]
    roc: Curve
    accuracy_members: float
    accuracy_non_members: float
    blind_baseline: BlindBaseline
    shadow_accuracy: AccuracyMatch | None
    """None when no shadows were trained."""
    power: float
    """With this probability a leak of `detectable_auc` or more would have been found."""
    detectable_auc: float
    verdict: Leakage
    not_run: tuple[NotRun, ...]
    seed: int
    versions: tuple[tuple[str, str], ...]

    @property
    def pool_fraction(self) -> float:
        """Members' share of the pool f; d′ is overstated by about 1/√(1 − f) (arXiv:2605.25819)."""
        return self.n_members / (self.n_members + self.n_non_members)

    def body(self) -> dict[str, Any]:
        """The body of `membership-inference` evidence: finite numbers, six significant digits."""
        body = {
            "attack": self.attack,
            "shadows": self.shadows,
            "n_members": self.n_members,
            "n_non_members": self.n_non_members,
            "confidence": self.confidence,
            "auc": {"point": self.auc.point, "low": self.auc.low, "high": self.auc.high},
            "tpr_at_fpr": [
                {
                    "fpr": rate.fpr,
                    "tpr": rate.tpr.point,
                    "low": rate.tpr.low,
                    "high": rate.tpr.high,
                    "resolved": rate.resolved,
                }
                for rate in self.tpr_at_fpr
            ],
            "roc": {
                "fpr": list(self.roc.fpr),
                "tpr": list(self.roc.tpr),
                "low": list(self.roc.low),
                "high": list(self.roc.high),
            },
            "accuracy": {"members": self.accuracy_members, "non_members": self.accuracy_non_members},
            "verdict": self.verdict.value,
            "controls": self._controls(),
            "not_run": [{"class": one.what, "reason": one.reason} for one in self.not_run],
            "threat_model": {
                "access": self.threat_model.access,
                "knowledge": self.threat_model.knowledge,
                "queries": self.threat_model.queries,
            },
            "pool_fraction": self.pool_fraction,
            "seed": self.seed,
            "versions": dict(self.versions),
        }
        rounded: dict[str, Any] = _rounded(body)
        return rounded

    def _controls(self) -> dict[str, Any]:
        blind, match = self.blind_baseline, self.shadow_accuracy
        controls: dict[str, Any] = {
            "blind_baseline": {
                "auc": blind.auc.point,
                "low": blind.auc.low,
                "high": blind.auc.high,
                "passed": blind.passed,
            },
            # More than none is refused before anything is measured.
            "duplicates": 0,
            "repeated_records": self.repeated_records,
            "power": {"probability": self.power, "auc": self.detectable_auc},
        }
        if match is not None:
            controls["shadow_accuracy"] = {
                "target": match.target,
                "shadows": match.shadows,
                "passed": match.passed,
            }
        return controls


def _rounded(value: Any) -> Any:
    """A JSON value with every float at six significant digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value
