"""What the attacks on membership found in one model, and the form in which it becomes evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The command line reads these facts without loading a numeric library.
    from governance.privacy.attacks.interface import ThreatModel
    from governance.privacy.binning import Histogram
    from governance.privacy.controls import Controls
    from governance.privacy.multiplicity import Family
    from governance.privacy.record_risk import RecordRisk
    from governance.privacy.scoring import Curve, Interval, Rate
    from governance.privacy.slices import Slice
    from governance.privacy.verdict import Leakage, Verdict


@dataclass(frozen=True, slots=True)
class NotRun:
    """An attack class or a control that did not run."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The share of records that the target gets right; None where that is not known."""

    members: float | None
    non_members: float | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """The attacks on membership of one model: numbers, intervals, controls; no record and none's score."""

    attack: str
    """The one that bears the verdict, chosen before the target was looked at."""
    threat_model: ThreatModel
    unit: str
    """Whose membership is inferred: `record` or `subject`."""
    shadows: int
    how: str
    """Whether shadows were trained stacked or one by one; empty without any."""
    n_members: int
    n_non_members: int
    confidence: float
    """Of everything said here, together."""
    verdicts: Mapping[str, Verdict]
    """Of every attack that was judged, by its name."""
    roc: Curve
    histogram: Histogram
    accuracy: Accuracy
    controls: Controls
    slices: tuple[Slice, ...]
    records: RecordRisk
    family: Family
    looks: Mapping[str, Any]
    """Every look that was taken, and why no more were."""
    not_run: tuple[NotRun, ...]
    seed: int
    versions: tuple[tuple[str, str], ...]
    worst_records: str | None = None
    """SHA-256 of the restricted file of the records most at risk; None if none was written."""

    @property
    def headline(self) -> Verdict:
        """The verdict of the attack that was chosen beforehand."""
        return self.verdicts[self.attack]

    @property
    def verdict(self) -> Leakage:
        """The model's: a leak if any attack shows one, none if one that could show it did not."""
        from governance.privacy.verdict import overall

        return overall(self.verdicts)

    @property
    def auc(self) -> Interval:
        """Of the attack that was chosen beforehand."""
        return self.headline.auc

    @property
    def tpr_at_fpr(self) -> tuple[Rate, ...]:
        """Of the attack that was chosen beforehand."""
        return self.headline.tpr_at_fpr

    def body(self) -> dict[str, Any]:
        """The body of `membership-inference` evidence: finite numbers, six significant digits."""
        body = {
            **self.headline.body(),
            "attack": self.attack,
            "unit": self.unit,
            "shadows": self.shadows,
            "shadow_training": self.how,
            "n_members": self.n_members,
            "n_non_members": self.n_non_members,
            "confidence": self.confidence,
            "roc": {
                "fpr": list(self.roc.fpr),
                "tpr": list(self.roc.tpr),
                "low": list(self.roc.low),
                "high": list(self.roc.high),
            },
            "histogram": dict(self.histogram),
            "accuracy": {
                side: share
                for side, share in (
                    ("members", self.accuracy.members),
                    ("non_members", self.accuracy.non_members),
                )
                if share is not None
            },
            "verdict": self.verdict.value,
            "attacks": [{"attack": name} | verdict.body() for name, verdict in self.verdicts.items()],
            "slices": [one.body() for one in self.slices],
            "records": self.records.body(),
            "family": self.family.body(),
            "looks": dict(self.looks),
            "controls": self._controls(),
            "not_run": [{"class": one.what, "reason": one.reason} for one in self.not_run],
            "threat_model": {
                "access": self.threat_model.access,
                "knowledge": self.threat_model.knowledge,
                "queries": self.threat_model.queries,
            },
            "pool_fraction": self.controls.pool_fraction,
            "seed": self.seed,
            "versions": dict(self.versions),
        }
        if self.worst_records is not None:
            body["worst_records"] = self.worst_records
        rounded: dict[str, Any] = rounded_json(body)
        return rounded

    def _controls(self) -> dict[str, Any]:
        largest = max(self.records.identifiable, key=lambda one: one.q)
        return self.controls.body() | {
            "power": {"probability": self.headline.power, "auc": self.headline.detectable_auc},
            "per_record": {"identifiable": largest.records, "at_false_discovery_rate": largest.q},
            "by_group": {
                "slices": len(self.slices),
                "too_small": sum(one.too_small for one in self.slices),
                "leak_shown": sum(one.leakage.value == "leak shown" for one in self.slices),
            },
        }


def rounded_json(value: Any) -> Any:
    """A JSON value with every float at six significant digits, and none for what is not finite."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {key: rounded_json(part) for key, part in value.items()}
    return [rounded_json(part) for part in value] if isinstance(value, (list, tuple)) else value
