"""Evidence counts only if the policy's signers signed it, where the policy says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.domain.decision import Finding, Outcome, Status
from governance.policy.checks import CHECKS
from governance.policy.parse import parse

POLICY = """
schema: governance/policy/v1
name: signed
extends: health
evidence: {{ signed_by: {signers} }}
keys: {{ lab: ["{lab}"], pia: ["{pia}"] }}
roles:
  privacy_reviewer: {{ users: [pia] }}
  dpo: {{ users: [dora] }}
"""
ASSESS = "governance assess models:/m/1 --members FILE --non-members FILE --target COLUMN"


@pytest.fixture
def policy(keys: Any) -> Any:
    """Health, where evidence needs the lab's signature; `pia` has a key, too."""
    return parse(POLICY.format(signers="[lab]", lab=keys["lab"].line, pia=keys["pia"].line), "signed.yaml")


def found(case: Any, check: str, **parameters: Any) -> Finding:
    """The one finding of a check."""
    (finding,) = CHECKS[check].function(case, **parameters)
    return finding


def test_an_unsigned_measurement_does_not_count(cases: Any, keys: Any, policy: Any) -> None:
    """Nor does one that another signed; the finding says how many and whose signature they lack."""
    measured, other = cases.measured(), cases.measured(0.019)
    dossier = cases.dossier(cases.contribution(), evidence=[measured, other])
    dossier = replace(dossier, signatures={measured.digest: (keys["pia"].over(measured),)})

    expected = Finding(
        "membership-auc",
        Status.MISSING,
        "no measurement",
        "upper bound of AUC at most 0.6 (policy threshold chosen by controller)",
        "membership inference was not measured on these bytes; not counted: 2 not signed by lab",
        f"Set GOVERNANCE_SIGNING_KEY to a key of lab, then: {ASSESS}",
    )
    assert expected == found(cases.case(dossier, policy), "membership-auc", max=0.6)


def test_a_signed_measurement_counts(cases: Any, keys: Any, policy: Any) -> None:
    """With the lab's signature, whichever others stand beside it."""
    measured, other = cases.measured(), cases.measured(0.9, auc=0.99, verdict="leak shown")
    both = (keys["eve"].over(measured), keys["lab"].over(measured))
    dossier = cases.dossier(cases.contribution(), evidence=[measured, other])
    dossier = replace(dossier, signatures={measured.digest: both})

    assert Status.PASSED is found(cases.case(dossier, policy), "membership-auc", max=0.6).status


def test_a_signature_over_other_evidence_is_none(cases: Any, keys: Any, policy: Any) -> None:
    """A signature cannot be moved to better numbers."""
    measured, better = cases.measured(0.9), cases.measured(0.011)
    dossier = replace(
        cases.dossier(cases.contribution(), evidence=[better]),
        signatures={better.digest: (keys["lab"].over(measured),)},
    )

    assert Status.MISSING is found(cases.case(dossier, policy), "membership-tpr", fpr=0.01, max=0.1).status


@pytest.mark.parametrize(
    ("check", "parameters"),
    [("dp-epsilon", {"max": 3.0, "delta_max": 1e-5}), ("dp-unit", {"data_subject": True})],
)
def test_an_unsigned_training_is_not_left_out(
    cases: Any, keys: Any, policy: Any, check: str, parameters: dict[str, Any]
) -> None:
    """Trainings add up: one that nobody vouches for leaves the sum unknown, however small the others."""
    signed, unsigned = cases.protected(1.0, key="k1"), cases.protected(50.0, key="k2")
    signatures = {signed[0].digest: (keys["lab"].over(signed[0]),)}
    both = cases.dossier(cases.contribution(), protected=[signed, unsigned])
    alone = cases.dossier(cases.contribution(), protected=[signed])

    with_both, by_itself = (
        found(cases.case(replace(one, signatures=signatures), policy), check, **parameters)
        for one in (both, alone)
    )

    assert (
        Status.MISSING,
        "not counted: 1 DP training not signed by lab",
        "Have the evidence recorded again where GOVERNANCE_SIGNING_KEY names a key of lab.",
        Status.PASSED,
    ) == (with_both.status, with_both.reason, with_both.remedy, by_itself.status)


def test_a_training_recorded_again_with_a_signature_counts(cases: Any, keys: Any, policy: Any) -> None:
    """The same training twice is one, and its signed record stands for both, in whatever order."""
    evidence, protection = cases.protected(1.0)
    again = replace(evidence, producer="lab")
    twice = [(evidence, protection), (again, replace(protection, evidence_digest=again.digest))]

    for pairs in (twice, twice[::-1]):
        dossier = cases.dossier(cases.contribution(), protected=pairs)
        dossier = replace(dossier, signatures={again.digest: (keys["lab"].over(again),)})
        finding = found(cases.case(dossier, policy), "dp-epsilon", max=3.0, delta_max=1e-5)
        assert Status.PASSED is finding.status


def test_any_one_of_the_signers_is_enough(cases: Any, keys: Any) -> None:
    """And without signers, evidence counts unsigned."""
    measured = cases.measured()
    dossier = cases.dossier(cases.contribution(), evidence=[measured])
    signed = replace(dossier, signatures={measured.digest: (keys["pia"].over(measured),)})
    lines = {"lab": keys["lab"].line, "pia": keys["pia"].line}
    either = parse(POLICY.format(signers="[lab, pia]", **lines), "signed.yaml")
    nobody = parse(POLICY.format(signers="[]", **lines), "signed.yaml")

    statuses = [
        found(cases.case(one, policy), "membership-auc", max=0.6).status
        for one, policy in ((signed, either), (dossier, either), (dossier, nobody))
    ]
    assert [Status.PASSED, Status.MISSING, Status.PASSED] == statuses


def test_a_whole_decision_with_signed_evidence(cases: Any, keys: Any, policy: Any) -> None:
    """The same facts are allowed with the lab's signatures and denied without."""
    from governance.domain.dossier import Asking
    from governance.policy.evaluate import evaluate

    data = cases.contribution(special_categories=frozenset({"health"}))
    dossier = cases.dossier(
        data,
        evidence=[cases.measured()],
        protected=[cases.protected(2.9)],
        accounts=[cases.account(2.9)],
    )
    dossier = cases.approved(policy, dossier, privacy_reviewer="pia", dpo="dora")
    signed = replace(dossier, signatures={e.digest: (keys["lab"].over(e),) for e in dossier.evidence})

    outcomes = [
        evaluate(
            policy, policy.target("production"), one, Asking("ada", cases.now), "alias @champion"
        ).outcome
        for one in (signed, dossier)
    ]
    assert [Outcome.ALLOWED, Outcome.DENIED] == outcomes
