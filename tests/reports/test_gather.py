from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from governance.canonical import canonical
from governance.domain.budget import SpendState
from governance.domain.dossier import Protection, Unknown
from governance.domain.evidence import Evidence, EvidenceType
from governance.domain.mechanism import Sampling
from governance.reports.gather import SCHEMA, ReportFacts

from .cases import POLICY

SECTIONS = [
    "schema",
    "rendered_at",
    "model",
    "status",
    "exceptions",
    "first_page",
    "decision",
    "label",
    "lineage",
    "privacy",
    "budgets",
    "approvals",
    "timeline",
    "judgements",
    "gaps",
    "bytes",
    "audit",
]


def test_a_report_is_json_and_nothing_else(
    denied: ReportFacts, allowed: ReportFacts, excepted: ReportFacts
) -> None:
    """All reports can be written as canonical JSON and read back as they were."""
    for facts in (denied, allowed, excepted):
        assert SECTIONS == list(facts.to_json())
        assert SCHEMA == facts.to_json()["schema"]
        assert facts == ReportFacts.from_json(json.loads(canonical(facts.to_json())))


def test_foreign_json_is_refused() -> None:
    """What is no report of this version is not rendered as one."""
    with pytest.raises(ValueError, match="expected the schema governance/report/v1"):
        ReportFacts.from_json({"schema": "governance/report/v2"})


def test_status_counts_gaps_and_never_praises(denied: ReportFacts, allowed: ReportFacts) -> None:
    """The banner says what was decided and how much is missing; nothing more."""
    assert {"outcome": "denied", "by_exception": False, "gaps": 22, "words": "22 gaps"} == denied.status
    assert {
        "outcome": "allowed",
        "by_exception": False,
        "gaps": 0,
        "words": "evidence complete",
    } == allowed.status


def test_first_page_of_a_denied_forest(denied: ReportFacts) -> None:
    """A lay reader learns what is unknown, what was found, and that nobody answered for it."""
    assert {
        "does": "Nobody has stated what this model does.",
        "whose": [
            "The model is treated as personal data itself: information about the people in the training "
            "data can be absorbed in its parameters (EDPB Opinion 28/2024, ¶31 and ¶34).",
            "Whose data it is cannot be told: part of the training data is unknown.",
            "admissions: 48,210 records about 31,877 people.",
            "extra-export-2024-ward-7-final-v2.csv: nobody catalogued it, "
            "so the number of people in it is not known.",
            "It must be assumed to reveal every special category of data, because part is unknown.",
        ],
        "risks": [
            "Somebody who can use the model could find out that a person's record was used to train it.",
            "Parts of a record could be guessed or rebuilt from the model's answers or its parameters.",
            "It must be assumed that some of the people cannot easily object.",
            "In the newest test an attacker who wrongly accuses 1 in 1,000 outsiders recognised 4.5% of "
            "the training records, at most 5.6% by its confidence interval. Guessing would recognise 0.1%.",
            "No mathematical limit on such attacks is on record: no differential privacy to rely on.",
        ],
        "decided": [
            "Denied: alias @champion (target production), asked for by sam.",
            "The answer follows from policy health, whose bounds the controller chose: "
            "4 of 6 checks failed, lacked evidence or could not be made.",
            "No person's approval rests on the present state of the model.",
        ],
        "not_tested": [
            "Model inversion (deriving what a typical or a particular person's input looked like): "
            "the model has no gradient to follow",
            "Nobody recorded why: attribute inference, exfiltration and extraction, "
            "regurgitation and memorisation, reconstruction, property inference.",
        ],
    } == denied.first_page


