"""Whose approval counts: roles by group, revocations, requests, one role each, signatures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from governance.domain.approval import Verdict
from governance.domain.decision import Finding, Status
from governance.domain.review import ReviewRequest, Revocation
from governance.policy.checks import CHECKS
from governance.policy.parse import parse


def approval(case: Any, role: str = "privacy_reviewer") -> Finding:
    """What the check finds for one independent holder of a role."""
    (finding,) = CHECKS["approval"].function(case, role=role, count=1, independent=True)
    return finding


GROUPED = """
schema: governance/policy/v1
name: grouped
extends: baseline
roles:
  privacy_reviewer: { users: [pia], groups: [reviewers] }
"""


def test_a_group_gives_a_role(cases: Any) -> None:
    """Whoever held the role through a group counts, as long as the policy lists that group."""
    policy = parse(GROUPED, "grouped.yaml")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="gwen")
    by_group = replace(dossier, approvals=(replace(dossier.approvals[0], via="reviewers"),))
    by_another = replace(dossier, approvals=(replace(dossier.approvals[0], via="friends"),))

    found = [approval(cases.case(one, policy)) for one in (by_group, dossier, by_another)]

    assert [
        (Status.PASSED, "they answered for what is there now"),
        (Status.MISSING, "1 still to come; not counted: gwen (does not hold the role 'privacy_reviewer')"),
        (
            Status.MISSING,
            "1 still to come; not counted: gwen"
            " (the group 'friends' does not give the role 'privacy_reviewer')",
        ),
    ] == [(finding.status, finding.reason) for finding in found]


def test_a_role_that_only_a_group_gives_can_be_answered_in(cases: Any) -> None:
    """The remedy is to approve, not to name people."""
    policy = parse(GROUPED.replace("users: [pia], ", ""), "grouped.yaml")

    expected = 'governance approve models:/m/1 --for production --role privacy_reviewer --reason "…"'
    assert expected == approval(cases.case(cases.dossier(), policy)).remedy


def revoked(dossier: Any, given: Any, **changes: Any) -> Any:
    """The dossier with a revocation by whoever gave it."""
    act = Revocation("u1", given.by, given.at, "a complaint came", given.digest, dossier.digest)
    return replace(dossier, acts=(*dossier.acts, replace(act, **changes)))


def test_a_revoked_approval_does_not_count(cases: Any) -> None:
    """The finding says who took it back and when; another one, given later, counts."""
    policy = cases.staffed("baseline")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    dossier = revoked(dossier, dossier.approvals[0], by="paul")
    again = cases.approved(policy, dossier, privacy_reviewer="pia")
    again = replace(again, approvals=(dossier.approvals[0], replace(again.approvals[1], reason="mended")))

    found = approval(cases.case(dossier)), approval(cases.case(again))

    assert [
        (Status.MISSING, "1 still to come; not counted: pia (revoked by paul on 2026-03-01 12:00 UTC)"),
        (Status.PASSED, "they answered for what is there now"),
    ] == [(finding.status, finding.reason) for finding in found]


def test_a_revocation_counts_at_once(cases: Any) -> None:
    """One that was recorded after somebody began to ask counts: bytes are copied for minutes meanwhile."""
    dossier = cases.approved(cases.staffed("baseline"), cases.dossier(), privacy_reviewer="pia")
    dossier = revoked(dossier, dossier.approvals[0], at=cases.now + timedelta(minutes=5))

    assert Status.MISSING is approval(cases.case(dossier)).status


def test_a_rejection_stands_until_it_is_revoked(cases: Any) -> None:
    """It does not lapse, and only whoever rejected takes it back."""
    policy = cases.staffed("baseline")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    rejection = replace(dossier.approvals[0], by="paul", verdict=Verdict.REJECTED, expires_at=cases.now)
    dossier = replace(dossier, approvals=(rejection, *dossier.approvals))

    by_another, by_paul = revoked(dossier, rejection, by="pia"), revoked(dossier, rejection)

    found = [approval(cases.case(one)).status for one in (dossier, by_another, by_paul)]
    assert [Status.FAILED, Status.FAILED, Status.PASSED] == found


def test_who_asked_for_the_review_does_not_count(cases: Any) -> None:
    """On the ground that they asked about; on another ground they did not ask."""
    policy = cases.staffed("baseline")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    request = ReviewRequest("u1", "PIA", cases.now, "ready", dossier.approvals[0].ground)
    elsewhere = replace(request, ground=replace(request.ground, evidence_digests=("e" * 64,)))

    asked, other = (approval(cases.case(replace(dossier, acts=(act,)))) for act in (request, elsewhere))

    assert (Status.MISSING, Status.PASSED) == (asked.status, other.status)
    assert "1 still to come; not counted: pia (asked for the review of the version)" == asked.reason


TWO_ROLES = """
schema: governance/policy/v1
name: two
targets:
  production: {{ aliases: [champion] }}
roles:
  reviewer: {{ users: [pia, dora] }}
  dpo: {{ users: [dora, pia] }}
