from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from governance.domain.approval import Verdict
from governance.domain.decision import Finding, Status
from governance.domain.label import Confidentiality
from governance.policy.checks import CHECKS

APPROVE = 'governance approve models:/m/1 --for production --role privacy_reviewer --reason "…"'
REQUIRED = "approved by 1 holding the role 'privacy_reviewer' other than who asks and who registered it"


def approval(case: Any, role: str = "privacy_reviewer", count: int = 1, independent: bool = True) -> Finding:
    """What the check finds for a role."""
    (finding,) = CHECKS["approval"].function(case, role=role, count=count, independent=independent)
    return finding


def test_an_approval_on_the_present_ground_counts(cases: Any) -> None:
    """Who approved is named."""
    case = cases.case(cases.approved(cases.staffed("baseline"), cases.dossier(), privacy_reviewer="pia"))

    expected = Finding(
        "approval", Status.PASSED, "1 of 1: pia", REQUIRED, "they answered for what is there now"
    )
    assert expected == approval(case)


def test_no_approval_is_missing(cases: Any) -> None:
    """The remedy is the command that gives it."""
    expected = Finding("approval", Status.MISSING, "0 of 1", REQUIRED, "1 still to come", APPROVE)
    assert expected == approval(cases.case(cases.dossier()))


def test_the_same_person_twice_is_one(cases: Any) -> None:
    """Different people are counted, not approvals, and two spellings of a name are one person."""
    policy = cases.staffed("baseline")
    policy = replace(
        policy,
        roles={
            **policy.roles,
            "privacy_reviewer": replace(policy.roles["privacy_reviewer"], users=("pia", "Pia")),
        },
    )
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    dossier = cases.approved(policy, dossier, privacy_reviewer="Pia")

    finding = approval(cases.case(dossier, policy), count=2)

    assert (Status.MISSING, "1 still to come") == (finding.status, finding.reason)


def test_two_people_are_two(cases: Any) -> None:
    """Two holders of the role make two."""
    policy = cases.staffed("baseline")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    dossier = cases.approved(policy, dossier, privacy_reviewer="paul")

    finding = approval(cases.case(dossier), count=2)

    assert (Status.PASSED, "2 of 2: paul, pia") == (finding.status, finding.observed)


@pytest.mark.parametrize(
    ("by", "change", "why"),
    [
        ("eve", {}, "eve (does not hold the role 'privacy_reviewer')"),
        ("pia", {"expires": True}, "pia (expired on 2026-03-01 12:00 UTC)"),
        ("pia", {"actor": "pia"}, "pia (asks for the change)"),
        ("pia", {"actor": "PIA"}, "pia (asks for the change)"),
        ("pia", {"actor": None}, "pia (nobody was identified as asking, so it may be the same person)"),
        ("pia", {"registered_by": "pia"}, "pia (registered the version)"),
    ],
)
def test_who_does_not_count(cases: Any, by: str, change: dict[str, Any], why: str) -> None:
    """Each approval that does not count is named with why."""
    dossier = cases.dossier()
    dossier = replace(
        dossier, subject=replace(dossier.subject, registered_by=change.get("registered_by", "rob"))
    )
    dossier = cases.approved(cases.staffed("baseline"), dossier, privacy_reviewer=by)
    if change.get("expires"):
        dossier = replace(dossier, approvals=(replace(dossier.approvals[0], expires_at=cases.now),))

    finding = approval(cases.case(dossier, actor=change.get("actor", "ada")))

    assert (Status.MISSING, f"1 still to come; not counted: {why}") == (finding.status, finding.reason)


@pytest.mark.parametrize("by", ["ada", "rob"])
def test_independence_can_be_waived(cases: Any, by: str) -> None:
    """Without `independent`, who asks and who registered the version count, if they hold the role."""
    policy = cases.staffed("baseline")
    roles = {
        **policy.roles,
        "privacy_reviewer": replace(policy.roles["privacy_reviewer"], users=("ada", "rob")),
    }
    policy = replace(policy, roles=roles)
    case = cases.case(cases.approved(policy, cases.dossier(), privacy_reviewer=by), policy)

    assert (Status.MISSING, Status.PASSED) == (
        approval(case).status,
        approval(case, independent=False).status,
    )


