"""What differential privacy promises for this version, with everything needed to judge the promise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from governance.domain.budget import Guarantee
from governance.domain.dossier import Dossier, Protection
from governance.domain.evidence import EvidenceType
from governance.domain.mechanism import DpTraining, Sampling
from governance.reports.attacks import identity
from governance.reports.tolerant import Json, spoken

NEVER_LOWERS = "Differential privacy never lowers a label and decides nothing about a person's rights."


def statements(dossier: Dossier, lineage: Json, now: datetime) -> list[Json]:
    """One complete statement for every DP training on record about these bytes, oldest first.

    Args:
        dossier: The version's facts.
        lineage: The lineage as the report shows it, to tell what no guarantee covers.
        now: When the report is made.
    """
    records = {e.digest: e for e in dossier.evidence}
    return [
        {
            **(
                identity(records[protection.evidence_digest], now)
                if protection.evidence_digest in records
                else {"evidence": protection.evidence_digest, "expired": False}
            ),
            **_training(protection.training),
            "guarantee": _guarantee(protection),
            "uncovered": _uncovered(protection.training, lineage),
            "hazards": [*protection.training.hazards, *_hazards(protection.training)],
        }
        for protection in dossier.protections
    ]


def unread(dossier: Dossier) -> list[str]:
    """Digests of DP records about these bytes whose facts no training can have produced."""
    read = {protection.evidence_digest for protection in dossier.protections}
    return [e.digest for e in dossier.evidence if e.type is EvidenceType.DP_TRAINING and e.digest not in read]


def _training(training: DpTraining) -> Json:
    return {
        "unit": training.unit,
        "unit_is_data_subject": training.unit_is_data_subject,
        "max_records_per_subject": training.max_records_per_subject,
        "n_units": training.n_units,
        "neighbouring": training.neighbouring.value,
        "sampling": training.sampling.value,
        "max_grad_norm": training.max_grad_norm,
        "phases": [
            {
                "noise_multiplier": phase.noise_multiplier,
                "sample_rate": phase.sample_rate,
                "steps": phase.steps,
            }
            for phase in training.phases
        ],
        "delta": training.delta,
        "covers": training.covers,
        "covers_datasets": list(training.datasets),
        "secure_rng": training.secure_rng,
        "libraries": [f"{name} {version}" for name, version in training.libraries],
        "key": training.key,
    }


def _guarantee(protection: Protection) -> Json:
    found = protection.guarantee
    if not isinstance(found, Guarantee):
        return {"known": False, "reason": found.reason}
    return {
        "known": True,
        "epsilon": spoken(found.epsilon),
        "delta": found.delta,
        "mu": spoken(found.mu),
        "accountant": found.accountant,
        "cross_check": found.cross_check,
        "tpr_at_fpr": [{"fpr": fpr, "tpr": tpr} for fpr, tpr in found.tpr_at_fpr],
    }


def _uncovered(training: DpTraining, lineage: Json) -> list[str]:
    """What went into the version and is outside the guarantee: other datasets, and every parent."""
    datasets = {row["name"] for row in lineage["datasets"]} - set(training.datasets)
    return sorted(datasets) + [f"{p['kind'].replace('_', ' ')} {p['reference']}" for p in lineage["parents"]]


def _hazards(training: DpTraining) -> list[str]:
    found: list[str] = []
    if not training.unit_is_data_subject:
        found.append(
            f"The unit of privacy ({training.unit}) is not the data subject: "
            "for a person with several units the loss is larger than the ε shown."
        )
        if training.max_records_per_subject is None:
            found.append(
                "Nothing bounds how many records one person has: "
                "no guarantee for a whole person is possible without such a bound."
            )
    if training.sampling is not Sampling.POISSON:
        found.append(
            "Batches were shuffled, not drawn by Poisson sampling: sampling adds no protection here."
        )
    if training.delta * training.n_units >= 1:
        found.append(
            f"δ = {training.delta:g} is not below 1/{training.n_units:,}: "
            "the bound allows some unit to be exposed entirely."
        )
    if not training.secure_rng:
        found.append("The noise did not come from a cryptographically secure random generator.")
    return found


def alone(statements: Sequence[Json]) -> Json | None:
    """The one statement whose ceiling holds for the whole model; None if there is none, or several.

    Several trainings of one model compose: the ceiling of each by itself would promise too much.
    """
    counting = [s for s in statements if not s["expired"]]
    return counting[0] if len(counting) == 1 and counting[0]["guarantee"]["known"] else None
