"""Two versions as they happen: an over-fitted forest that was denied, and a DP model that was allowed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from governance.domain.approval import Approval, Verdict
from governance.domain.budget import Account, Guarantee, Spend, SpendState
from governance.domain.dataset import Budget, Dataset, Labelling
from governance.domain.decision import Decision, Finding, Status
from governance.domain.dossier import Dossier, Protection
from governance.domain.events import EvidenceRecorded, PromotionAllowed, PromotionDenied, VersionRegistered
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.label import (
    Confidentiality,
    Consent,
    Identifiability,
    Label,
    LegalBasis,
    to_json,
)
from governance.domain.lineage import DatasetUse, Gap, Lineage, Parent, ParentKind
from governance.domain.manifest import File, Manifest
from governance.domain.mechanism import DpTraining, Neighbouring, SampledGaussian, Sampling
from governance.domain.subject import Subject, VersionName
from governance.labelling import inherit
from governance.memory import MemoryArchive
from governance.policy.document import Policy
from governance.policy.parse import parse
from governance.ports import Books
from governance.reports.gather import ReportFacts, gather

NOW = datetime(2026, 3, 2, 14, 5, tzinfo=timezone.utc)
POLICY = parse(
    """
schema: governance/policy/v1
name: health
extends: health
justification: agreed with the DPO
targets:
  production: { aliases: [champion], purpose: care, region: EU }
roles:
  privacy_reviewer: { users: [petra] }
  dpo: { users: [dora] }
""",
    "health.yaml",
)
ADMISSIONS = "a1" * 32
RATES = (0.0, *(10 ** (n / 20 - 4) for n in range(81)))

RECORDS = json.loads((Path(__file__).parent / "records.json").read_text("utf-8"))
"""Bodies and findings as producers write them."""


@dataclass(frozen=True)
class Case:
    """One version with everything gathered about it."""

    archive: MemoryArchive
    dossier: Dossier
    decision: Decision
    purpose: str = ""
    policy: Policy = POLICY

    def facts(self, now: datetime = NOW) -> ReportFacts:
        """The report's facts."""
        with self.archive.reading() as books:
            return gather(
                books,
                self.dossier,
                self.policy,
                self.decision,
                now,
                compose=composed,
                purpose=self.purpose,
                bounds=((0.001, 0.01),),
            )


def composed(trainings: Sequence[DpTraining], delta: float) -> float:
    """A composition that adds up, so that the burn-down can be read off."""
    del delta
    return float(sum(phase.steps / 1000 for training in trainings for phase in training.phases))


def at(days: int) -> datetime:
    """So many days before the report."""
    return NOW - timedelta(days=days)


def hospital_label() -> Label:
    """Patients' health data for research in the EU."""
    return Label(
        confidentiality=Confidentiality.CONFIDENTIAL,
        identifiability=Identifiability.PSEUDONYMISED,
        special_categories=frozenset({"health"}),
        subject_categories=frozenset({"patient"}),
        purposes=frozenset({"care", "research"}),
        regions=frozenset({"EU"}),
        retention=date(2031, 12, 31),
        consent=Consent.NOT_RELIED_ON,
        legal_basis=LegalBasis.DOCUMENTED,
        provenance=frozenset({f"admissions@{ADMISSIONS}"}),
    )


def catalogue(books: Books) -> None:
    """A hospital dataset with a budget and a corrected label."""
    admissions = Dataset(
        name="admissions",
        sha256=ADMISSIONS,
        n_records=48_210,
        columns=("age", "ward", "stay"),
        source="s3://hospital/admissions.parquet",
        mlflow_digest="1f2e3d4c",
        n_subjects=31_877,
        max_records_per_subject=12,
        budget=Budget(8.0, 1e-5, "person", True),
        catalogued_at=at(200),
        catalogued_by="ines",
    )
    first = replace(hospital_label(), confidentiality=Confidentiality.INTERNAL)
    books.catalogue.add(admissions, Labelling(admissions.identity, first, at(200), "ines", "first import"))
    books.catalogue.relabel(
        Labelling(admissions.identity, hospital_label(), at(150), "dora", "ward names people")
    )


def version(uid: str, name: str, number: int) -> Subject:
    """A registered version."""
    return Subject(
        uid=uid,
        named=VersionName(name, number),
        source=f"runs:/7c1e/{name}",
        run_id="7c1e9f6b2d4a4a10b6f2c3d4e5f60718",
        model_id="m-5e0f",
        registered_at=at(30),
        registered_by="sam",
    )