def test_first_page_of_an_allowed_model(allowed: ReportFacts) -> None:
    """Purpose, people, ceiling and approval are told in words, and what was left out with its reason."""
    page = allowed.first_page

    assert "Estimates how likely a discharged patient is to come back within thirty days." == page["does"]
    assert "Groups of people in the training data: patient." == page["whose"][1]
    assert (
        "Differential privacy limits what a membership attack can reach: "
        "one that wrongly accuses 1 in 1,000 outsiders recognises at most 0.33%."
    ) == page["risks"][-1]
    assert [
        "Allowed: alias @champion (target production), asked for by sam.",
        "The answer follows from policy health, whose bounds the controller chose: "
        "none of 3 checks stood against it.",
        "Approved by dora as dpo: residual risk accepted for one year; test again after each retraining",
    ] == page["decided"]
    assert 5 == len(page["not_tested"])


def test_every_gap_says_who_must_supply_it(denied: ReportFacts) -> None:
    """Nothing missing is left out, nothing human is made up, and each gap has an owner and a way."""
    missing = denied.gaps["missing"]

    assert [
        ("check", "dp-training: ε at most 8 per person", "the model's owner"),
        ("check", "approval: 1 approval as dpo", "the model's owner"),
        ("lineage", "nested run 8d2f", "the data scientist"),
        ("lineage", "dataset extra-export-2024-ward-7-final-v2.csv", "the data's owner"),
        ("test", "Attribute inference: not run", "the privacy engineer"),
        ("test", "Exfiltration and extraction: not run", "the privacy engineer"),
        ("test", "Regurgitation and memorisation: not run", "the privacy engineer"),
        ("test", "Reconstruction: not run", "the privacy engineer"),
        ("test", "Property inference: not run", "the privacy engineer"),
    ] == [(gap["kind"], gap["what"], gap["who"]) for gap in missing[:9]]
    assert {"judgement"} == {gap["kind"] for gap in missing[9:]}
    assert [
        "purpose",
        "release_context",
        "dpia_decision",
        "dpo_advice",
        "legal_basis",
        "necessity",
        "risks",
        "threat_model",
        "data_parameter_ratio",
        "subjects_views",
        "recipients",
        "erasure",
        "residual_risks",
    ] == [gap["how"].removeprefix("evidence of type dpia, field ") for gap in missing[9:]]


def test_the_decision_stands_with_its_policy(denied: ReportFacts) -> None:
    """Findings are shown as they were made, with who chose the bounds."""
    shown = denied.decision

    assert {"failed": 2, "missing": 2, "passed": 1, "warned": 1} == shown["counts"]
    assert {
        "name": "health",
        "digest": POLICY.digest,
        "text_kept": True,
        "thresholds": "policy threshold chosen by controller (health): agreed with the DPO",
    } == shown["policy"]
    assert shown["recorded"]


def test_a_decision_that_nobody_recorded_says_so(denied_now: Callable[..., ReportFacts]) -> None:
    """A report made before anything was asked for shows a decision that is on no file."""
    facts = denied_now(actor="ines")

    assert not facts.decision["recorded"]
    assert facts.audit["decision_position"] is None
    assert [False, False, True] == [made["present"] for made in facts.timeline["decisions"]]


def test_lineage_rows(denied: ReportFacts) -> None:
    """A catalogued dataset shows its content and its people; another shows that nobody knows them."""
    known, unknown = denied.lineage["datasets"]

    assert ("admissions", "a1" * 32, 48_210, 31_877, 12) == tuple(
        known[key] for key in ("name", "sha256", "n_records", "n_subjects", "max_records_per_subject")
    )
    assert ["internal", "confidential"] == [row["label"]["confidentiality"] for row in known["labellings"]]
    assert {
        "name": "extra-export-2024-ward-7-final-v2.csv",
        "catalogued": False,
        "identity": None,
        "sha256": None,
        "mlflow_digest": "99aa",
        "source": "/mnt/x.csv",
        "how": "read in run 7c1e9f6b2d4a4a10b6f2c3d4e5f60718 as an input without a context",
        "n_records": None,
        "n_subjects": None,
        "max_records_per_subject": None,
        "catalogued_at": None,
        "catalogued_by": None,
        "labellings": [],
    } == unknown


