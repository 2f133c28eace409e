"""What waivers and broken glass let through, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from governance.domain.decision import Decision, Finding, Outcome, Status
from governance.domain.dossier import Asking
from governance.domain.review import Act, BreakGlass, ReviewRequest, Revocation, Waiver
from governance.policy.document import Policy
from governance.policy.evaluate import evaluate
from governance.policy.parse import parse

POLICY = """
schema: governance/policy/v1
name: exceptions
targets:
  production: { aliases: [champion] }
  other: { aliases: [other] }
roles:
  reviewer: { users: [pia, paul, dora, ada, rob], groups: [reviewers] }
  dpo: { users: [dora] }
  boss: { users: [bess, ada, rob] }
rules:
  - name: r
    checks:
      - actor-known
      - lineage-known
      - membership-auc: { max: 0.6 }
      - dp-unit: { data_subject: true }
      - approval: { role: dpo }
waivers:
  membership-auc: { roles: [reviewer], max_days: 30 }
  dp-unit: { roles: [reviewer, dpo], max_days: 30 }
  lineage-known: { roles: [reviewer], count: 2, max_days: 30 }
break_glass: { roles: [boss], max_hours: 24 }
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    """A policy under which much can be waived."""
    return parse(POLICY, "exceptions.yaml")


@pytest.fixture
def acts(cases: Any, policy: Policy) -> Any:
    """Makes waivers and broken glass on the bytes that are judged; whatever is not said is in order."""

    class Acts:
        noon = cases.now
        until = cases.now + timedelta(hours=2)

        def waiver(self, check: str = "membership-auc", by: str = "pia", **changes: Any) -> Waiver:
            waiver = Waiver(
                subject_uid="u1",
                by=by,
                at=self.noon,
                reason="measured next week",
                target="production",
                check=check,
                manifest_digest="b" * 64,
                policy_digest=policy.digest,
                role="reviewer",
                expires_at=self.until,
            )
            return replace(waiver, **changes)

        def glass(self, by: str = "bess", **changes: Any) -> BreakGlass:
            glass = BreakGlass(
                subject_uid="u1",
                by=by,
                at=self.noon,
                reason="the old model refuses every patient",
                target="production",
                manifest_digest="b" * 64,
                policy_digest=policy.digest,
                role="boss",
                expires_at=self.until,
            )
            return replace(glass, **changes)

        def revocation(self, of: Waiver | BreakGlass, by: str = "dora") -> Revocation:
            return Revocation("u1", by, self.noon, "no longer", of.digest, "b" * 64)

    return Acts()


@pytest.fixture
def judged(cases: Any, policy: Policy) -> Any:
    """Judges a version that nobody measured, trained on data without differential privacy, with acts."""

    def decide(
        *acts: Act, actor: str | None = "ada", evidence: Any = (), policy: Policy = policy
    ) -> Decision:
        dossier = replace(cases.dossier(cases.contribution(), evidence=evidence), acts=acts)
        target = policy.target("production")
        return evaluate(policy, target, dossier, Asking(actor, cases.now), "alias @champion")

    return decide


def of(decision: Decision, check: str) -> Finding:
    """The finding of one check."""
    (finding,) = [finding for finding in decision.findings if finding.check == check]
    return finding


def statuses(decision: Decision) -> dict[str, Status]:
    """How each check ended."""
    return {finding.check: finding.status for finding in decision.findings}


PLAIN = {
    "actor-known": Status.PASSED,
    "lineage-known": Status.PASSED,
    "membership-auc": Status.MISSING,
    "dp-unit": Status.MISSING,
    "approval": Status.MISSING,
}


def test_a_waiver_marks_its_finding(judged: Any, acts: Any) -> None:
    """Who, in which role, until when and why is added to the reason; the rest of the finding stays."""
    before, after = judged(), judged(acts.waiver())

    told = "waived by pia (reviewer) until 2026-03-01 14:00 UTC: measured next week"
    was = of(before, "membership-auc")
    assert PLAIN == statuses(before)
    assert PLAIN | {"membership-auc": Status.WAIVED} == statuses(after)
    assert replace(was, status=Status.WAIVED, reason=f"{was.reason}; {told}") == of(after, "membership-auc")
    assert (of(after, "membership-auc"),) == after.exceptional


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"expires_at": "now"}, "pia (expired on 2026-03-01 12:00 UTC)"),
        ({"by": "eve"}, "eve (does not hold the role 'reviewer')"),
        ({"by": "gwen", "via": "friends"}, "gwen (the group 'friends' does not give the role 'reviewer')"),
        ({"role": "dpo", "by": "dora"}, "dora (the role 'dpo' cannot waive it)"),
        ({"by": "ada"}, "ada (asks for the change)"),
        ({"by": "ADA"}, "ADA (does not hold the role 'reviewer')"),
        ({"by": "rob"}, "rob (registered the version)"),
    ],
)
def test_a_waiver_that_does_not_count_is_named(
    judged: Any, acts: Any, changes: dict[str, Any], why: str
) -> None:
    """The check stays unmet, and its finding says why the waiver does not count."""
    waiver = acts.waiver(**changes | ({"expires_at": acts.noon} if "expires_at" in changes else {}))

    finding = of(judged(waiver), "membership-auc")

    expected = f"; a waiver needs 1 signer, as reviewer; waivers not counted: {why}"
    assert Status.MISSING is finding.status
    assert finding.reason.endswith(expected)


