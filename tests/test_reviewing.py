"""Reviews are asked for and taken back, by name or by group, signed or not: drafted, then recorded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from governance.approving import draft_approval, draft_request, draft_revocation, find, record
from governance.canonical import canonical
from governance.domain.approval import Approval, Verdict
from governance.domain.lineage import Lineage
from governance.domain.review import ReviewRequest, Revocation
from governance.domain.signature import ED25519, IN_TOTO
from governance.errors import NotFound, UsageError
from governance.memory import MemoryArchive
from governance.policy.document import Policy
from governance.policy.parse import parse
from governance.ports import Books
from governance.promoting import assemble
from governance.registering import register
from governance.signing import new_key, public_line, sign

TEXT = """
schema: governance/policy/v1
name: clinic
targets:
  production: {{ aliases: [champion] }}
roles:
  dpo: {{ users: [dora, dirk], groups: [law, lawyers] }}
  reviewer: {{ users: [rob, ada] }}
rules:
  - name: everything
    checks: [approval: {{ role: dpo }}, approval: {{ role: reviewer, independent: {independent} }}]
{more}
"""


def clinic(independent: str = "true", more: str = "") -> Policy:
    """The policy, with whatever is said besides."""
    return parse(TEXT.format(independent=independent, more=more), "clinic.yaml")


POLICY = clinic()
KEY, OTHER = new_key(ED25519), new_key(ED25519)
SIGNED = clinic(
    more=f'approvals: {{ signed: true }}\nkeys: {{ dora: ["{public_line(KEY.public_key())}"],'
    f' dirk: ["{public_line(OTHER.public_key())}"] }}'
)


@pytest.fixture
def books(make: Any) -> Books:
    """The books with a version that `ada` registered."""
    with MemoryArchive().reading() as books:
        register(books, make.subject(), Lineage(), make.manifest(), None)
    return books


@pytest.fixture
def dossier(books: Books, make: Any) -> Any:
    """What is known of it."""
    return assemble(books, make.subject(), make.manifest().digest, Lineage())


@pytest.fixture
def draft(dossier: Any, make: Any) -> Any:
    """Drafts a verdict; whatever is not said is in order."""

    def call(policy: Policy = POLICY, **changes: Any) -> Approval:
        given: dict[str, Any] = {"role": "dpo", "by": "dora", "reason": "seen", "now": make.later(1)}
        return draft_approval(dossier, policy, policy.target("production"), **given | changes)

    return call


@pytest.fixture
def take_back(books: Books, make: Any) -> Any:
    """Drafts a revocation; whatever is not said is in order."""

    def call(digest: str, policy: Policy = POLICY, **changes: Any) -> Revocation:
        given: dict[str, Any] = {"by": "dora", "reason": "a complaint", "now": make.later(5)}
        return draft_revocation(books, policy, digest, **given | changes)

    return call


def logged(books: Books) -> list[tuple[str, str]]:
    """Type and actor of every entry after the registration."""
    return [(entry.type, entry.actor) for entry in books.audit.entries(1)]


def test_a_draft_is_not_recorded(books: Books, draft: Any) -> None:
    """What is drafted is written nowhere until it is recorded."""
    drafted = draft()
    before = (books.approvals.of("u1"), logged(books))

    assert (((), []), drafted) == (before, record(books, POLICY, drafted))
    assert ((drafted,), [("approval:given", "dora")]) == (books.approvals.of("u1"), logged(books))


def test_recording_twice_is_once(books: Books, draft: Any) -> None:
    """A client that heard no answer sends its draft again."""
    for _ in range(2):
        record(books, POLICY, draft())

    assert ((draft(),), [("approval:given", "dora")]) == (books.approvals.of("u1"), logged(books))


@pytest.mark.parametrize(
    ("by", "groups", "via"),
    [("dora", ["law"], None), ("gwen", ["wards", "lawyers"], "lawyers"), ("gwen", ["lawyers", "law"], "law")],
)
def test_the_group_that_gives_a_role_is_recorded(
    draft: Any, by: str, groups: list[str], via: str | None
) -> None:
    """None where the policy names the person; else the first of the policy's groups."""
    assert via == draft(by=by, groups=groups).via


def test_no_group_no_role(draft: Any) -> None:
    """The refusal names both ways to hold it."""
    with pytest.raises(UsageError, match=r"'gwen' does not hold") as refused:
        draft(by="gwen", groups=["Law", "wards"])

    assert "roles.dpo.users" in refused.value.remedy
    assert "roles.dpo.groups" in refused.value.remedy


