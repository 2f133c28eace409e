"""What was tried against the model, how well it was tried, and what was not tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from governance.canonical import timestamp
from governance.domain.dossier import Dossier
from governance.domain.evidence import Evidence, EvidenceType
from governance.policy.document import Policy
from governance.reports.signers import signatures
from governance.reports.tolerant import Json, items, mapping, real, scalars, word

CLASSES: tuple[tuple[EvidenceType, str, str], ...] = (
    (
        EvidenceType.MEMBERSHIP_INFERENCE,
        "Membership inference",
        "finding out that a person's record was used for training",
    ),
    (
        EvidenceType.ATTRIBUTE_INFERENCE,
        "Attribute inference",
        "guessing a hidden property of a person whose other properties are known",
    ),
    (
        EvidenceType.EXTRACTION,
        "Exfiltration and extraction",
        "getting training records or the model itself out by queries",
    ),
    (
        EvidenceType.MEMORISATION,
        "Regurgitation and memorisation",
        "the model repeating training records in its answers",
    ),
    (
        EvidenceType.MODEL_INVERSION,
        "Model inversion",
        "deriving what a typical or a particular person's input looked like",
    ),
    (EvidenceType.RECONSTRUCTION, "Reconstruction", "rebuilding whole training records from the model"),
    (
        EvidenceType.PROPERTY_INFERENCE,
        "Property inference",
        "learning a property of the group of people in the training data",
    ),
)
"""The attack classes of EDPB Opinion 28/2024 ¶55, and property inference: (type, title, in plain words)."""

RESISTANCE = (
    "Withstanding a test is evidence only of resistance to that very attack, not to any other "
    "(EDPB Opinion 28/2024, ¶55)."
)

_SYNONYMS: Mapping[str, str] = {
    "exfiltration": "extraction",
    "regurgitation": "memorisation",
    "memorization": "memorisation",
    "inversion": "model-inversion",
    "membership": "membership-inference",
    "attribute": "attribute-inference",
    "property": "property-inference",
}


def others(dossier: Dossier, now: datetime) -> list[Json]:
    """Every test of these bytes by an attack of another class, in the order of the classes, newest first."""
    plain = {type: (title, words) for type, title, words in CLASSES}
    kinds = [type for type in plain if type is not EvidenceType.MEMBERSHIP_INFERENCE]
    return [
        _outcome(evidence, *plain[type], now)
        for type in kinds
        for evidence in reversed(dossier.evidence)
        if evidence.type is type
    ]


def _outcome(evidence: Evidence, title: str, plain: str, now: datetime) -> Json:
    body = mapping(evidence.body)
    details = mapping(body.get("details"))
    power = mapping(body.get("power"))
    return {
        **identity(evidence, now),
        "title": title,
        "plain": plain,
        "attack": word(body.get("attack")),
        "about": word(details.get("attribute")) or word(details.get("property")),
        "measure": word(body.get("measure")),
        "estimate": interval(body.get("estimate")),
        "null": real(body.get("null")),
        "confidence": real(body.get("confidence")),
        "verdict": word(body.get("verdict")),
        "power": {part: real(power.get(part)) for part in ("probability", "detectable")},
        "threat_model": scalars(body.get("threat_model")),
        "counts": scalars(body.get("counts")),
        "controls": scalars(body.get("controls")),
        "details": scalars(details),
        "seed": real(body.get("seed")),
    }


def identity(evidence: Evidence, now: datetime) -> Json:
    """Which record it is, who made it, when, and whether it still counts."""
    return {
        "evidence": evidence.digest,
        "type": evidence.type.value,
        "producer": evidence.producer,
        "created_at": timestamp(evidence.created_at),
        "expires_at": timestamp(evidence.expires_at) if evidence.expires_at else None,
        "expired": evidence.expires_at is not None and evidence.expires_at <= now,
    }


def interval(value: object) -> Json:
    """A measured number with its ends, each None where it is not recorded."""
    given = mapping(value) or {"point": value}
    return {part: real(given.get(part)) for part in ("point", "low", "high")}


def coverage(dossier: Dossier, now: datetime) -> list[Json]:
    """Every attack class with what was run, or why it was not; a missing reason is None."""
    reasons = _reasons(dossier.evidence)
    rows: list[Json] = []
    for type, title, plain in CLASSES:
        found = [e for e in dossier.evidence if e.type is type]
        valid = dossier.of(type, now)
        rows.append(
            {
                "class": type.value,
                "title": title,
                "plain": plain,
                "status": "run" if valid else "expired" if found else "not run",
                "evidence": [identity(e, now) for e in found],
                "reason": None if valid else reasons.get(type.value),
            }
        )
    return rows


def _reasons(evidence: Iterable[Evidence]) -> dict[str, str]:
    """The newest reason given for leaving out each class."""
    reasons: dict[str, str] = {}
    for record in evidence:
        for entry in items(mapping(record.body).get("not_run")):
            name, reason = word(mapping(entry).get("class")), word(mapping(entry).get("reason"))
            if name and reason:
                name = name.lower().replace("_", "-").replace(" ", "-")
                reasons[_SYNONYMS.get(name, name)] = reason
    return reasons


def register(policy: Policy, dossier: Dossier, now: datetime) -> list[Json]:
    """Every evidence record there is, the stray ones too; kinds without a section of their own show facts."""
    shown_elsewhere = {EvidenceType.DP_TRAINING, EvidenceType.DPIA, *(type for type, *_ in CLASSES)}
    return [
        {
            **identity(evidence, now),
            "about_these_bytes": about,
            "signatures": (signed := signatures(policy, dossier, evidence)),
            "why_not": _why_not(evidence, about, signed, policy.evidence_signed_by, now),
            "subject_digest": evidence.subject_digest,
            "inputs": list(evidence.inputs),
            "facts": {} if evidence.type in shown_elsewhere or not about else scalars(evidence.body),
        }
        for about, group in ((True, dossier.evidence), (False, dossier.stray))
        for evidence in group
    ]


def _why_not(
    evidence: Evidence, about: bool, signed: Iterable[Json], signers: Sequence[str], now: datetime
) -> str:
    """Why evidence does not count for any check; empty if it does."""
    if not about:
        return "about other bytes"
    if evidence.expires_at is not None and evidence.expires_at <= now:
        return "expired"
    trusted = not signers or any(set(signature["by"]) & set(signers) for signature in signed)
    return "" if trusted else f"not signed by {' or '.join(signers)}, as the policy asks"
