from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.domain.approval import Approval
from governance.domain.review import Revocation
from governance.reports import render
from governance.reports.gather import ReportFacts
from governance.reports.reviews import reviews

from .cases import NOW, at
from .exceptional import DORAS, LABS, POLICY, Room, signature

pytestmark = pytest.mark.slow

DORAS_KEY = "fd110d301d2f077de1414b8f99f441b1403fab207b2052fbd2c065e4ee8e7dc2"
SIGNED_BY_DORA = [{"keyid": DORAS_KEY, "algorithm": "ed25519", "by": ["dora"]}]
REVIEWER = {"target": "production", "role": "privacy_reviewer"}


def taken(rows: list[dict[str, Any]], *keys: str) -> list[tuple[Any, ...]]:
    """Some columns of each row."""
    return [tuple(row[key] for key in keys) for row in rows]


def test_every_verdict_and_what_became_of_it(excepted: ReportFacts) -> None:
    """What was taken back says by whom, when and why; what stands says whose key is under it."""
    given = excepted.approvals["given"]

    assert [
        ("petra", "approved", None, False, "revoked by petra on 2026-02-28 14:05 UTC", []),
        ("tom", "rejected", "reviewers", False, "revoked by tom on 2026-03-01 14:05 UTC", []),
        ("dora", "approved", None, True, "", SIGNED_BY_DORA),
    ] == taken(given, "by", "verdict", "via", "stands", "why_not", "signatures")
    assert [
        ("petra", "2026-02-28T14:05:00.000000Z", "read the wrong file", True, []),
        ("tom", "2026-03-01T14:05:00.000000Z", "inversion needs a gradient, and there is none", True, []),
    ] == [
        pair
        for row in given
        for pair in taken(row["revocations"], "by", "at", "reason", "counts", "signatures")
    ]


def test_requests_waivers_and_broken_glass(excepted: ReportFacts) -> None:
    """Each is there with its end, and what has ended says so."""
    said = excepted.approvals

    assert [("sam", "production", "the old model refuses every patient", [], [])] == taken(
        said["requests"], "by", "target", "reason", "changed", "signatures"
    )
    assert [
        ("petra", "2026-02-11T14:05:00.000000Z", True, False, "expired on 2026-02-11 14:05 UTC", []),
        ("petra", "2026-03-11T14:05:00.000000Z", False, True, "", []),
        ("dora", "2026-03-14T02:05:00.000000Z", False, True, "", SIGNED_BY_DORA),
        ("dora", "2026-03-14T02:05:00.000000Z", False, True, "", []),
    ] == taken(said["waivers"], "by", "expires_at", "expired", "stands", "why_not", "signatures")
    assert ["membership-tpr"] * 3 + ["dp-epsilon"] == [row["check"] for row in said["waivers"]]
    assert [("eve", "2026-03-03T09:05:00.000000Z", True, "patients wait; the old model is down")] == taken(
        said["broken_glass"], "by", "expires_at", "stands", "reason"
    )


def test_what_no_longer_stands_is_marked_on_the_page(excepted: ReportFacts) -> None:
    """Its row is set apart and says no in words, in both forms."""
    page, text = render.html(excepted), render.markdown(excepted)

    assert 3 == page.count('<tr class="past">')
    assert 3 == page.count('<span class="mark no">no</span>')
    assert (
        "| petra | privacy_reviewer | approved | 2026-02-27 14:05 UTC | the measurements are in order |"
        " not signed | **no**, revoked by petra, 2026-02-28 14:05 UTC: read the wrong file (not signed) |"
    ) in text
    assert "| signed by dora (key fd110d301d2f…) | yes |" in text


def test_advice_that_was_taken_back_is_no_advice() -> None:
    """A DPO's revoked approval leaves the advice a gap, and nobody's word on the first page."""
    room = Room()
    dora = room.say("dora", at(2), "approval", "for one month", target="production", role="dpo")
    before = room.facts(NOW)
    room.revoke(dora, at(1), "the ward changed")
    after = room.facts(NOW)

    advice = "Advice of the DPO"
    assert [True, False] == [
        advice not in [gap["what"] for gap in facts.gaps["missing"]] for facts in (before, after)
    ]
    assert "Approved by dora as dpo: for one month" == before.first_page["decided"][-1]
    assert "No person's approval rests on the present state of the model." == after.first_page["decided"][-1]