def test_a_request_is_recorded(books: Books, dossier: Any, make: Any) -> None:
    """On the ground as it is, with its event."""
    request = draft_request(
        dossier, POLICY, POLICY.target("production"), by="ada", reason=" ready ", now=make.later(1)
    )
    record(books, POLICY, request)

    ground = dossier.ground("production", POLICY.digest)
    assert ReviewRequest("u1", "ada", make.later(1), "ready", ground) == request
    assert (request,) == books.acts.of("u1")
    *_, entry = books.audit.entries()
    body = {"request": request.digest, "uid": "u1", "target": "production", "reason": "ready"}
    assert ("review:requested", body) == (entry.type, entry.body)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"by": " "}, "Nobody is named as asking"), ({"reason": " "}, "A request needs a reason.")],
)
def test_what_is_no_request(dossier: Any, make: Any, changes: dict[str, str], message: str) -> None:
    """Somebody asks, and says why."""
    given = {"by": "ada", "reason": "ready", "now": make.later(1)} | changes
    with pytest.raises(UsageError, match=message):
        draft_request(dossier, POLICY, POLICY.target("production"), **given)


def test_who_asked_does_not_approve(books: Books, make: Any) -> None:
    """Unless the policy lets somebody involved answer in that role."""
    loose = clinic(independent="false")
    for policy in (POLICY, loose):
        dossier = assemble(books, make.subject(), make.manifest().digest, Lineage())
        target = policy.target("production")
        request = draft_request(dossier, policy, target, by="rob", reason="ready", now=make.later(1))
        record(books, policy, request)
    dossier = assemble(books, make.subject(), make.manifest().digest, Lineage())
    asked: dict[str, Any] = {"role": "reviewer", "by": "rob", "reason": "seen", "now": make.later(2)}

    with pytest.raises(
        UsageError, match="'rob' asked for the review of models:/visits/1: nobody approves what they asked"
    ):
        draft_approval(dossier, POLICY, POLICY.target("production"), **asked)
    assert "rob" == draft_approval(dossier, loose, loose.target("production"), **asked).by
    assert "ada" == draft_approval(dossier, loose, loose.target("production"), **asked | {"by": "ada"}).by


def test_a_revocation_is_recorded(books: Books, draft: Any, take_back: Any, make: Any) -> None:
    """It names what it takes back by its whole digest, given a part of it."""
    approval = record(books, POLICY, draft())
    revocation = record(books, POLICY, take_back(approval.digest[:8].upper()))

    expected = Revocation("u1", "dora", make.later(5), "a complaint", approval.digest, make.manifest().digest)
    assert (expected, (expected,)) == (revocation, books.acts.of("u1"))
    *_, entry = books.audit.entries()
    body = {"revoked": approval.digest, "uid": "u1", "reason": "a complaint"}
    assert ("approval:revoked", body) == (entry.type, entry.body)


@pytest.mark.parametrize(
    ("changes", "entitled"),
    [
        ({"by": "dora"}, True),
        ({"by": "dirk"}, True),
        ({"by": "gwen", "groups": ["law"]}, True),
        ({"by": "gwen"}, False),
        ({"by": "rob"}, False),
    ],
)
def test_who_may_revoke_an_approval(
    books: Books, draft: Any, take_back: Any, changes: dict[str, Any], entitled: bool
) -> None:
    """Whoever gave it, and whoever holds the role."""
    approval = record(books, POLICY, draft())

    if entitled:
        assert approval.digest == take_back(approval.digest, **changes).revoked
    else:
        with pytest.raises(UsageError, match="does not hold the role 'dpo'"):
            take_back(approval.digest, **changes)


def test_only_whoever_rejected_revokes_it(books: Books, draft: Any, take_back: Any) -> None:
    """Another holder of the role must not open what was closed."""
    rejection = record(books, POLICY, draft(verdict=Verdict.REJECTED))

    with pytest.raises(UsageError, match="Only 'dora' can take back their rejection"):
        take_back(rejection.digest, by="dirk")
    assert rejection.digest == take_back(rejection.digest).revoked


def test_a_revocation_is_for_good(books: Books, draft: Any, take_back: Any) -> None:
    """A second one says who was first."""
    approval = record(books, POLICY, draft())
    record(books, POLICY, take_back(approval.digest))

    with pytest.raises(UsageError, match=r"revoked by dora on 2026-03-01 12:05 UTC already"):
        take_back(approval.digest, by="dirk")


