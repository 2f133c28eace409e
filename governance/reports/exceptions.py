"""Checks that a version did not pass and that people let pass all the same: where, who, until when, why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from governance.canonical import timestamp
from governance.domain.decision import Decision, Finding, Status
from governance.domain.dossier import Dossier
from governance.domain.review import Act, BreakGlass, Waiver
from governance.policy.standing import said
from governance.ports import Books
from governance.reports.tolerant import Json

IN_SERVICE = "This version is in service by exception"
GRANTED = "This version was let past checks by exception"

_TOLD = ("by", "role", "at", "expires_at", "reason", "stands", "why_not", "digest")
"""Of a waiver or broken glass, what stands beside each check; the rest is among the approvals."""


def exceptions(books: Books, dossier: Dossier, decision: Decision, approvals: Json) -> Json:
    """Every place that the version is in by exception; else the decision shown, if it rests on one.

    Args:
        books: Opened for reading.
        dossier: The facts the decision rests on.
        decision: The decision that the report shows.
        approvals: What people said, as `reviews` gives it.
    """
    in_service = _in_service(books, dossier.subject.uid)
    known = dict(in_service)
    if not any(_same_place(decision, made) for made in in_service.values() if made.exceptional):
        known[decision.record_digest] = decision
    rows = {row["digest"]: row for row in (*approvals["waivers"], *approvals["broken_glass"])}
    places = [
        {
            "change": made.change,
            "target": made.target,
            "in_service": name in in_service,
            "decision": name,
            "at": timestamp(made.at),
            "actor": made.actor,
            "policy": made.policy_name,
            "findings": [_passed_by(found, made, decision, dossier, rows) for found in made.exceptional],
        }
        for name, made in known.items()
        if made.exceptional
    ]
    serving = any(place["in_service"] for place in places)
    return {"heading": IN_SERVICE if serving else GRANTED if places else None, "places": places}


def _same_place(one: Decision, other: Decision) -> bool:
    return (one.target, one.change) == (other.target, other.change)


def _in_service(books: Books, uid: str) -> dict[str, Decision]:
    """The decisions by which the version is in some protected place now, by their digest."""
    made = {decision.record_digest: decision for decision in books.decisions.of(uid)}
    standing = books.promotions.standing([uid])
    entered = [entry.body["decision"] for entry in standing if entry.type == "promotion:allowed"]
    # A decision that the log names and nobody kept is for `reconcile` to tell.
    return {name: made[name] for name in entered if name in made}


def _passed_by(
    finding: Finding, made: Decision, shown: Decision, dossier: Dossier, rows: Mapping[str, Json]
) -> Json:
    by = [rows[act.digest] for act in _named(finding, made, dossier.acts)]
    return finding.to_json() | {
        "by": [{key: row[key] for key in _TOLD} for row in by],
        "ended": bool(by) and not any(row["stands"] for row in by),
        "now": _now(finding, shown) if shown.target == made.target else None,
    }


def _now(finding: Finding, shown: Decision) -> str | None:
    """How the same check ends in the decision shown; None if it is no longer asked for."""
    same = [f for f in shown.findings if (f.check, f.required) == (finding.check, finding.required)]
    # One requirement may be unmet several times, and only these are told apart by what was seen.
    exact = [f for f in same if f.observed == finding.observed]
    return (exact or same)[0].status.value if same else None


def _named(finding: Finding, made: Decision, acts: Iterable[Act]) -> list[Waiver | BreakGlass]:
    """The waivers, or the broken glass, by which a finding says that its check was let pass."""
    verb = "waived by" if finding.status is Status.WAIVED else "glass broken by"
    return [
        act
        for act in acts
        if isinstance(act, Waiver if finding.status is Status.WAIVED else BreakGlass)
        and (act.target, act.manifest_digest, act.policy_digest)
        == (made.target, made.digest, made.policy_digest)
        and not (isinstance(act, Waiver) and act.check != finding.check)
        # Others may have signed in vain, or after the decision: the finding tells whose word counted.
        and f"{verb} {act.by} ({act.role}) until {said(act.expires_at)}: {act.reason}" in finding.reason
    ]
