"""Measure how much a model tells about who was in its training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from governance.domain.evidence import Evidence, EvidenceType
from governance.errors import UsageError
from governance.privacy.measurement import Measurement, NotRun

if TYPE_CHECKING:
    from governance.privacy.pool import Pool
    from governance.privacy.shadows import Progress, Shadows, Trainer
    from governance.privacy.signals import Readings

OTHER_CLASSES = (
    EvidenceType.ATTRIBUTE_INFERENCE.value,
    EvidenceType.MODEL_INVERSION.value,
    EvidenceType.RECONSTRUCTION.value,
    EvidenceType.PROPERTY_INFERENCE.value,
    EvidenceType.EXTRACTION.value,
    EvidenceType.MEMORISATION.value,
)
"""Attack classes that this verb does not run."""

OTHER_CONTROLS = ("positive_control", "negative_control", "per_record", "by_group")
"""Controls known from the literature that this verb does not run."""

NOT_INCLUDED = "not part of this measurement"

SHADOW_ATTACK = "membership-inference with shadow models"

LIBRARIES = ("mlflow-governance", "numpy", "scipy", "scikit-learn", "joblib")


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Records with their labels."""

    X: Any
    """(n, …) numpy array or pandas DataFrame, as the model takes it."""
    y: Any
    """(n,) labels."""


def assess(
    model: Any,
    members: Data,
    non_members: Data,
    *,
    seed: int,
    trainer: Trainer | None = None,
    shadows: int = 2,
    fprs: Sequence[float] = (0.001, 0.01),
    confidence: float = 0.95,
    n_jobs: int | None = -1,
    progress: Progress | None = None,
) -> Measurement:
    """Attack a classifier's membership privacy and say what the attack did and did not show.

    If models of its kind can be trained, the online log-ratio attack runs with shadow models on halves
    of the records; otherwise a plain threshold on confidence, which can show a leak but never its
    absence. Equal arguments give equal measurements.

    Args:
        model: A fitted classifier; see `governance.privacy.signals.read` for what it must offer.
        members: Records it was trained on.
        non_members: Records of the same distribution that it never saw; 10 / f of them for an FPR f.
        seed: The only source of chance.
        trainer: Trains a model of the same kind: (X, y, seed) → fitted classifier. Not needed for
            scikit-learn estimators, which are cloned and refitted.
        shadows: How many shadow models, an even number.
        fprs: False-positive rates in (0, 1) at which to report the true-positive rate.
        confidence: Of each two-sided interval.
        n_jobs: Processes for shadow training, as joblib has it.
        progress: Called with (finished, all) after each shadow.

    Raises:
        UsageError: the records do not fit together, a record is on both sides, a side has fewer than
            100 distinct records, or the model is not a supported classifier.
        Undecided: the model or the trainer failed on these records.
    """
    from governance.privacy.pool import make_pool
    from governance.privacy.shadows import pair_plan, train
    from governance.privacy.signals import read

    if not fprs or not all(0 < f < 1 for f in fprs) or not 0 < confidence < 1:
        raise UsageError("fprs and confidence are numbers between 0 and 1, with at least one FPR")
    pool = make_pool(members, non_members)
    target = read(model, pool.X, pool.y)
    trainer, without = _trainer(model, trainer)
    trained = None
    if trainer is not None:
        plan = pair_plan(pool.y, shadows, seed)
        trained = train(plan, pool.X, pool.y, trainer, n_jobs=n_jobs, progress=progress)
    not_run = without + tuple(NotRun(what, NOT_INCLUDED) for what in (*OTHER_CLASSES, *OTHER_CONTROLS))
    return _measure(pool, target, trained, tuple(sorted(fprs)), confidence, seed, not_run)