@pytest.mark.parametrize("given", ["waiver", "break_glass"])
def test_exceptions_are_revoked_alike(books: Books, take_back: Any, make: Any, given: str) -> None:
    """By whoever gave them, here."""
    act = getattr(make, given)()
    books.acts.add(act)

    assert (act.digest, "b" * 64) == (
        take_back(act.digest, by=act.by).revoked,
        take_back(act.digest, by=act.by).manifest_digest,
    )


def test_what_cannot_be_found_to_be_revoked(books: Books, draft: Any, make: Any) -> None:
    """No digest, too little of one, one that nothing has, several, and what was given in no role."""
    record(books, POLICY, draft())
    request, revocation = make.request(), make.revocation()
    for act in (request, revocation):
        books.acts.add(act)

    for wrong in ("", "abc1234", "models:/visits/1", "a" * 65):
        with pytest.raises(UsageError, match="names no record: expected 8 to 64 characters"):
            find(books, wrong)
    with pytest.raises(NotFound, match=f"begins with {'9' * 64}"):
        find(books, "9" * 64)
    for act in (request, revocation):
        with pytest.raises(UsageError, match=f"is a {act.kind}: only what was given in a role"):
            find(books, act.digest)


def test_several_records_with_one_prefix(books: Books, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of the digest is asked for. One character stands for eight here: of 17 records two share it."""
    monkeypatch.setattr("governance.approving.PREFIX", 1)
    waivers = [make.waiver(reason=str(number)) for number in range(17)]
    for waiver in waivers:
        books.acts.add(waiver)
    (most, count), *_ = Counter(waiver.digest[0] for waiver in waivers).most_common()

    with pytest.raises(UsageError, match=f"{count} records begin with {most}"):
        find(books, most)


def signature(answer: Any, key: Any = KEY) -> Any:
    """A signature over what is said."""
    return sign(key, IN_TOTO, canonical(answer.statement()))


def test_a_signature_is_kept(books: Books, draft: Any) -> None:
    """Beside the record, under its digest."""
    approval = draft(SIGNED)
    record(books, SIGNED, approval, signature(approval))

    assert {approval.digest: (signature(approval),)} == books.signatures.of([approval.digest])


def test_a_wrong_signature_writes_nothing(books: Books, draft: Any) -> None:
    """Another's key, another record, a key the policy does not know: refused, whatever the policy asks."""
    approval, later = draft(SIGNED), draft(SIGNED, reason="another")
    unknown = draft(POLICY)

    for policy, given, wrong in (
        (SIGNED, approval, signature(approval, OTHER)),
        (SIGNED, approval, signature(later)),
        (SIGNED, approval, replace(signature(approval), value="AAAA")),
        (POLICY, unknown, signature(unknown)),
    ):
        with pytest.raises(UsageError, match="The signature is not over this approval by a key that policy"):
            record(books, policy, given, wrong)
    assert ((), []) == (books.approvals.of("u1"), logged(books))


def test_where_approvals_are_signed_an_unsigned_one_is_refused(books: Books, draft: Any) -> None:
    """It would count for nothing; the remedy says how to sign."""
    with pytest.raises(UsageError, match="this approval counts only with a signature") as refused:
        record(books, SIGNED, draft(SIGNED))

    assert "--key FILE" in refused.value.remedy
    assert ((), []) == (books.approvals.of("u1"), logged(books))


def test_what_closes_needs_no_signature(
    books: Books, dossier: Any, draft: Any, take_back: Any, make: Any
) -> None:
    """A request, a rejection and the revocation of an approval; to revoke a rejection needs one."""
    target = SIGNED.target("production")
    record(books, SIGNED, draft_request(dossier, SIGNED, target, by="ada", reason="ready", now=make.later(1)))
    approval = draft(SIGNED)
    record(books, SIGNED, approval, signature(approval))
    record(books, SIGNED, take_back(approval.digest, SIGNED))
    rejection = record(books, SIGNED, draft(SIGNED, verdict=Verdict.REJECTED))
    taken_back = take_back(rejection.digest, SIGNED)

    with pytest.raises(UsageError, match="this revocation counts only with a signature"):
        record(books, SIGNED, taken_back)
    record(books, SIGNED, taken_back, signature(taken_back))
    assert [
        ("review:requested", "ada"),
        ("approval:given", "dora"),
        ("approval:revoked", "dora"),
        ("approval:given", "dora"),
        ("approval:revoked", "dora"),
    ] == logged(books)