def test_a_group_gives_the_role_to_waive(judged: Any, acts: Any) -> None:
    """As for approvals."""
    assert Status.WAIVED is of(judged(acts.waiver(by="gwen", via="reviewers")), "membership-auc").status


def test_who_asked_for_the_review_waives_nothing(cases: Any, judged: Any, acts: Any, policy: Policy) -> None:
    """They want it through."""
    ground = cases.dossier(cases.contribution()).ground("production", policy.digest)
    request = ReviewRequest("u1", "pia", acts.noon, "ready", ground)

    assert Status.MISSING is of(judged(acts.waiver(), request), "membership-auc").status


@pytest.mark.parametrize(
    "changes",
    [{"manifest_digest": "c" * 64}, {"policy_digest": "d" * 64}, {"target": "other"}, {"check": "dp-unit"}],
)
def test_a_waiver_is_for_one_check_target_bytes_and_policy(
    judged: Any, acts: Any, changes: dict[str, str]
) -> None:
    """One for anything else is as good as none, and is not spoken of."""
    assert of(judged(), "membership-auc") == of(judged(acts.waiver(**changes)), "membership-auc")


def test_a_revoked_waiver_does_not_count(judged: Any, acts: Any) -> None:
    """The finding says who took it back."""
    waiver = acts.waiver()

    finding = of(judged(waiver, acts.revocation(waiver)), "membership-auc")

    assert Status.MISSING is finding.status
    assert finding.reason.endswith("waivers not counted: pia (revoked by dora on 2026-03-01 12:00 UTC)")


def test_every_role_signs_by_another_person(judged: Any, acts: Any) -> None:
    """A reviewer and the DPO; dora, who is both, counts for one of them."""
    as_dpo = acts.waiver("dp-unit", "dora", role="dpo")
    as_reviewer = acts.waiver("dp-unit", "dora")

    alone, twice, both = (
        of(judged(*given), "dp-unit")
        for given in ([as_dpo], [as_dpo, as_reviewer], [as_dpo, as_reviewer, acts.waiver("dp-unit")])
    )

    assert [Status.MISSING, Status.MISSING, Status.WAIVED] == [f.status for f in (alone, twice, both)]
    assert alone.reason.endswith(
        "a waiver was signed by dora (dpo) until 2026-03-01 14:00 UTC: measured next week;"
        " a waiver needs 2 different signers, as reviewer and dpo"
    )


def test_two_reviewers_are_no_dpo(judged: Any, acts: Any) -> None:
    """Enough people, and one role that nobody signed in."""
    given = (acts.waiver("dp-unit"), acts.waiver("dp-unit", "paul"))

    assert Status.MISSING is of(judged(*given), "dp-unit").status


def test_as_many_people_as_the_policy_asks_for(cases: Any, acts: Any, policy: Policy) -> None:
    """Two of one role; one person twice, in whatever spelling of their name, is one."""
    dossier = cases.dossier(cases.unknown)
    first, second = acts.waiver("lineage-known"), acts.waiver("lineage-known", "paul")
    again = replace(first, reason="once more")

    def status(*given: Act) -> Status:
        asking = Asking("ada", cases.now)
        with_acts = replace(dossier, acts=given)
        return of(
            evaluate(policy, policy.target("production"), with_acts, asking, "alias @champion"),
            "lineage-known",
        ).status

    assert (Status.MISSING, Status.WAIVED) == (status(first, again), status(first, second))


def test_a_waiver_covers_what_cannot_be_read(cases: Any, judged: Any, acts: Any) -> None:
    """A check that may be waived may be waived however it is unmet."""
    unreadable = [cases.evidence({})]

    before, after = judged(evidence=unreadable), judged(acts.waiver(), evidence=unreadable)

    assert (Status.UNDECIDED, Status.WAIVED) == tuple(of(d, "membership-auc").status for d in (before, after))


def test_a_waiver_leaves_what_passes_alone(cases: Any, judged: Any, acts: Any) -> None:
    """Once it is measured, nothing is waived, and the decision is no exception."""
    measured = [cases.measured()]

    assert of(judged(evidence=measured), "membership-auc") == of(
        judged(acts.waiver(), evidence=measured), "membership-auc"
    )


def test_what_the_policy_does_not_list_cannot_be_waived(judged: Any, acts: Any, policy: Policy) -> None:
    """Whatever was signed."""
    closed = replace(policy, waivers={})
    waiver = acts.waiver(policy_digest=closed.digest)

    assert PLAIN == statuses(judged(waiver, policy=closed))


