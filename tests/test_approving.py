"""Somebody entitled to it answers for exact bytes, or nobody does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from governance.approving import give
from governance.domain.approval import Approval, Verdict
from governance.domain.lineage import Lineage
from governance.errors import UsageError
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
  pilot: { aliases: [pilot] }
roles:
  dpo: { users: [dora, Ada, "ａda"] }
  reviewer: { users: [rob] }
rules:
  - name: everything
    checks: [approval: {role: dpo}, approval: {role: reviewer}]
""",
    "clinic.yaml",
)


@pytest.fixture
def books(make: Any) -> Books:
    """The books with a version that `ada` registered."""
    with MemoryArchive().reading() as books:
        register(books, make.subject(), Lineage(), make.manifest(), None)
    return books


@pytest.fixture
def answer(books: Books, make: Any) -> Any:
    """Gives a verdict; whatever is not said is in order."""

    def call(policy: Policy = POLICY, **changes: Any) -> Approval:
        dossier = assemble(books, make.subject(), make.manifest().digest, Lineage())
        given: dict[str, Any] = {
            "role": "dpo",
            "by": "dora",
            "verdict": Verdict.APPROVED,
            "reason": "the DPIA covers it",
            "now": make.later(1),
        }
        return give(books, dossier, policy, policy.target("production"), **(given | changes))

    return call


@pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.REJECTED])
def test_a_verdict_is_recorded(books: Books, answer: Any, make: Any, verdict: Verdict) -> None:
    """On the ground as it is now, with the policy's text kept beside it, and in the log."""
    until = make.later(60) if verdict is Verdict.APPROVED else None
    given = answer(verdict=verdict, reason="  said so \n", expires_at=until)

    dossier = assemble(books, make.subject(), make.manifest().digest, Lineage())
    ground = dossier.ground("production", POLICY.digest)
    expected = Approval(ground, "dpo", "dora", make.later(1), verdict, "said so", until)
    assert (expected, (expected,)) == (given, books.approvals.of("u1"))
    assert POLICY.text == books.policies.text(POLICY.digest)
    *_, entry = books.audit.entries()
    assert ("approval:given", "dora", make.later(1)) == (entry.type, entry.actor, entry.at)
    assert {
        "approval": expected.digest,
        "uid": "u1",
        "target": "production",
        "role": "dpo",
        "verdict": verdict.value,
        "reason": "said so",
    } == entry.body


@pytest.mark.parametrize(
    ("changes", "message", "remedy"),
    [
        ({"role": "pope"}, "Policy 'clinic' has no role 'pope'; it has dpo, reviewer.", "--role"),
        ({"role": "DPO"}, "has no role 'DPO'", "--role"),
        ({"by": "rob"}, "'rob' does not hold the role 'dpo' in policy 'clinic'.", "roles.dpo.users"),
        ({"by": "Dora"}, "'Dora' does not hold the role 'dpo'", "roles.dpo.users"),
        ({"by": ""}, "'' does not hold the role 'dpo'", "roles.dpo.users"),
        ({"role": "reviewer"}, "'dora' does not hold the role 'reviewer'", "roles.reviewer.users"),
        ({"by": "Ada"}, "'Ada' registered models:/visits/1: nobody approves their own version.", "another"),
        ({"by": "ａda"}, "'ａda' registered models:/visits/1", "another holder of the role 'dpo'"),
        ({"reason": ""}, "An approval needs a reason.", "--reason"),
        ({"reason": " \n\t"}, "An approval needs a reason.", "--reason"),
        ({"expires_at": "now"}, "The approval would have expired when it is given.", "later"),
        ({"expires_at": "past"}, "The approval would have expired when it is given.", "later"),
        ({"expires_at": "later", "verdict": Verdict.REJECTED}, "A rejection does not lapse.", "revoke"),
    ],
)
def test_what_is_no_approval(
    books: Books, answer: Any, make: Any, changes: dict[str, Any], message: str, remedy: str
) -> None:
    """No such role, not a holder, one's own version in any spelling, no reason, no time: nothing written."""
    times = {"now": make.later(1), "past": make.later(1) - timedelta(days=1), "later": make.later(9)}
    if "expires_at" in changes:
        changes = changes | {"expires_at": times[changes["expires_at"]]}
    before = list(books.audit.entries())

    with pytest.raises(UsageError) as refused:
        answer(**changes)

    assert (True, True) == (message in refused.value.message, remedy in refused.value.remedy)
    assert ((), before) == (books.approvals.of("u1"), list(books.audit.entries()))


def test_two_roles_answer_apart(books: Books, answer: Any) -> None:
    """Each verdict is its own record; saying the same twice at one time is one."""
    for role, by in (("dpo", "dora"), ("reviewer", "rob"), ("reviewer", "rob")):
        answer(role=role, by=by)

    assert [("dpo", "dora"), ("reviewer", "rob")] == [(a.role, a.by) for a in books.approvals.of("u1")]