rules:
  - name: r
    checks: [approval: {{ role: reviewer{0} }}]
  - name: s
    enforcement: {1}
    checks: [approval: {{ role: dpo{0} }}]
"""


def answered(cases: Any, policy: Any, **given: str) -> list[Finding]:
    """What the approval checks of the policy find, the reviewer's first."""
    dossier = cases.approved(policy, cases.dossier(cases.contribution()), **given)
    case = cases.case(dossier, policy)
    uses = [use for rule in policy.rules for use in rule.checks]
    return [finding for use in uses for finding in CHECKS["approval"].function(case, **use.parameters)]


def test_nobody_counts_in_two_roles(cases: Any) -> None:
    """One person who holds both roles fills one; two people fill both, whoever of them approved twice."""
    policy = parse(TWO_ROLES.format("", "deny"), "two.yaml")

    reviewer, dpo = answered(cases, policy, reviewer="dora", dpo="dora")

    assert (Status.PASSED, Status.MISSING) == (reviewer.status, dpo.status)
    why = "1 still to come; not counted: dora (counts as 'reviewer', and nobody counts in two roles)"
    assert why == dpo.reason
    dossier = cases.approved(policy, cases.dossier(cases.contribution()), reviewer="dora", dpo="dora")
    both = cases.case(cases.approved(policy, dossier, reviewer="pia"), policy)
    assert {Status.PASSED} == {approval(both, role).status for role in ("reviewer", "dpo")}


def test_a_warning_takes_nobody_away(cases: Any) -> None:
    """Who could fill a role that must be filled, and one that is only warned of, fills the former."""
    policy = parse(TWO_ROLES.format("", "warn"), "two.yaml")
    turned = replace(policy, rules=policy.rules[::-1])

    for one in (policy, turned):
        found = answered(cases, one, reviewer="dora", dpo="dora")
        statuses = {finding.required.split("'")[1]: finding.status for finding in found}
        assert {"reviewer": Status.PASSED, "dpo": Status.MISSING} == statuses


def test_without_independence_one_person_may_wear_two_hats(cases: Any) -> None:
    """A small controller may say so."""
    policy = parse(TWO_ROLES.format(", independent: false", "deny"), "two.yaml")

    assert {Status.PASSED} == {f.status for f in answered(cases, policy, reviewer="dora", dpo="dora")}


SIGNED = """
schema: governance/policy/v1
name: signed
extends: baseline
approvals: {{ signed: true }}
keys: {{ pia: ["{}"], paul: ["{}"] }}
roles:
  privacy_reviewer: {{ users: [pia, paul] }}
"""


@pytest.mark.parametrize(
    ("signer", "status"),
    [("pia", Status.PASSED), ("paul", Status.MISSING), ("eve", Status.MISSING), (None, Status.MISSING)],
)
def test_only_one_s_own_signature_counts(cases: Any, keys: Any, signer: str | None, status: Status) -> None:
    """Where approvals must be signed: by a key that the policy gives that very person."""
    policy = parse(SIGNED.format(keys["pia"].line, keys["paul"].line), "signed.yaml")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    (given,) = dossier.approvals
    signatures = {given.digest: (keys[signer].over(given),)} if signer else {}

    finding = approval(cases.case(replace(dossier, signatures=signatures), policy))

    why = "1 still to come; not counted: pia (not signed with a key of their own)"
    assert (status, "they answered for what is there now" if status is Status.PASSED else why) == (
        finding.status,
        finding.reason,
    )


def test_a_signature_over_another_approval_is_none(cases: Any, keys: Any) -> None:
    """A signature is over one statement; moved to another record it says nothing."""
    policy = parse(SIGNED.format(keys["pia"].line, keys["paul"].line), "signed.yaml")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    (given,) = dossier.approvals
    other = replace(given, reason="another")

    moved = replace(dossier, signatures={given.digest: (keys["pia"].over(other),)})

    assert Status.MISSING is approval(cases.case(moved, policy)).status


def test_what_closes_needs_no_signature(cases: Any, keys: Any) -> None:
    """An unsigned rejection closes; to open again, it is taken back with a signature."""
    policy = parse(SIGNED.format(keys["pia"].line, keys["paul"].line), "signed.yaml")
    dossier = cases.approved(policy, cases.dossier(), privacy_reviewer="pia")
    (given,) = dossier.approvals
    rejection = replace(given, by="paul", verdict=Verdict.REJECTED)
    signatures = {given.digest: (keys["pia"].over(given),)}
    rejected = replace(dossier, approvals=(given, rejection), signatures=signatures)
    unsigned = revoked(rejected, rejection)
    (act,) = unsigned.acts
    signed = replace(unsigned, signatures=signatures | {act.digest: (keys["paul"].over(act),)})

    found = [approval(cases.case(one, policy)).status for one in (rejected, unsigned, signed)]

    assert [Status.FAILED, Status.FAILED, Status.PASSED] == found
    taken_back = revoked(replace(rejected, approvals=(given,)), given)
    assert Status.MISSING is approval(cases.case(taken_back, policy)).status
