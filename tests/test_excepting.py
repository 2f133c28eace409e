"""Waivers and broken glass: who may sign which, for how long, and what would be idle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from governance.approving import draft_request, record
from governance.domain.lineage import Lineage
from governance.domain.review import BreakGlass, Waiver
from governance.errors import UsageError
from governance.excepting import draft_break_glass, draft_waiver
from governance.memory import MemoryArchive
from governance.policy.document import Policy
from governance.policy.parse import parse
from governance.ports import Books
from governance.promoting import assemble
from governance.registering import register

POLICY = parse(
    """
schema: governance/policy/v1
name: clinic
targets:
  production: { aliases: [champion] }
roles:
  dpo: { users: [dora, Ada], groups: [law] }
  boss: { users: [bess, Ada], groups: [board] }
rules:
  - name: everything
    checks: [lineage-known, actor-known, purpose-permitted, approval: { role: dpo }]
  - name: told
    enforcement: warn
    checks: [membership-auc: { max: 0.6 }]
waivers:
  lineage-known: { roles: [dpo], max_days: 30 }
  membership-auc: { roles: [dpo], max_days: 30 }
  dp-budget: { roles: [dpo], max_days: 30 }
break_glass: { roles: [boss], max_hours: 24 }
""",
    "clinic.yaml",
)


@pytest.fixture
def books(make: Any) -> Books:
    """The books with a version of unknown lineage that `ada` registered."""
    with MemoryArchive().reading() as books:
        register(books, make.subject(), Lineage(), make.manifest(), None)
    return books


@pytest.fixture
def waive(books: Books, make: Any) -> Any:
    """Drafts a waiver; whatever is not said is in order."""

    def call(policy: Policy = POLICY, **changes: Any) -> Waiver:
        given: dict[str, Any] = {
            "check": "lineage-known",
            "role": "dpo",
            "by": "dora",
            "reason": " the source answers next week ",
            "now": make.later(1),
            "expires_at": make.later(1) + timedelta(days=30),
        }
        dossier = assemble(books, make.subject(), make.manifest().digest, Lineage())
        return draft_waiver(dossier, policy, policy.target("production"), **given | changes)

    return call


@pytest.fixture
def shatter(books: Books, make: Any) -> Any:
    """Drafts broken glass; whatever is not said is in order."""

    def call(policy: Policy = POLICY, **changes: Any) -> BreakGlass:
        given: dict[str, Any] = {
            "role": "boss",
            "by": "bess",
            "reason": " the old model refuses every patient ",
            "now": make.later(1),
            "expires_at": make.later(1) + timedelta(hours=24),
        }
        dossier = assemble(books, make.subject(), make.manifest().digest, Lineage())
        return draft_break_glass(dossier, policy, policy.target("production"), **given | changes)

    return call


def test_a_waiver_is_drafted_and_recorded(books: Books, waive: Any, make: Any) -> None:
    """For this check, target, bytes and policy, until its end; with its event."""
    waiver = record(books, POLICY, waive())

    expected = Waiver(
        subject_uid="u1",
        by="dora",
        at=make.later(1),
        reason="the source answers next week",
        target="production",
        check="lineage-known",
        manifest_digest=make.manifest().digest,
        policy_digest=POLICY.digest,
        role="dpo",
        expires_at=make.later(1) + timedelta(days=30),
    )
    assert (expected, (expected,)) == (waiver, books.acts.of("u1"))
    *_, entry = books.audit.entries()
    assert (
        "check:waived",
        {
            "waiver": expected.digest,
            "uid": "u1",
            "target": "production",
            "check": "lineage-known",
            "role": "dpo",
            "expires": "2026-03-31T12:01:00.123456Z",
            "reason": "the source answers next week",
        },
    ) == (entry.type, entry.body)


def test_broken_glass_is_drafted_and_recorded(books: Books, shatter: Any, make: Any) -> None:
    """For this target, bytes and policy, until its end; with its event."""
    glass = record(books, POLICY, shatter(by="gwen", groups=["board"]))

    expected = BreakGlass(
        subject_uid="u1",
        by="gwen",
        at=make.later(1),
        reason="the old model refuses every patient",
        target="production",
        manifest_digest=make.manifest().digest,
        policy_digest=POLICY.digest,
        role="boss",
        expires_at=make.later(1) + timedelta(hours=24),
        via="board",
    )
    assert (expected, (expected,)) == (glass, books.acts.of("u1"))
    *_, entry = books.audit.entries()
    assert (
        "glass:broken",
        {
            "break_glass": expected.digest,
            "uid": "u1",
            "target": "production",
            "role": "boss",
            "expires": "2026-03-02T12:01:00.123456Z",
            "reason": "the old model refuses every patient",
        },
    ) == (entry.type, entry.body)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"check": "purpose-permitted"}, r"lets nobody waive 'purpose-permitted'; it lets lineage-known, "),
        ({"check": "approval"}, "lets nobody waive 'approval'"),
        ({"check": "nonsense"}, "lets nobody waive 'nonsense'"),
        ({"role": "boss", "by": "bess"}, "The role 'boss' cannot waive 'lineage-known'; dpo can."),
        ({"by": "bess"}, "'bess' does not hold the role 'dpo'"),
        ({"by": "gwen", "groups": ["board"]}, "'gwen' does not hold the role 'dpo'"),
        ({"by": "Ada"}, "'Ada' registered models:/visits/1: nobody approves their own version."),
        ({"reason": " "}, "A waiver needs a reason."),
        ({"days": 30.001}, "The waiver must end within 30 days"),
        ({"days": 0}, "The waiver must end within 30 days"),
        ({"days": -1}, "The waiver must end within 30 days"),
        ({"check": "dp-budget"}, "A waiver of 'dp-budget' waives nothing"),
        ({"check": "membership-auc"}, "A waiver of 'membership-auc' waives nothing"),
    ],
)
def test_what_is_no_waiver(waive: Any, make: Any, changes: dict[str, Any], message: str) -> None:
    """The check, the role, the person, the reason, the end, or that there is nothing to waive."""
    if "days" in changes:
        changes = {"expires_at": make.later(1) + timedelta(days=changes["days"])}

    with pytest.raises(UsageError, match=message):
        waive(**changes)


def test_a_waiver_that_waives_nothing_says_what_is_in_the_way(waive: Any) -> None:
    """A check that passes, that no rule asks for, or that only warns, is not in the way."""
    with pytest.raises(UsageError) as refused:
        waive(check="dp-budget")

    assert "What does: lineage-known, purpose-permitted, approval." == refused.value.remedy


def test_who_asked_for_the_review_waives_nothing(books: Books, waive: Any, make: Any) -> None:
    """As for approvals."""
    dossier = assemble(books, make.subject(), make.manifest().digest, Lineage())
    target = POLICY.target("production")
    record(books, POLICY, draft_request(dossier, POLICY, target, by="dora", reason="go", now=make.later(1)))

    with pytest.raises(UsageError, match="'dora' asked for the review of models:/visits/1"):
        waive()


def test_a_waiver_can_be_signed_again_before_it_ends(books: Books, waive: Any, make: Any) -> None:
    """What is waived already stands in the way all the same, and a second signer is welcome."""
    record(books, POLICY, waive())

    again = waive(by="gwen", groups=["law"], now=make.later(2))

    assert ("gwen", "law") == (again.by, again.via)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"role": "dpo", "by": "dora"}, "The role 'dpo' cannot break the glass; boss can."),
        ({"by": "dora"}, "'dora' does not hold the role 'boss'"),
        ({"reason": "\n"}, "Broken glass needs a reason."),
        ({"hours": 24.001}, "Broken glass must end within 24 hours"),
        ({"hours": 0}, "Broken glass must end within 24 hours"),
    ],
)
def test_what_breaks_no_glass(shatter: Any, make: Any, changes: dict[str, Any], message: str) -> None:
    """The role, the person, the reason or the end."""
    if "hours" in changes:
        changes = {"expires_at": make.later(1) + timedelta(hours=changes["hours"])}

    with pytest.raises(UsageError, match=message):
        shatter(**changes)


def test_without_the_section_there_is_no_glass(shatter: Any) -> None:
    """The policy's owner decides beforehand whether there is an emergency exit."""
    with pytest.raises(UsageError, match="Policy 'clinic' has no glass to break"):
        shatter(replace(POLICY, break_glass=None))


def test_whoever_registered_it_may_break_the_glass(shatter: Any) -> None:
    """In an emergency there may be nobody else."""
    assert "Ada" == shatter(by="Ada").by
