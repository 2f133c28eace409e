"""What is missing from the evidence, human judgements above all, and who must supply it.

A judgement is never inferred. It counts as recorded when a person wrote it into evidence of type
`dpia` about these bytes, under the field named here, or into the place named beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from governance.canonical import timestamp
from governance.domain.dossier import Dossier
from governance.domain.evidence import EvidenceType
from governance.domain.label import Identifiability
from governance.reports.tolerant import Json, said


@dataclass(frozen=True, slots=True)
class Judgement:
    """Something only a person can supply; `field` is its name in the body of `dpia` evidence."""

    field: str
    what: str
    who: str
    source: str


JUDGEMENTS: tuple[Judgement, ...] = (
    Judgement("purpose", "What the model is for, and what it does", "the model's owner", "GDPR Art. 5(1)(b)"),
    Judgement(
        "release_context",
        "Release context: who can reach the model, and how (internal, partner, public API, open weights)",
        "the model's owner, with the DPO",
        "EDPB Opinion 28/2024, ¶44–46",
    ),
    Judgement(
        "dpia_decision",
        "DPIA decision, or the reasoned decision that none is needed",
        "the controller",
        "GDPR Art. 35; EDPB Opinion 28/2024, ¶58(a)",
    ),
    Judgement(
        "dpo_advice",
        "Advice of the DPO",
        "the data-protection officer",
        "GDPR Art. 35(2); EDPB Opinion 28/2024, ¶58(b)",
    ),
    Judgement(
        "legal_basis",
        "Legal basis of each dataset and purpose, for training and for use",
        "the controller",
        "GDPR Art. 6, 9, 10",
    ),
    Judgement("necessity", "Necessity and proportionality", "the controller", "GDPR Art. 35(7)(b)"),
    Judgement(
        "risks",
        "Severity and likelihood of the risks to the people concerned, before and after measures",
        "the controller",
        "GDPR Art. 35(7)(c)",
    ),
    Judgement(
        "threat_model",
        "Threat model: who would attack, with what access and knowledge",
        "the privacy engineer",
        "EDPB Opinion 28/2024, ¶58(c)",
    ),
    Judgement(
        "data_parameter_ratio",
        "Ratio of training data to parameters, and what it means here",
        "the data scientist",
        "EDPB Opinion 28/2024, ¶58(e)",
    ),
    Judgement(
        "subjects_views",
        "Views of the people concerned, or why they were not sought",
        "the controller",
        "GDPR Art. 35(9)",
    ),
    Judgement(
        "recipients",
        "Processors, recipients and transfers of data and weights",
        "the controller",
        "GDPR Art. 28, 30, 44–49",
    ),
    Judgement(
        "erasure",
        "How a request for erasure or objection is answered for this model",
        "the controller",
        "GDPR Art. 17, 21",
    ),
    Judgement(
        "residual_risks",
        "What deployers and the people concerned are told about remaining risks",
        "the controller",
        "EDPB Opinion 28/2024, ¶58(f)",
    ),
)


def judgements(dossier: Dossier, approvals: Iterable[Json], purpose: str, now: datetime) -> list[Json]:
    """Every judgement a report needs, with what was recorded, by whom and when; or nothing."""
    if dossier.inheritance.effective.identifiability is Identifiability.NON_PERSONAL:
        return []
    recorded = _recorded(dossier, now)
    if purpose.strip():
        stated = {"text": purpose.strip(), "by": "the registry's description", "at": None}
        recorded.setdefault("purpose", stated)
    for given in approvals:
        if given["stands"] and given["role"] in ("dpo", "data-protection-officer"):
            text = f"{given['verdict']}: {given['reason']}"
            recorded["dpo_advice"] = {"text": text, "by": given["by"], "at": given["at"]}
    return [
        {
            "field": asked.field,
            "what": asked.what,
            "who": asked.who,
            "source": asked.source,
            "recorded": recorded.get(asked.field),
        }
        for asked in JUDGEMENTS
    ]


def _recorded(dossier: Dossier, now: datetime) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for evidence in dossier.of(EvidenceType.DPIA, now):
        for asked in JUDGEMENTS:
            if text := said(evidence.body.get(asked.field)):
                found[asked.field] = {
                    "text": text,
                    "by": evidence.producer,
                    "at": timestamp(evidence.created_at),
                }
    return found


def gaps(report: Mapping[str, Json]) -> list[Json]:
    """Everything missing, from every section: what, why, who must supply it, and how."""
    return [
        *_from_decision(report["decision"]),
        *_from_lineage(report["lineage"]),
        *_from_privacy(report["privacy"]),
        *_from_records(report["decision"], report["bytes"], report["audit"]),
        *_from_judgements(report["judgements"]["asked"]),
    ]


def _gap(kind: str, what: str, why: str, who: str, how: str) -> Json:
    return {"kind": kind, "what": what, "why": why, "who": who, "how": how}


def _from_decision(decision: Json) -> list[Json]:
    return [
        _gap("check", f"{f['check']}: {f['required']}", f["reason"], "the model's owner", f["remedy"])
        for f in decision["findings"]
        if f["status"] in ("missing", "undecided", "waived", "overridden")
    ]


def _from_lineage(lineage: Json) -> list[Json]:
    return [
        _gap("lineage", gap["what"], gap["reason"], "the data scientist", gap["remedy"])
        for gap in lineage["gaps"]
    ] + [
        _gap(
            "lineage",
            f"dataset {row['name']}",
            "the catalogue does not know it, so its label, its subjects and their number are unknown",
            "the data's owner",
            "catalogue it with: governance dataset add",
        )
        for row in lineage["datasets"]
        if not row["catalogued"]
    ]


def _from_privacy(privacy: Json) -> list[Json]:
    return [
        _gap(
            "test",
            f"{row['title']}: {row['status']}",
            "no reason was recorded" if row["status"] == "not run" else "the result is out of date",
            "the privacy engineer",
            "run it with: governance assess, or record why it is left out",
        )
        for row in privacy["coverage"]
        if row["status"] != "run" and not row["reason"]
    ] + [
        _gap(
            "test",
            f"DP training record {digest[:12]}",
            "its facts contradict themselves, so it counts for nothing",
            "the data scientist",
            "train again with the recorder switched on",
        )
        for digest in privacy["dp_unread"]
    ]


def _from_records(decision: Json, bytes_: Json, audit: Json) -> list[Json]:
    found: list[Json] = []
    if not decision["policy"]["text_kept"]:
        found.append(
            _gap(
                "record",
                f"text of the policy {decision['policy']['name']}",
                "the archive does not hold it under this digest",
                "the platform engineer",
                "put the policy file back and decide again",
            )
        )
    if not bytes_["known"]:
        found.append(
            _gap(
                "record",
                "list of files behind the digest",
                "no manifest with this digest was kept",
                "the platform engineer",
                "make the model's files readable and decide again",
            )
        )
    if audit["flaw"]:
        found.append(
            _gap(
                "record",
                f"an unbroken audit log (entry {audit['flaw']['position']})",
                audit["flaw"]["reason"],
                "the platform engineer",
                "compare with the last checkpoint: governance audit verify",
            )
        )
    return found


def _from_judgements(asked: Iterable[Json]) -> list[Json]:
    return [
        _gap(
            "judgement",
            row["what"],
            f"nobody recorded it; asked for by {row['source']}",
            row["who"],
            f"evidence of type dpia, field {row['field']}",
        )
        for row in asked
        if row["recorded"] is None
    ]