def test_a_signature_by_no_key_of_the_policy_proves_nothing() -> None:
    """It is shown, and by nobody: neither a strange key nor a signature over something else counts."""
    room = Room()
    given = room.say("dora", at(2), "approval", "for one month", target="production", role="dpo")
    with room.archive.writing() as books:
        books.signatures.add(given.digest, signature(DORAS, {"another": "statement"}))
    facts = room.facts(NOW)

    (row,) = facts.approvals["given"]
    assert [{"keyid": DORAS_KEY, "algorithm": "ed25519", "by": []}] == row["signatures"]
    assert "a signature that no key of the policy confirms (key fd110d301d2f…)" in render.html(facts)


def test_a_signature_by_somebody_else_names_them() -> None:
    """Whose key it is, the policy says, not the record."""
    room = Room()
    given = room.say("dora", at(2), "approval", "for one month", target="production", role="dpo")
    with room.archive.writing() as books:
        books.signatures.add(given.digest, signature(LABS, given.statement()))

    (row,) = room.facts(NOW).approvals["given"]
    assert [["privacy-lab"]] == [one["by"] for one in row["signatures"]]


def test_where_signatures_are_asked_for() -> None:
    """An unsigned approval or waiver does not stand; a rejection does, for it opens nothing."""
    room = Room()
    room.say("petra", at(3), "approval", "in order", **REVIEWER)
    room.say("petra", at(2), "rejection", "not in order", **REVIEWER)
    waiver = {"check": "membership-tpr", "hours": 240.0}
    room.say("petra", at(1), "waiver", "next week", **REVIEWER, **waiver)
    dossier, policy = room.dossier(), replace(POLICY, approvals_signed=True)
    said = reviews(policy, dossier, dossier.ground("production", POLICY.digest), NOW)

    unsigned = "not signed with a key of their own"
    assert [("approved", unsigned), ("rejected", "")] == taken(said["given"], "verdict", "why_not")
    assert [(False, unsigned)] == taken(said["waivers"], "stands", "why_not")


@pytest.mark.parametrize(
    ("changes", "approval", "waiver"),
    [
        ({"target": "trial"}, "given for target production", "given for target production"),
        ({"manifest_digest": "f0" * 32}, "bytes changed since", "bytes changed since"),
        ({"label_digest": "f0" * 32}, "label changed since", ""),
        (
            {"policy_digest": "f0" * 32, "evidence_digests": ()},
            "policy and evidence changed since",
            "policy changed since",
        ),
    ],
)
def test_what_changed_since(changes: dict[str, Any], approval: str, waiver: str) -> None:
    """A verdict rests on all of the ground, a waiver on place, bytes and policy."""
    room = Room()
    room.say("petra", at(3), "approval", "in order", **REVIEWER)
    room.say("petra", at(1), "waiver", "next week", check="membership-tpr", hours=240.0, **REVIEWER)
    dossier = room.dossier()
    ground = replace(dossier.ground("production", POLICY.digest), **changes)
    said = reviews(POLICY, dossier, ground, NOW)

    assert [(approval, not approval)] == taken(said["given"], "why_not", "stands")
    assert [(waiver, not waiver)] == taken(said["waivers"], "why_not", "stands")


def test_a_rejection_is_lifted_by_whoever_rejected_alone() -> None:
    """Somebody else's revocation stands in the records, and counts for nothing."""
    room = Room()
    rejection = room.say("petra", at(3), "rejection", "not in order", **REVIEWER)
    assert isinstance(rejection, Approval)
    foreign = Revocation(rejection.ground.subject_uid, "tom", at(2), "nonsense", rejection.digest, "0" * 64)
    with room.archive.writing() as books:
        books.acts.add(foreign)
    facts = room.facts(NOW)

    (row,) = facts.approvals["given"]
    assert (True, [("tom", False)]) == (row["stands"], taken(row["revocations"], "by", "counts"))
    assert "yes, revoked, which does not count, by tom, 2026-02-28 14:05 UTC: nonsense" in (
        render.markdown(facts)
    )
    assert "revoked, which does not count, by tom, <time" in render.html(facts)