def to_evidence(
    measurement: Measurement,
    subject_digest: str,
    producer: str,
    now: datetime,
    max_age_days: int | None,
) -> Evidence:
    """The measurement as evidence about exactly the bytes `subject_digest`, good for so many days."""
    return Evidence(
        type=EvidenceType.MEMBERSHIP_INFERENCE,
        subject_digest=subject_digest,
        producer=producer,
        created_at=now,
        expires_at=None if max_age_days is None else now + timedelta(days=max_age_days),
        body=measurement.body(),
    )


def _trainer(model: Any, trainer: Trainer | None) -> tuple[Trainer | None, tuple[NotRun, ...]]:
    """A trainer for the model's kind, or None and what therefore does not run."""
    from governance.privacy.shadows import sklearn_trainer

    if trainer is not None:
        return trainer, ()
    try:
        return sklearn_trainer(model), ()
    except UsageError as error:
        reason = f"{error.message}, and no trainer was given"
        return None, (NotRun(SHADOW_ATTACK, reason), NotRun("shadow_accuracy", reason))


def _measure(
    pool: Pool,
    target: Readings,
    shadows: Shadows | None,
    fprs: tuple[float, ...],
    confidence: float,
    seed: int,
    not_run: tuple[NotRun, ...],
) -> Measurement:
    from governance.privacy import scoring, verdict
    from governance.privacy.attacks.interface import Attack, Observations
    from governance.privacy.attacks.log_ratio import LogRatioOnline
    from governance.privacy.attacks.population import Population
    from governance.privacy.controls import AccuracyMatch, blind_baseline

    _refuse_untrained(target, shadows, len(set(pool.y.tolist())))
    attack: Attack = Population() if shadows is None else LogRatioOnline()
    scores = attack.score(Observations(target.confidence, None if shadows is None else shadows.confidence))
    inside, outside = pool.split(scores.values)
    right, right_outside = (float(side.mean()) for side in pool.split(target.correct))
    match = None
    if shadows is not None:
        match = AccuracyMatch(right_outside, shadows.accuracy, pool.n_non_members)
    rates = tuple(scoring.tpr_at_fpr(inside, outside, f, confidence) for f in fprs)
    resolved = sum(rate.resolved for rate in rates)
    detectable = verdict.detectable_auc(pool.n_members, pool.n_non_members, resolved, confidence)
    blind = blind_baseline(pool, seed, confidence)
    return Measurement(
        attack=scores.attack,
        threat_model=scores.threat_model,
        shadows=0 if shadows is None else len(shadows.confidence),
        n_members=pool.n_members,
        n_non_members=pool.n_non_members,
        repeated_records=pool.repeated,
        confidence=confidence,
        auc=scoring.auc(inside, outside, confidence),
        tpr_at_fpr=rates,
        roc=scoring.curve(inside, outside, confidence),
        accuracy_members=right,
        accuracy_non_members=right_outside,
        blind_baseline=blind,
        shadow_accuracy=match,
        power=verdict.POWER,
        detectable_auc=detectable,
        verdict=verdict.conclude(
            alarm=verdict.leak_shown(inside, outside, fprs, confidence),
            shift_found=not blind.passed,
            able=match is not None and match.passed and resolved > 0 and detectable <= verdict.DETECTABLE_AUC,
        ),
        not_run=not_run,
        seed=seed,
        versions=_versions(),
    )


def _refuse_untrained(target: Readings, shadows: Shadows | None, n_labels: int) -> None:
    """A trainer that hands the target back would tie all scores, which looks like no leak."""
    if shadows is None or len(set(target.confidence.tolist())) <= n_labels:
        # A model that says the same of everybody may well be equalled by its shadows.
        return
    if any((one == target.confidence).all() for one in shadows.confidence):
        raise UsageError(
            "A shadow model is identical to the model assessed: the trainer did not train it anew",
            "Pass trainer=, a function (X, y, seed) that fits a new model on exactly these records.",
        )


def _versions() -> tuple[tuple[str, str], ...]:
    from importlib.metadata import version

    return tuple((name, version(name)) for name in LIBRARIES)