def test_the_whole_dp_statement(allowed: ReportFacts) -> None:
    """ε never stands alone: unit, relation, δ, μ, accountant, sampling and cover come with it."""
    (statement,) = allowed.privacy["dp"]
    record = {"evidence", "type", "producer", "created_at", "expires_at", "expired", "key"}

    assert {
        "unit": "person",
        "unit_is_data_subject": True,
        "max_records_per_subject": 12,
        "n_units": 31_877,
        "neighbouring": "add_or_remove_one",
        "sampling": "poisson",
        "max_grad_norm": 1.0,
        "phases": [{"noise_multiplier": 1.1, "sample_rate": 0.008, "steps": 1_200}],
        "delta": 1e-5,
        "covers": "final_model",
        "covers_datasets": ["admissions"],
        "secure_rng": True,
        "libraries": ["opacus 1.6.0", "torch 2.13.0"],
        "guarantee": {
            "known": True,
            "epsilon": 1.2,
            "delta": 1e-5,
            "mu": 0.31,
            "accountant": "PLD (dp-accounting 0.6.0)",
            "cross_check": "PRV (opacus 1.6.0): 1.19",
            "tpr_at_fpr": [{"fpr": 0.001, "tpr": 0.00333}, {"fpr": 0.01, "tpr": 0.0332}],
        },
        "uncovered": [],
        "hazards": [],
    } == {key: value for key, value in statement.items() if key not in record}


def test_a_dp_training_on_records_is_not_one_on_people(allowed_with: Callable[..., ReportFacts]) -> None:
    """A unit below the person, shuffling, a large δ and weak noise are each named as a hazard."""

    def spoiled(protection: Protection) -> Protection:
        training = replace(
            protection.training,
            unit="record",
            unit_is_data_subject=False,
            max_records_per_subject=None,
            sampling=Sampling.SHUFFLED,
            delta=1e-3,
            secure_rng=False,
            datasets=("another",),
            hazards=("the learning rate was tuned on the same records",),
        )
        return replace(protection, training=training, guarantee=Unknown("the accountants disagree"))

    facts = allowed_with(lambda d: replace(d, protections=tuple(map(spoiled, d.protections))))
    (statement,) = facts.privacy["dp"]

    assert {"known": False, "reason": "the accountants disagree"} == statement["guarantee"]
    assert ["admissions"] == statement["uncovered"]
    assert [
        "the learning rate was tuned on the same records",
        "The unit of privacy (record) is not the data subject: "
        "for a person with several units the loss is larger than the ε shown.",
        "Nothing bounds how many records one person has: "
        "no guarantee for a whole person is possible without such a bound.",
        "Batches were shuffled, not drawn by Poisson sampling: sampling adds no protection here.",
        "δ = 0.001 is not below 1/31,877: the bound allows some unit to be exposed entirely.",
        "The noise did not come from a cryptographically secure random generator.",
    ] == statement["hazards"]
    assert (
        "No mathematical limit on such attacks is on record: no differential privacy to rely on."
        == facts.first_page["risks"][-1]
    )


def test_two_dp_trainings_limit_nothing_by_themselves(allowed_with: Callable[..., ReportFacts]) -> None:
    """Losses compose: neither ceiling alone is promised for the model."""
    facts = allowed_with(lambda d: replace(d, protections=d.protections * 2))

    assert (
        "Several differentially private trainings are on record; none of them alone limits an attack."
        == facts.first_page["risks"][-1]
    )


def test_the_budget_burns_down(allowed: ReportFacts) -> None:
    """After each charge the ε composed so far is shown."""
    (account,) = allowed.budgets["accounts"]

    assert (8.0, 4.6, False) == tuple(account[k] for k in ("limit_epsilon", "spent_epsilon", "overdrawn"))
    assert [2.5, 3.4, 4.6] == [round(s["composed_epsilon"], 9) for s in account["spends"]]