def test_broken_glass_overrides_everything_but_the_actor(judged: Any, acts: Any) -> None:
    """Each unmet finding is marked; what passed is not touched."""
    before, after = judged(), judged(acts.glass())

    told = "glass broken by bess (boss) until 2026-03-01 14:00 UTC: the old model refuses every patient"
    overridden = {check: Status.OVERRIDDEN for check, status in PLAIN.items() if status is Status.MISSING}
    assert (Outcome.DENIED, Outcome.ALLOWED) == (before.outcome, after.outcome)
    assert PLAIN | overridden == statuses(after)
    assert [f"{finding.reason}; {told}" for finding in before.unmet] == [f.reason for f in after.exceptional]


def test_nobody_promotes_through_broken_glass(judged: Any, acts: Any) -> None:
    """Who asks must be known even then."""
    decision = judged(acts.glass(), actor=None)

    assert (Outcome.DENIED, ["actor-known"]) == (decision.outcome, [f.check for f in decision.unmet])
    assert of(judged(actor=None), "actor-known") == of(decision, "actor-known")


def test_whoever_breaks_the_glass_may_promote(judged: Any, acts: Any) -> None:
    """In an emergency one person may have to do both."""
    assert Outcome.ALLOWED is judged(acts.glass(by="ada"), actor="ada").outcome


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"expires_at": "now"}, "bess (expired on 2026-03-01 12:00 UTC)"),
        ({"by": "eve"}, "eve (does not hold the role 'boss')"),
        ({"by": "dora", "role": "dpo"}, "dora (the role 'dpo' cannot break it)"),
    ],
)
def test_broken_glass_that_does_not_count(judged: Any, acts: Any, changes: dict[str, Any], why: str) -> None:
    """It is named, so that nobody wonders."""
    glass = acts.glass(**changes | ({"expires_at": acts.noon} if "expires_at" in changes else {}))

    decision = judged(glass)

    assert PLAIN == statuses(decision)
    assert of(decision, "dp-unit").reason.endswith(f"; broken glass not counted: {why}")


@pytest.mark.parametrize(
    "changes", [{"manifest_digest": "c" * 64}, {"policy_digest": "d" * 64}, {"target": "other"}]
)
def test_glass_is_broken_for_one_target_bytes_and_policy(
    judged: Any, acts: Any, changes: dict[str, str]
) -> None:
    """Any other is as good as none."""
    assert judged() == judged(acts.glass(**changes))


def test_revoked_broken_glass_is_whole_again(judged: Any, acts: Any) -> None:
    """From then on every check counts."""
    glass = acts.glass()
    decision = judged(glass, acts.revocation(glass))

    assert PLAIN == statuses(decision)
    assert of(decision, "approval").reason.endswith("bess (revoked by dora on 2026-03-01 12:00 UTC)")


def test_without_the_section_there_is_no_glass(judged: Any, acts: Any, policy: Policy) -> None:
    """Whoever broke it."""
    closed = replace(policy, break_glass=None)

    assert judged(policy=closed) == judged(acts.glass(policy_digest=closed.digest), policy=closed)


def test_broken_glass_lets_a_label_through_that_no_rule_looks_at(
    judged: Any, acts: Any, policy: Policy
) -> None:
    """An emergency does not wait for a rule; the finding `rule` says that there was none."""
    bare = replace(policy, rules=(replace(policy.rules[0], targets=("other",)),))

    decision = judged(acts.glass(policy_digest=bare.digest), policy=bare)

    assert (Outcome.ALLOWED, {"rule": Status.OVERRIDDEN}) == (decision.outcome, statuses(decision))


def test_exceptions_need_signatures_where_approvals_do(
    cases: Any, keys: Any, acts: Any, policy: Policy
) -> None:
    """By the key of whoever signs; unsigned, they are named as not counted."""
    signed = replace(
        policy, approvals_signed=True, keys={"pia": (keys["pia"].line,), "bess": (keys["paul"].line,)}
    )
    waiver, glass = (act(policy_digest=signed.digest) for act in (acts.waiver, acts.glass))
    dossier = replace(cases.dossier(cases.contribution()), acts=(waiver,))

    def decide(dossier: Any) -> Decision:
        asking = Asking("ada", cases.now)
        return evaluate(signed, signed.target("production"), dossier, asking, "alias @champion")

    unsigned = of(decide(dossier), "membership-auc")
    by_pia = replace(dossier, signatures={waiver.digest: (keys["pia"].over(waiver),)})
    by_eve = replace(dossier, signatures={waiver.digest: (keys["eve"].over(waiver),)})
    broken = replace(dossier, acts=(glass,), signatures={glass.digest: (keys["paul"].over(glass),)})

    assert unsigned.reason.endswith("waivers not counted: pia (not signed with a key of their own)")
    assert [Status.MISSING, Status.WAIVED, Status.MISSING] == [
        unsigned.status,
        *(of(decide(one), "membership-auc").status for one in (by_pia, by_eve)),
    ]
    assert (Outcome.ALLOWED, Outcome.DENIED) == (
        decide(broken).outcome,
        decide(replace(broken, signatures={})).outcome,
    )
