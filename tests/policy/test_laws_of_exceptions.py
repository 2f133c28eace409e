"""Laws of approvals, waivers, broken glass and their revocations, over generated ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.domain.approval import Approval, Ground, Verdict
from governance.domain.decision import Decision, Outcome, Status
from governance.domain.dossier import Asking, Dossier
from governance.domain.review import Act, BreakGlass, ReviewRequest, Revocation, Waiver
from governance.policy.evaluate import evaluate
from governance.policy.parse import parse

pytestmark = pytest.mark.slow

POLICY = parse(
    """
schema: governance/policy/v1
name: laws
targets:
  production: { aliases: [champion] }
  other: { aliases: [other] }
roles:
  reviewer: { users: [pia, dora, ada], groups: [reviewers] }
  dpo: { users: [dora, pia] }
  boss: { users: [bess] }
rules:
  - name: deny
    checks:
      - actor-known
      - membership-auc: { max: 0.6 }
      - dp-unit: { data_subject: true }
      - approval: { role: reviewer, count: 2 }
      - approval: { role: dpo }
  - name: warn
    enforcement: warn
    checks:
      - approval: { role: boss }
      - approval: { role: dpo, count: 2 }
waivers:
  membership-auc: { roles: [reviewer], max_days: 30 }
  dp-unit: { roles: [reviewer, dpo], max_days: 30 }
