"""What the membership-inference tests of these bytes found, and what makes each of them believable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from governance.domain.dossier import Dossier
from governance.domain.evidence import Evidence, EvidenceType
from governance.reports.attacks import identity, interval
from governance.reports.tolerant import Json, items, mapping, real, scalars, word

CONTROLS: tuple[tuple[str, str], ...] = (
    ("blind_baseline", "Can members and non-members be told apart without the model?"),
    ("duplicates", "Records that stand on both sides"),
    ("shadow_accuracy", "Do the shadow models resemble the target?"),
    ("positive_control", "Does the attack succeed on a deliberately over-fitted twin?"),
    ("negative_control", "Does the attack stay at chance where nothing can be found?"),
    ("own_kind", "What does the attack find on a model of the same kind?"),
    ("per_record", "The most exposed records, not only the average"),
    ("by_group", "Results for each group of people, rare ones included"),
)
"""What makes a membership test believable; each is shown as run or as not run."""


def membership(dossier: Dossier, now: datetime) -> list[Json]:
    """Every membership-inference measurement of these bytes, newest first."""
    found = [e for e in dossier.evidence if e.type is EvidenceType.MEMBERSHIP_INFERENCE]
    return [_measurement(evidence, now) for evidence in reversed(found)]


def _measurement(evidence: Evidence, now: datetime) -> Json:
    body = mapping(evidence.body)
    n_non_members = real(body.get("n_non_members"))
    controls = mapping(body.get("controls"))
    return {
        **identity(evidence, now),
        "attack": word(body.get("attack")),
        "verdict": word(body.get("verdict")),
        "shadows": real(body.get("shadows")),
        "n_members": real(body.get("n_members")),
        "n_non_members": n_non_members,
        "pool_fraction": real(body.get("pool_fraction")),
        "seed": real(body.get("seed")),
        "confidence": real(body.get("confidence")),
        "unit": word(body.get("unit")),
        "shadow_training": word(body.get("shadow_training")),
        "p_value": real(body.get("p_value")),
        "statistic": word(body.get("statistic")),
        "power": {part: real(mapping(body.get("power")).get(part)) for part in ("probability", "auc")},
        "auc": interval(body.get("auc")),
        "accuracy": scalars(body.get("accuracy")),
        "tpr_at_fpr": [_point(mapping(point)) for point in items(body.get("tpr_at_fpr"))],
        "resolved_from": 10 / n_non_members if n_non_members else None,
        "roc": _roc(mapping(body.get("roc"))),
        "attacks": [_attack(mapping(one)) for one in items(body.get("attacks"))],
        "slices": [_slice(mapping(one)) for one in items(body.get("slices"))],
        "records": _records(mapping(body.get("records"))),
        "family": scalars(body.get("family")),
        "looks": _looks(mapping(body.get("looks"))),
        "worst_records": word(body.get("worst_records")),
        "threat_model": scalars(body.get("threat_model")),
        "versions": scalars(body.get("versions")),
        "controls": _controls(controls),
    }


def _controls(controls: Json) -> list[Json]:
    """Every control that there should be, run or not, then what else the evidence says of itself."""
    lacking = {word(mapping(one).get("control")): mapping(one) for one in items(controls.get("lacking"))}
    known = {name for name, _ in CONTROLS}
    return [
        {
            "name": name,
            "question": question,
            "run": name in controls,
            "facts": _facts(controls, name),
            "reason": word(lacking.get(name, {}).get("reason")),
        }
        for name, question in CONTROLS
    ] + [
        {
            "name": name,
            "question": name.replace("_", " "),
            "run": True,
            "facts": _facts(controls, name),
            "reason": None,
        }
        for name in sorted(controls.keys() - known - {"lacking"})
    ]


def _attack(body: Json) -> Json:
    """One of the attacks that were judged together."""
    return {
        "attack": word(body.get("attack")),
        "verdict": word(body.get("verdict")),
        "p_value": real(body.get("p_value")),
        "auc": interval(body.get("auc")),
    }


def _slice(body: Json) -> Json:
    too_small = body.get("too_small")
    return {
        "slicing": word(body.get("slicing")),
        "value": word(body.get("value")),
        "too_small": too_small if isinstance(too_small, bool) else None,
        "n_members": real(body.get("n_members")),
        "n_non_members": real(body.get("n_non_members")),
        "auc": interval(body.get("auc")),
        "p_value": real(body.get("p_value")),
        "verdict": word(body.get("verdict")),
    }


def _records(body: Json) -> Json:
    """How many stand out one by one; never which."""
    return {
        "smallest_p_value": real(body.get("smallest_p_value")),
        "identifiable": [
            {part: real(mapping(one).get(part)) for part in ("q", "records", "share", "fewest")}
            for one in items(body.get("identifiable"))
        ],
    }


def _looks(body: Json) -> Json:
    return {
        "looks": [
            {
                "shadows": real(mapping(one).get("shadows")),
                "confidence": real(mapping(one).get("confidence")),
                "verdict": word(mapping(one).get("verdict")),
            }
            for one in items(body.get("looks"))
        ],
        "planned": [real(one) for one in items(body.get("planned"))],
        "stopped": word(body.get("stopped")),
    }


def _facts(controls: Json, name: str) -> Json:
    value = controls.get(name)
    return scalars(value) if isinstance(value, Mapping) else scalars({"": value})


def _point(point: Json) -> Json:
    resolved = point.get("resolved")
    return {part: real(point.get(part)) for part in ("fpr", "tpr", "low", "high")} | {
        "resolved": resolved if isinstance(resolved, bool) else None
    }


def _roc(roc: Json) -> Json | None:
    curves = {part: [real(v) for v in items(roc.get(part))] for part in ("fpr", "tpr", "low", "high")}
    whole = len(curves["fpr"]) > 1 and len(curves["fpr"]) == len(curves["tpr"])
    if not whole or None in curves["fpr"] or None in curves["tpr"]:
        return None
    for bound in ("low", "high"):
        if len(curves[bound]) != len(curves["fpr"]) or None in curves[bound]:
            curves[bound] = []
    return dict(curves)
