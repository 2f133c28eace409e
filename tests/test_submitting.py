"""Evidence from elsewhere, taken only when all it says of itself holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from governance.domain.evidence import Evidence, EvidenceType
from governance.errors import Conflict, UsageError
from governance.policy.checks.attacks import ATTACKS
from governance.policy.parse import parse
from governance.submitting import MAX_BYTES, submit

BYTES = "b" * 64

POLICY = """\
schema: governance/policy/v1
name: clinic
evidence: {max_age_days: 30}
targets: {production: {aliases: [champion]}}
rules: [{name: origin, checks: [actor-known]}]
"""

RATE = {"point": 0.51, "low": 0.49, "high": 0.53}
BODY = {
    "attack": "LiRA",
    "n_non_members": 1000,
    "confidence": 0.95,
    "auc": RATE,
    "tpr_at_fpr": [{"fpr": 0.01, "tpr": 0.01, "low": 0.0, "high": 0.02, "resolved": True}],
    "verdict": "none shown",
}

OTHER = {
    "attack": "surrogate",
    "measure": "agreement",
    "estimate": RATE,
    "null": 0.5,
    "confidence": 0.95,
    "verdict": "none shown",
}


@pytest.fixture
def measured(make: Any) -> Evidence:
    """What rita measured at noon, good for 30 days."""
    return Evidence(
        type=EvidenceType.MEMBERSHIP_INFERENCE,
        subject_digest=BYTES,
        producer="rita",
        created_at=make.noon,
        expires_at=make.noon + timedelta(days=30),
        body=BODY,
    )


@pytest.fixture
def send(archive: Any, make: Any) -> Callable[..., Evidence]:
    """Submits a statement five minutes past noon, as rita if nothing else is said."""

    def send(statement: dict[str, Any], by: str = "rita") -> Evidence:
        with archive.writing() as books:
            return submit(
                books, parse(POLICY, "policy.yaml"), statement, (), digest=BYTES, by=by, now=make.later(5)
            )

    return send


def test_what_holds_is_kept(archive: Any, send: Callable[..., Evidence], measured: Evidence) -> None:
    """It comes back as it was sent, and the log says who sent it."""
    assert measured == send(measured.statement())

    with archive.reading() as books:
        assert (measured,) == books.evidence.about(BYTES)
        assert [("rita", "evidence:recorded", measured.digest)] == [
            (entry.actor, entry.type, entry.body["evidence"]) for entry in books.audit.entries()
        ]


@pytest.mark.parametrize("kind", ATTACKS)
def test_every_other_attack_is_kept(send: Callable[..., Evidence], measured: Evidence, kind: Any) -> None:
    """An outcome that can be read is taken, whatever its class."""
    evidence = replace(measured, type=kind, body=OTHER)

    assert evidence == send(evidence.statement())


def test_the_same_again_is_a_conflict(send: Callable[..., Evidence], measured: Evidence) -> None:
    """A client that did not hear the answer learns that it arrived."""
    send(measured.statement())

    with pytest.raises(Conflict, match="recorded already"):
        send(measured.statement())


def changed(measured: Evidence, **changes: Any) -> dict[str, Any]:
    """The statement of a measurement that differs."""
    return replace(measured, **changes).statement()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda e, _: changed(e, subject_digest="c" * 64), "is about bytes cccccccccccc"),
        (lambda e, _: changed(e, type=EvidenceType.DP_TRAINING), "recorded by the registry alone"),
        (lambda e, make: changed(e, created_at=make.later(11)), "yet to come"),
        (lambda e, make: changed(e, expires_at=make.noon + timedelta(days=31)), "count for longer"),
        (lambda e, _: changed(e, expires_at=None), "count for longer"),
        (lambda e, _: changed(e, producer="alice"), "names 'alice' as its producer"),
        (lambda e, _: changed(e, body=BODY | {"auc": {"point": 2, "low": 0, "high": 1}}), "auc.point is 2"),
        (lambda e, _: changed(e, type=EvidenceType.EXTRACTION), "estimate is not a mapping"),
        (
            lambda e, _: changed(e, type=EvidenceType.MEMORISATION, body=OTHER | {"null": None}),
            "null is None, expected a finite number",
        ),
        (lambda e, _: changed(e, body=BODY | {"padding": "x" * MAX_BYTES}), "bytes; at most"),
        (lambda e, _: changed(e, version=2), "version 2"),
        (lambda e, _: e.statement() | {"extra": "field"}, "no statement of evidence has"),
        (lambda e, _: e.statement() | {"predicateType": "https://example.org/x/v1"}, "cannot be read"),
        (lambda *_: {}, "cannot be read"),
    ],
)
def test_what_does_not_hold_is_refused(
    archive: Any, send: Callable[..., Evidence], make: Any, measured: Evidence, spoil: Any, said: str
) -> None:
    """Other bytes, a type of the registry's own, wrong times, another's name, any malformed field."""
    with pytest.raises(UsageError, match=said):
        send(spoil(measured, make))

    with archive.reading() as books:
        assert ((), 0) == (books.evidence.about(BYTES), books.audit.head()[0])