def test_an_approval_in_another_role_does_not_count(cases: Any) -> None:
    """The DPO's approval is not a privacy reviewer's."""
    case = cases.case(cases.approved(cases.staffed("baseline"), cases.dossier(), dpo="dora"))

    assert (Status.MISSING, Status.PASSED) == (approval(case).status, approval(case, "dpo").status)


def test_an_approval_for_another_target_does_not_count(cases: Any) -> None:
    """Approved for production is not approved for release."""
    case = cases.case(cases.approved(cases.staffed("baseline"), cases.dossier(), privacy_reviewer="pia"))

    assert Status.MISSING is approval(replace(case, target=case.policy.target("released"))).status


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ("bytes", "bytes"),
        ("evidence", "evidence"),
        ("label", "label"),
        ("policy", "policy"),
        ("version", "version"),
        ("bytes evidence", "bytes and evidence"),
    ],
)
def test_a_stale_approval_says_what_changed(cases: Any, changed: str, what: str) -> None:
    """An approval rests on version, bytes, evidence, label and policy; when one changes, it is named."""
    policy = cases.staffed("baseline")
    dossier = cases.approved(policy, cases.dossier(cases.contribution()), privacy_reviewer="pia")
    if "bytes" in changed:
        dossier = replace(dossier, digest="c" * 64)
    if "evidence" in changed:
        dossier = replace(dossier, evidence=(cases.measured(),))
    if "label" in changed:
        raised = cases.dossier(cases.contribution(confidentiality=Confidentiality.RESTRICTED))
        dossier = replace(dossier, inheritance=raised.inheritance)
    if "policy" in changed:
        policy = replace(policy, justification="another")
    if "version" in changed:
        dossier = replace(dossier, subject=replace(dossier.subject, uid="u2"))

    finding = approval(cases.case(dossier, policy))

    expected = f"1 still to come; not counted: pia ({what} changed since)"
    assert (Status.MISSING, expected) == (finding.status, finding.reason)


def test_one_rejection_fails_it(cases: Any) -> None:
    """Whoever holds the role can close the target, whoever else approved, themselves included."""
    policy = cases.staffed("baseline")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    rejection = replace(
        dossier.approvals[0], by="paul", verdict=Verdict.REJECTED, at=cases.now - timedelta(days=1)
    )
    dossier = replace(dossier, approvals=(rejection, *dossier.approvals))

    finding = approval(cases.case(dossier))

    assert (Status.FAILED, "rejected by paul") == (finding.status, finding.observed)


@pytest.mark.parametrize("change", [{"by": "eve"}, {"role": "dpo"}])
def test_a_rejection_by_nobody_entitled_is_no_rejection(cases: Any, change: dict[str, str]) -> None:
    """Only a holder of the role can reject in it."""
    dossier = cases.approved(cases.staffed("baseline"), cases.dossier(), privacy_reviewer="pia")
    rejection = replace(dossier.approvals[0], verdict=Verdict.REJECTED, **{"by": "paul"} | change)
    dossier = replace(dossier, approvals=(*dossier.approvals, rejection))

    assert Status.PASSED is approval(cases.case(dossier)).status


def test_a_rejection_of_other_bytes_does_not_stand(cases: Any) -> None:
    """What was rejected was mended: the rejection stays on record, and its ground is gone."""
    policy = cases.staffed("baseline")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="paul")
    rejection = replace(dossier.approvals[0], verdict=Verdict.REJECTED)
    dossier = replace(dossier, digest="c" * 64, approvals=(rejection,))
    dossier = cases.approved(policy, dossier, privacy_reviewer="pia")

    assert Status.PASSED is approval(cases.case(dossier)).status


def test_a_role_that_nobody_holds_says_so(cases: Any) -> None:
    """With a shipped policy as it is, the remedy is to name people."""
    policy = cases.staffed("baseline")
    policy = replace(policy, roles={**policy.roles, "dpo": replace(policy.roles["dpo"], users=())})

    finding = approval(cases.case(cases.dossier(), policy), "dpo")

    expected = (
        "nobody holds the role 'dpo' under policy 'staffed'",
        "In a policy that extends staffed, write: roles: {dpo: {users: [NAME]}};"
        " then set GOVERNANCE_POLICY to its path.",
    )
    assert expected == (finding.reason, finding.remedy)