def manifest(salt: str) -> Manifest:
    """Three files."""
    return Manifest(
        (
            File("MLmodel", 812, salt * 32),
            File("model.pkl", 5_204_113, "c3" * 32),
            File("requirements.txt", 140, "d4" * 32),
        )
    )


def membership(subject_digest: str, power: float) -> Evidence:
    """A test whose ROC is FPR to a power: 1 is guessing, less is a leak."""
    tpr = [rate**power if rate else 0.0 for rate in RATES]
    points = [1 + 20 * decade for decade in (0, 1, 2)]
    low, high = [t * 0.8 for t in tpr], [min(1.0, t * 1.2 + 0.002) for t in tpr]
    return Evidence(
        type=EvidenceType.MEMBERSHIP_INFERENCE,
        subject_digest=subject_digest,
        producer="governance assess",
        created_at=at(10),
        expires_at=at(-170),
        body={
            **RECORDS["membership"],
            "auc": {"point": 0.5 if power == 1 else 0.81, "low": 0.49, "high": 0.83},
            "tpr_at_fpr": [
                {"fpr": round(RATES[n], 9), "tpr": tpr[n], "low": low[n], "high": high[n], "resolved": n > 1}
                for n in points
            ],
            "roc": {"fpr": list(RATES), "tpr": tpr, "low": low, "high": high},
            "verdict": "none shown" if power == 1 else "leak shown",
        },
    )


def recorded_findings(kind: str) -> tuple[Finding, ...]:
    """The findings of a decision."""
    return tuple(Finding(**{**f, "status": Status(f["status"])}) for f in RECORDS[kind])


def denied_case() -> Case:
    """An over-fitted forest with an unknown input, a leak, and nobody who answered for it."""
    archive = MemoryArchive()
    subject, files = version("u-forest", "readmission-risk-forest-with-a-rather-long-name", 3), manifest("e5")
    lineage = Lineage(
        uses=(
            DatasetUse(
                subject.run_id or "", "admissions", "1f2e3d4c", "s3://hospital/admissions.parquet", "train"
            ),
            DatasetUse(
                subject.run_id or "", "extra-export-2024-ward-7-final-v2.csv", "99aa", "/mnt/x.csv", ""
            ),
        ),
        parents=(Parent(ParentKind.COPIED_FROM, "models:/readmission-risk/2", "u-old"),),
        gaps=(Gap("nested run 8d2f", "the run was deleted", "mlflow runs restore --run-id 8d2f"),),
    )
    evidence = membership(files.digest, 0.45)
    stray = replace(membership("f6" * 32, 1.0), created_at=at(40))
    findings = recorded_findings("denied_findings")
    decision = Decision(
        subject.uid, subject.named, files.digest, "production", "alias @champion", "health", POLICY.digest,
        findings, "sam", at(1),
    )  # fmt: skip
    earlier = replace(decision, at=at(12), findings=findings[:2], actor="tom")
    with archive.writing() as books:
        catalogue(books)
        books.subjects.add(subject)
        books.lineages.add(subject.uid, lineage)
        books.evidence.keep_manifest(subject.uid, manifest("0a"))
        books.evidence.keep_manifest(subject.uid, files)
        books.evidence.add(evidence)
        books.decisions.add(earlier, None)
        books.decisions.add(decision, None)
        books.policies.keep(POLICY.digest, "health", POLICY.text, at(20))
        inheritance = inherit(books, lineage)
        label = to_json(inheritance.effective)
        unknown = [c.source for c in inheritance.unknown]
        books.audit.append(
            at(30), "sam", VersionRegistered(subject.uid, str(subject.named), files.digest, label, unknown)
        )
        for made in (earlier, decision):
            books.audit.append(
                made.at,
                made.actor,
                PromotionDenied(subject.uid, made.record_digest, made.target, made.change),
            )
    dossier = Dossier(
        subject=subject,
        digest=files.digest,
        lineage=lineage,
        inheritance=inheritance,
        evidence=(evidence,),
        stray=(stray,),
        protections=(),
        accounts=(
            Account("admissions", 8.0, 1e-5, "person", (spend("t-1", 60, admissions_training(2_500)),), 2.5),
        ),
        approvals=(),
    )
    return Case(archive, dossier, decision)