def test_only_committed_charges_of_one_unit_are_composed(allowed_with: Callable[..., ReportFacts]) -> None:
    """A reservation burns nothing, and an ε that is infinite is said in words."""

    def mixed(dossier: Any) -> Any:
        (account,) = dossier.accounts
        first, *rest = account.spends
        reserved = replace(account, spends=(replace(first, state=SpendState.RESERVED), *rest))
        return replace(dossier, accounts=(reserved, replace(account, spent_epsilon=float("inf"))))

    reserved, infinite = allowed_with(mixed).budgets["accounts"]

    assert [None, 0.9, 2.1] == [
        s["composed_epsilon"] and round(s["composed_epsilon"], 9) for s in reserved["spends"]
    ]
    assert ("infinite", True) == (infinite["spent_epsilon"], infinite["overdrawn"])
    assert [None, None, None] == [s["composed_epsilon"] for s in infinite["spends"]]


def test_an_approval_on_other_ground_does_not_count(allowed: ReportFacts) -> None:
    """Each verdict says what changed since it was given; nothing changed since the DPO's."""
    assert [("petra", ["evidence"], False), ("dora", [], False)] == [
        (given["by"], given["changed"], given["expired"]) for given in allowed.approvals["given"]
    ]


def test_only_the_dpo_gives_the_dpo_s_advice(allowed_with: Callable[..., ReportFacts]) -> None:
    """Without an approval as DPO on the present ground the advice is a gap again."""
    facts = allowed_with(lambda d: replace(d, approvals=d.approvals[:1]))

    assert ["Advice of the DPO"] == [gap["what"] for gap in facts.gaps["missing"]]


def test_expired_evidence_is_shown_and_does_not_count(allowed_with: Callable[..., ReportFacts]) -> None:
    """An out-of-date test is a gap, whatever it found."""

    def aged(evidence: Evidence) -> Evidence:
        is_test = evidence.type is EvidenceType.MEMBERSHIP_INFERENCE
        return replace(evidence, expires_at=evidence.created_at) if is_test else evidence

    facts = allowed_with(lambda d: replace(d, evidence=tuple(map(aged, d.evidence))))

    assert facts.privacy["membership"][0]["expired"]
    assert "expired" == facts.privacy["coverage"][0]["status"]
    assert ["", "expired"] == sorted({row["why_not"] for row in facts.privacy["evidence"]})
    assert "Membership inference: expired" in [gap["what"] for gap in facts.gaps["missing"]]
    assert (
        "How well such an attack works on this model is not known: no valid test is on record."
        in facts.first_page["risks"]
    )


def test_evidence_about_other_bytes_is_kept_apart(denied: ReportFacts) -> None:
    """Stray evidence stands in the register and nowhere else."""
    assert [True, False] == [row["about_these_bytes"] for row in denied.privacy["evidence"]]
    assert 1 == len(denied.privacy["membership"])


def test_the_audit_position_of_the_decision(allowed: ReportFacts) -> None:
    """The chain was walked to its head, and this decision has its place in it."""
    audit = allowed.audit

    assert (6, 6, 6, None) == tuple(
        audit[k] for k in ("position", "verified_entries", "decision_position", "flaw")
    )
    assert audit["head"] == audit["verified_head"]


def test_a_broken_chain_is_a_gap(tampered: ReportFacts) -> None:
    """An entry that was changed afterwards is named in the audit section and among the gaps."""
    assert {
        "position": 2,
        "reason": "its contents do not match its hash",
    } == tampered.audit["flaw"]
    assert ["an unbroken audit log (entry 2)"] == [
        gap["what"] for gap in tampered.gaps["missing"] if gap["kind"] == "record"
    ]


def test_a_decision_without_a_finding_rests_on_nothing(denied_now: Callable[..., ReportFacts]) -> None:
    """Where no rule looked, nobody reads that nothing stood against it."""
    facts = denied_now(findings=())

    assert "undecided" == facts.status["outcome"]
    assert (
        "The answer follows from policy health, whose bounds the controller chose: no check was made."
        == facts.first_page["decided"][1]
    )
