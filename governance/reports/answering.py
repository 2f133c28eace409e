"""Turns "what about this version?" into the facts of a report: judged now, as the last asker would be."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from governance.domain.dossier import Asking, Dossier
from governance.domain.events import ReportRendered
from governance.domain.subject import Subject
from governance.policy.document import Policy, Target
from governance.policy.evaluate import evaluate, explain
from governance.ports import Books
from governance.privacy.accounting import composed_epsilon
from governance.reports.gather import ReportFacts, gather


def answer(
    books: Books,
    dossier: Dossier,
    policy: Policy,
    target: Target,
    asking: Asking,
    *,
    change: str,
    purpose: str,
) -> ReportFacts:
    """Everything a report of a version shows, under the policy as it is now.

    The decision shown is the recorded one while nothing that it rests on has changed; otherwise it is
    what the gate would answer now, on behalf of whoever asked last.
    """
    recorded = [d for d in books.decisions.of(dossier.subject.uid) if d.target == target.name]
    latest = recorded[-1] if recorded else None
    if latest is not None:
        change = latest.change
    asker = Asking(latest.actor if latest else asking.actor, asking.at)
    now = evaluate(policy, target, dossier, asker, change)
    same = latest is not None and (latest.digest, latest.policy_digest, latest.findings) == (
        now.digest,
        now.policy_digest,
        now.findings,
    )
    return gather(
        books,
        dossier,
        policy,
        latest if latest is not None and same else now,
        asking.at,
        compose=composed_epsilon,
        purpose=purpose,
        bounds=_bounds(policy, target, dossier),
    )


def _bounds(policy: Policy, target: Target, dossier: Dossier) -> list[tuple[float, float]]:
    """The (FPR, TPR) bounds of every rule that looks at this label on the way to this target."""
    applying = explain(policy, target, dossier.inheritance.effective)
    uses = [use for _, checks in applying for use in checks if use.name == "membership-tpr"]
    return sorted({(float(use.parameters["fpr"]), float(use.parameters["max"])) for use in uses})


def publish(books: Books, facts: ReportFacts, form: str, subject: Subject, now: datetime, by: str) -> str:
    """The report as `html`, `md` or `json`; the digest of the very text goes into the audit log."""
    from governance.reports import render

    text = {"html": render.html, "md": render.markdown, "json": render.json_text}[form](facts)
    digest = sha256(text.encode()).hexdigest()
    books.audit.append(now, by, ReportRendered(subject.uid, str(subject.named), form, digest))
    return text
