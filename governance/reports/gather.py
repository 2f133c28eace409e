"""Everything a report of one model version shows, read from the books once and kept as plain JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from governance.canonical import timestamp
from governance.domain.chain import Entry, verify
from governance.domain.decision import Decision
from governance.domain.dossier import Dossier
from governance.domain.subject import Subject
from governance.errors import NotFound
from governance.policy.document import Policy
from governance.ports import Books
from governance.reports import attacks, budgets, guarantees, membership, origins, plain, rulings
from governance.reports.exceptions import exceptions
from governance.reports.gaps import gaps, judgements
from governance.reports.reviews import reviews
from governance.reports.tolerant import Json

SCHEMA = "governance/report/v1"


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """The sections of a report as JSON values; `to_json` is the JSON report, pages are drawn from it."""

    rendered_at: str
    model: Json
    status: Json
    exceptions: Json
    first_page: Json
    decision: Json
    label: Json
    lineage: Json
    privacy: Json
    budgets: Json
    approvals: Json
    timeline: Json
    judgements: Json
    gaps: Json
    bytes: Json
    audit: Json

    def to_json(self) -> Json:
        """`governance/report/v1`."""
        return {"schema": SCHEMA} | {field.name: getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ReportFacts:
        """The inverse of `to_json`, so that a kept report can be rendered again.

        Raises:
            ValueError: it is no report of ours, or of a version this release does not read.
        """
        names = [field.name for field in fields(ReportFacts)]
        if data.get("schema") != SCHEMA or not data.keys() >= set(names):
            raise ValueError(f"not a report: expected the schema {SCHEMA} with {', '.join(names)}")
        return ReportFacts(**{name: data[name] for name in names})


def gather(
    books: Books,
    dossier: Dossier,
    policy: Policy,
    decision: Decision,
    now: datetime,
    *,
    compose: budgets.Compose,
    purpose: str = "",
    bounds: Iterable[tuple[float, float]] = (),
) -> ReportFacts:
    """Read everything about one version at one moment.

    Args:
        books: Opened for reading.
        dossier: The facts the decision rests on.
        policy: The one in force, under which the decision was made; its keys tell whose a signature is.
        decision: The present decision, recorded already or computed for this report only.
        now: When the report is made; the only clock in it.
        compose: The composed ε of some trainings at a δ, for the budget's burn-down.
        purpose: What the model does, as its owner wrote it in the registry; empty if nobody did.
        bounds: (FPR, highest TPR) pairs that the policy asks for, marked in the ROC chart.
    """
    uid = dossier.subject.uid
    past = books.decisions.of(uid)
    frozen = {made.record_digest: uri for made, uri in books.decisions.frozen()}
    ground = dossier.ground(decision.target, decision.policy_digest)
    dossier = _all_signatures(books, dossier)
    said = reviews(policy, dossier, ground, now)
    report: dict[str, Json] = {
        "model": _model(dossier.subject, dossier.digest),
        "decision": rulings.decision(
            decision, decision in past, _policy_kept(books, decision.policy_digest), policy.threshold_note
        ),
        "label": origins.label(dossier.inheritance),
        "lineage": (lineage := origins.lineage(books, dossier)),
        "privacy": _privacy(policy, dossier, lineage, now, bounds),
        "budgets": {"accounts": [budgets.budget(account, compose) for account in dossier.accounts]},
        "approvals": said,
        "exceptions": exceptions(books, dossier, decision, said),
        "timeline": {"decisions": rulings.timeline(past, decision, frozen)},
        "judgements": {"asked": judgements(dossier, said["given"], purpose, now)},
        "bytes": _bytes(books, dossier, frozen),
        "audit": _audit(books, decision.record_digest),
    }
    missing = gaps(report)
    first_page = plain.first_page(report, dossier.inheritance.effective)
    return ReportFacts(
        rendered_at=timestamp(now),
        first_page=first_page,
        gaps={"missing": missing},
        status=_status(decision, len(missing)),
        **report,
    )


def _model(subject: Subject, digest: str) -> Json:
    return {
        "name": subject.named.name,
        "version": subject.named.version,
        "workspace": subject.named.workspace,
        "uri": str(subject.named),
        "uid": subject.uid,
        "source": subject.source,
        "run_id": subject.run_id,
        "model_id": subject.model_id,
        "registered_at": timestamp(subject.registered_at),
        "registered_by": subject.registered_by,
        "adopted": subject.adopted,
        "digest": digest,
    }


def _status(decision: Decision, missing: int) -> Json:
    words = "evidence complete" if not missing else "1 gap" if missing == 1 else f"{missing} gaps"
    return {
        "outcome": decision.outcome.value,
        "by_exception": rulings.by_exception(decision),
        "gaps": missing,
        "words": words,
    }


def _all_signatures(books: Books, dossier: Dossier) -> Dossier:
    """The dossier with the signatures over stray evidence, too: no check looks at those, a reader does."""
    stray = [evidence.digest for evidence in dossier.stray]
    more = books.signatures.of(stray) if stray else {}
    return replace(dossier, signatures={**more, **dossier.signatures})


def _privacy(
    policy: Policy, dossier: Dossier, lineage: Json, now: datetime, bounds: Iterable[tuple[float, float]]
) -> Json:
    return {
        "dp": guarantees.statements(dossier, lineage, now),
        "dp_unread": guarantees.unread(dossier),
        "dp_note": guarantees.NEVER_LOWERS,
        "membership": membership.membership(dossier, now),
        "attacks": attacks.others(dossier, now),
        "bounds": [{"fpr": fpr, "tpr": tpr} for fpr, tpr in sorted(bounds)],
        "coverage": attacks.coverage(dossier, now),
        "coverage_note": attacks.RESISTANCE,
        "evidence": attacks.register(policy, dossier, now),
    }


def _policy_kept(books: Books, digest: str) -> bool:
    try:
        books.policies.text(digest)
    except NotFound:
        return False
    return True


def _bytes(books: Books, dossier: Dossier, frozen: Mapping[str, str]) -> Json:
    manifest = books.evidence.manifest(dossier.digest)
    files = manifest.files if manifest else ()
    served = [frozen.get(made.record_digest) for made in books.decisions.of(dossier.subject.uid)]
    return {
        "digest": dossier.digest,
        "known": manifest is not None,
        "size": manifest.size if manifest else None,
        "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in files],
        "seen": list(books.evidence.seen(dossier.subject.uid)),
        "served_from": sorted({uri for uri in served if uri is not None}),
    }


def _audit(books: Books, record_digest: str) -> Json:
    recorded_at: list[int] = []

    def walked() -> Iterator[Entry]:
        for entry in books.audit.entries():
            if entry.body.get("decision") == record_digest:
                recorded_at.append(entry.position)
            yield entry

    found = verify(walked())
    position, head = books.audit.head()
    flaw = found.flaw
    return {
        "position": position,
        "head": head,
        "verified_entries": found.entries,
        "verified_head": found.head,
        "flaw": {"position": flaw.position, "reason": flaw.reason} if flaw else None,
        "decision_position": recorded_at[0] if recorded_at else None,
    }