def admissions_training(steps: int) -> DpTraining:
    """A DP-SGD training on the admissions."""
    return DpTraining(
        phases=(SampledGaussian(1.1, 0.008, steps),),
        delta=1e-5,
        max_grad_norm=1.0,
        sampling=Sampling.POISSON,
        neighbouring=Neighbouring.ADD_OR_REMOVE_ONE,
        unit="person",
        unit_is_data_subject=True,
        max_records_per_subject=12,
        n_units=31_877,
        datasets=("admissions",),
        covers="final_model",
        secure_rng=True,
        libraries=(("opacus", "1.6.0"), ("torch", "2.13.0")),
        key=f"t-{steps}",
    )


def spend(key: str, days: int, training: DpTraining) -> Spend:
    """A committed charge."""
    return Spend(key, "admissions", training, SpendState.COMMITTED, at(days), "sam")


def allowed_case() -> Case:
    """A DP model with everything a report asks for on record."""
    archive = MemoryArchive()
    subject, files = version("u-dp", "readmission-risk", 4), manifest("e6")
    lineage = Lineage(
        uses=(
            DatasetUse(
                subject.run_id or "", "admissions", "1f2e3d4c", "s3://hospital/admissions.parquet", "train"
            ),
        )
    )
    training = admissions_training(1_200)
    record = Evidence(
        EvidenceType.DP_TRAINING, files.digest, "governance_mlflow.training", at(11), None, training.to_json()
    )
    test = membership(files.digest, 1.0)
    test = replace(test, body={**test.body, "not_run": RECORDS["not_run"]})
    attribute = Evidence(
        EvidenceType.ATTRIBUTE_INFERENCE,
        files.digest,
        "privacy-lab",
        at(9),
        at(-100),
        {"attack": "conditional", "advantage": {"point": 0.01, "high": 0.03}, "n": 4_000},
    )
    dpia = Evidence(EvidenceType.DPIA, files.digest, "carla (controller)", at(8), None, RECORDS["judgements"])
    evidence = (record, test, attribute, dpia)
    findings = recorded_findings("allowed_findings")
    decision = Decision(
        subject.uid, subject.named, files.digest, "production", "alias @champion", "health", POLICY.digest,
        findings, "sam", at(1),
    )  # fmt: skip
    earlier = replace(
        decision,
        findings=(*findings[:2], replace(findings[2], status=Status.MISSING)),
        at=at(6),
    )
    spends = tuple(
        spend(f"t-{steps}", days, admissions_training(steps))
        for steps, days in ((2_500, 60), (900, 35), (1_200, 11))
    )
    guarantee = Guarantee(
        epsilon=1.2,
        delta=1e-5,
        accountant="PLD (dp-accounting 0.6.0)",
        mu=0.31,
        tpr_at_fpr=((0.001, 0.00333), (0.01, 0.0332)),
        cross_check="PRV (opacus 1.6.0): 1.19",
    )
    with archive.writing() as books:
        catalogue(books)
        books.subjects.add(subject)
        books.lineages.add(subject.uid, lineage)
        books.evidence.keep_manifest(subject.uid, files)
        for item in evidence:
            books.evidence.add(item)
            books.audit.append(
                item.created_at, item.producer, EvidenceRecorded(item.digest, item.type.value, files.digest)
            )
        books.policies.keep(POLICY.digest, "health", POLICY.text, at(20))
        books.decisions.add(earlier, None)
        books.decisions.add(decision, "file:frozen/e6")
        books.audit.append(
            earlier.at,
            "sam",
            PromotionDenied(subject.uid, earlier.record_digest, "production", "alias @champion"),
        )
        books.audit.append(
            decision.at,
            "sam",
            PromotionAllowed(
                subject.uid,
                decision.record_digest,
                "production",
                "alias @champion",
                "nothing",
                "file:frozen/e6",
            ),
        )
        inheritance = inherit(books, lineage)
    dossier = Dossier(
        subject=subject,
        digest=files.digest,
        lineage=lineage,
        inheritance=inheritance,
        evidence=evidence,
        stray=(),
        protections=(Protection(record.digest, training, guarantee),),
        accounts=(Account("admissions", 8.0, 1e-5, "person", spends, 4.6),),
        approvals=(),
    )
    present = dossier.ground("production", POLICY.digest)
    outdated = replace(present, evidence_digests=present.evidence_digests[:2])
    reason = "residual risk accepted for one year; test again after each retraining"
    approvals = (
        Approval(outdated, "privacy_reviewer", "petra", at(9), Verdict.APPROVED, "measurements are in order"),
        Approval(present, "dpo", "dora", at(2), Verdict.APPROVED, reason, at(-363)),
    )
    purpose = "Estimates how likely a discharged patient is to come back within thirty days."
    return Case(archive, replace(dossier, approvals=approvals), decision, purpose)