break_glass: { roles: [boss, dpo], max_hours: 24 }
""",
    "laws.yaml",
)
NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
BYTES = "b" * 64
WAIVABLE = ("membership-auc", "dp-unit")

people = st.sampled_from(["pia", "dora", "ada", "bess", "rob", "eve", "Pia"])
roles = st.sampled_from(["reviewer", "dpo", "boss", "nobody"])
groups = st.sampled_from([None, None, None, "reviewers", "friends"])
ends = st.sampled_from([NOW + timedelta(hours=1), NOW + timedelta(hours=1), NOW])
bytes_ = st.sampled_from([BYTES, BYTES, BYTES, "c" * 64])
policies = st.sampled_from([POLICY.digest, POLICY.digest, POLICY.digest, "d" * 64])
targets = st.sampled_from(["production", "production", "production", "other"])

waivers = st.builds(
    Waiver, st.just("u1"), people, st.just(NOW), st.sampled_from(["a", "b"]),
    targets, st.sampled_from([*WAIVABLE, "approval", "actor-known"]), bytes_, policies, roles, ends, groups,
)  # fmt: skip
glasses = st.builds(
    BreakGlass, st.just("u1"), people, st.just(NOW), st.just("fire"),
    targets, bytes_, policies, roles, ends, groups,
)  # fmt: skip


def ground_of(dossier: Dossier) -> Ground:
    """The ground of approvals as it is now."""
    return dossier.ground("production", POLICY.digest)


@st.composite
def dossiers(draw: Any, cases: Any, glass: bool = True) -> Dossier:
    """A dossier with some evidence, verdicts and acts of all kinds, revocations among them."""
    evidence = draw(st.lists(st.sampled_from([cases.measured(), cases.evidence({})]), max_size=1))
    plain = cases.dossier(cases.contribution(), evidence=evidence)
    ground = ground_of(plain)
    grounds = st.sampled_from([ground, ground, ground, replace(ground, label_digest="e" * 64)])
    said = st.sampled_from([*[Verdict.APPROVED] * 6, Verdict.REJECTED])
    lapses = st.sampled_from([None, NOW])
    approval = st.builds(
        Approval, grounds, roles, people, st.just(NOW), said, st.just("seen"), lapses, groups
    )
    approvals = draw(st.lists(approval, max_size=7))
    given_: list[Any] = draw(st.lists(waivers | glasses if glass else waivers, max_size=5))
    requests = [ReviewRequest("u1", by, NOW, "ready", ground) for by in draw(st.lists(people, max_size=1))]
    taken_back = draw(st.lists(st.sampled_from([*approvals, *given_]), max_size=1)) if given_ else []
    revocations = [Revocation("u1", g.by, NOW, "no longer", g.digest, BYTES) for g in taken_back]
    return replace(plain, approvals=tuple(approvals), acts=(*given_, *requests, *revocations))


askers = st.sampled_from([None, "", "ada", "pia", "mary"])


def judged(dossier: Dossier, actor: str | None) -> Decision:
    """The decision on the way to `production`."""
    return evaluate(POLICY, POLICY.target("production"), dossier, Asking(actor, NOW), "alias @champion")


def with_act(dossier: Dossier, act: Act) -> Dossier:
    """The dossier with one act more."""
    return replace(dossier, acts=(*dossier.acts, act))


@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_a_revocation_never_opens_a_door(cases: Any, data: Any) -> None:
    """Whoever takes back an approval, a waiver or broken glass; only a rejection taken back opens."""
    dossier, actor = data.draw(dossiers(cases)), data.draw(askers)
    given_ = [a for a in dossier.approvals if a.verdict is Verdict.APPROVED]
    given_ += [act for act in dossier.acts if isinstance(act, (Waiver, BreakGlass))]
    taken_back = data.draw(st.sampled_from(given_)).digest if given_ else "0" * 64
    revocation = Revocation("u1", data.draw(people), NOW, "no longer", taken_back, BYTES)

    before, after = judged(dossier, actor), judged(with_act(dossier, revocation), actor)

    assert not (before.outcome is not Outcome.ALLOWED and after.outcome is Outcome.ALLOWED)


@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_an_approval_never_closes_a_door(cases: Any, data: Any) -> None:
    """Nor takes somebody away from where they are needed, also where other roles are only warned of."""
    dossier, actor = data.draw(dossiers(cases)), data.draw(askers)
    more = Approval(
        ground_of(dossier), data.draw(roles), data.draw(people), NOW, Verdict.APPROVED, "seen, too", None
    )

    before = judged(dossier, actor)
    after = judged(replace(dossier, approvals=(*dossier.approvals, more)), actor)

    assert not (before.outcome is Outcome.ALLOWED and after.outcome is not Outcome.ALLOWED)


@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_a_waiver_touches_its_check_alone(cases: Any, data: Any) -> None:
    """Every finding of another check is as it was, word for word."""
    dossier, actor, waiver = data.draw(dossiers(cases)), data.draw(askers), data.draw(waivers)

    before, after = judged(dossier, actor), judged(with_act(dossier, waiver), actor)

    def others(decision: Decision) -> list[Any]:
        return [finding for finding in decision.findings if finding.check != waiver.check]

    assert others(before) == others(after)
    assert len(before.findings) == len(after.findings)
    assert len(before.unmet) >= len(after.unmet)


@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_only_broken_glass_touches_what_cannot_be_waived(cases: Any, data: Any) -> None:
    """Without it nothing is overridden, and a check without a waiver is unmet as it was without acts."""
    dossier, actor = data.draw(dossiers(cases, glass=False)), data.draw(askers)

    plain, found = judged(replace(dossier, acts=()), actor), judged(dossier, actor)

    waived = {f.check for f in found.findings if f.status is Status.WAIVED}
    assert waived <= {act.check for act in dossier.acts if isinstance(act, Waiver)} & set(WAIVABLE)
    assert Status.OVERRIDDEN not in {f.status for f in found.findings}
    untouched = {"approval"} | {act.check for act in dossier.acts if isinstance(act, Waiver)}
    assert [f for f in plain.findings if f.check not in untouched] == [
        f for f in found.findings if f.check not in untouched
    ]


@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_no_act_makes_anybody_known(cases: Any, data: Any) -> None:
    """`actor-known` is what it would be without any act, and without it nothing is allowed."""
    dossier, actor = data.draw(dossiers(cases)), data.draw(askers)

    def known(decision: Decision) -> list[Any]:
        return [finding for finding in decision.findings if finding.check == "actor-known"]

    decision = judged(dossier, actor)
    assert known(judged(replace(dossier, acts=()), actor)) == known(decision)
    assert actor or decision.outcome is not Outcome.ALLOWED


@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_broken_glass_never_closes_a_door(cases: Any, data: Any) -> None:
    """Nor does it change what was met; what it lets through is marked."""
    dossier, actor, glass = data.draw(dossiers(cases)), data.draw(askers), data.draw(glasses)

    before, after = judged(dossier, actor), judged(with_act(dossier, glass), actor)

    met = (Status.PASSED, Status.WAIVED, Status.WARNED)
    assert [f for f in before.findings if f.status in met] == [f for f in after.findings if f.status in met]
    assert not (before.outcome is Outcome.ALLOWED and after.outcome is not Outcome.ALLOWED)
    assert before.outcome is after.outcome or after.exceptional


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_an_exceptional_decision_can_be_recorded(cases: Any, data: Any) -> None:
    """Whatever was waived and overridden, the record is read back as it was written."""
    decision = judged(data.draw(dossiers(cases)), data.draw(askers))

    assert decision == Decision.from_record(decision.record())


def test_the_laws_are_not_about_denials_only(cases: Any) -> None:
    """Under this policy a decision can be allowed plainly, by waivers, and by broken glass."""
    plain = cases.dossier(cases.contribution(), evidence=[cases.measured()], protected=[cases.protected()])
    ground = ground_of(plain)
    answered = [("reviewer", "pia"), ("reviewer", "ada"), ("dpo", "dora")]
    approvals = tuple(Approval(ground, r, by, NOW, Verdict.APPROVED, "seen") for r, by in answered)
    bare = cases.dossier(cases.contribution())
    waived = [
        ("membership-auc", "pia", "reviewer"),
        ("dp-unit", "pia", "reviewer"),
        ("dp-unit", "dora", "dpo"),
    ]
    acts: tuple[Act, ...] = tuple(
        Waiver(
            "u1", by, NOW, "next week", "production", check, BYTES, POLICY.digest, role, NOW + timedelta(1)
        )
        for check, by, role in waived
    )
    bare_ground = tuple(replace(a, ground=ground_of(bare)) for a in approvals)
    glass = BreakGlass(
        "u1", "bess", NOW, "fire", "production", BYTES, POLICY.digest, "boss", NOW + timedelta(1)
    )

    assert [(Outcome.ALLOWED, 0), (Outcome.ALLOWED, 2), (Outcome.ALLOWED, 4)] == [
        (decision.outcome, len(decision.exceptional))
        for decision in (
            judged(replace(plain, approvals=approvals), "mary"),
            judged(replace(bare, approvals=bare_ground, acts=acts), "mary"),
            judged(replace(bare, acts=(glass,)), "mary"),
        )
    ]
