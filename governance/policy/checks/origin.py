"""Checks on who asks and on what went into the version: lineage, permissions, retention, legal basis."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timezone

from governance.domain.decision import Finding, Status
from governance.domain.label import EVERYTHING, Consent, Contribution, Label, LegalBasis
from governance.policy.checks import remedies
from governance.policy.checks.interface import Case


def actor_known(case: Case) -> tuple[Finding, ...]:
    """The person or service that asks for the change is identified."""
    required = "the caller is identified"
    if case.asking.actor and case.asking.actor.strip():
        reason = "a promotion is answered for by whoever asks for it"
        return (Finding("actor-known", Status.PASSED, case.asking.actor, required, reason),)
    reason = "nobody would answer for the change"
    remedy = f"Sign in to the registry server, then: {remedies.ask_again(case)}"
    return (Finding("actor-known", Status.MISSING, "nobody was identified", required, reason, remedy),)


def lineage_known(case: Case) -> tuple[Finding, ...]:
    """Everything that went into the version is known; each gap is a finding of its own."""
    required = "every dataset and parent model is known and labelled"
    gaps = {(gap.what, gap.reason): gap.remedy for gap in case.dossier.lineage.gaps}
    for part in case.dossier.inheritance.unknown:
        gaps.setdefault((part.source, part.reason), _supply(case, part))
    if not case.dossier.inheritance.contributions and not gaps:
        gaps["training data", "nothing is recorded of what it was trained on"] = remedies.show_label(case)
    if gaps:
        return tuple(
            Finding("lineage-known", Status.MISSING, f"unknown: {what}", required, reason, remedy)
            for (what, reason), remedy in sorted(gaps.items())
        )
    known = ", ".join(_names(case.dossier.inheritance.contributions))
    reason = "what is unknown may be anything, so only a whole lineage can be judged"
    return (Finding("lineage-known", Status.PASSED, f"known: {known}", required, reason),)


def _supply(case: Case, part: Contribution) -> str:
    for use in case.dossier.lineage.uses:
        if part.source == f"dataset {use.part_of or use.name!r}":
            return remedies.catalogue(use.part_of or use.name)
    return remedies.show_label(case)


def purpose_permitted(case: Case) -> tuple[Finding, ...]:
    """The data may be used for the target's purpose; data without a common purpose may not be combined."""
    return _permission(case, "purpose", "purposes", case.target.purpose)


def region_permitted(case: Case) -> tuple[Finding, ...]:
    """The data may be held in the target's region; data without a common region may not be combined."""
    return _permission(case, "region", "regions", case.target.region)


def _permission(case: Case, word: str, dimension: str, wanted: str | None) -> tuple[Finding, ...]:
    permitted: frozenset[str] = getattr(case.label, dimension)
    everything = permitted >= EVERYTHING
    required = f"{word} {wanted!r} of target {case.target.name!r}" if wanted else f"at least one {word}"
    observed = f"{word}s permitted: {'all' if everything else ', '.join(sorted(permitted)) or 'none'}"
    if everything or (wanted in permitted if wanted else permitted):
        reason = f"every dataset that went in permits this {word}"
        return (Finding(f"{word}-permitted", Status.PASSED, observed, required, reason),)

    own = [getattr(c.label, dimension) for c in case.dossier.inheritance.contributions]
    by_itself = frozenset() in own

    def narrows(label: Label) -> bool:
        allowed: frozenset[str] = getattr(label, dimension)
        if permitted:
            return not allowed >= EVERYTHING and wanted not in allowed
        return not allowed if by_itself else not allowed >= EVERYTHING

    blamed = _listed(case, narrows)
    if permitted:
        reason = f"not permitted by {blamed}"
    elif by_itself or not own:
        reason = f"no {word} at all is permitted by {blamed}"
    else:
        reason = f"an unlawful combination: no {word} is permitted by all of {blamed}"
    return (_failed(case, f"{word}-permitted", observed, required, reason, narrows),)


def retention_open(case: Case) -> tuple[Finding, ...]:
    """No retention period of the data has ended on the day of asking (UTC)."""
    today = case.asking.at.astimezone(timezone.utc).date()
    ends = case.label.retention
    required = f"retention open on {today.isoformat()}"
    observed = {date.max: "no limit", date.min: "unknown, so taken as ended"}.get(ends, f"until {ends}")
    if today <= ends:
        reason = "a model may be kept as long as all of its training data"
        return (Finding("retention-open", Status.PASSED, observed, required, reason),)

    def ended(label: Label) -> bool:
        return label.retention < today

    reason = f"the retention period has ended for {_listed(case, ended)}"
    return (_failed(case, "retention-open", observed, required, reason, ended),)


def consent_valid(case: Case) -> tuple[Finding, ...]:
    """No consent that the data rely on was withdrawn, even in part, or is invalid."""
    required = "consent valid or not relied on"
    observed = f"consent {_spoken(case.label.consent.word)}"
    if case.label.consent <= Consent.VALID:
        reason = "no dataset relies on consent that no longer stands"
        return (Finding("consent-valid", Status.PASSED, observed, required, reason),)

    def broken(label: Label) -> bool:
        return label.consent > Consent.VALID

    reason = f"consent does not stand for {_listed(case, broken)}"
    return (_failed(case, "consent-valid", observed, required, reason, broken),)


def legal_basis_documented(case: Case) -> tuple[Finding, ...]:
    """The legal basis of every dataset is written down."""
    required = "legal basis documented"
    observed = f"legal basis {_spoken(case.label.legal_basis.word)}"
    if case.label.legal_basis is LegalBasis.DOCUMENTED:
        reason = "somebody wrote down the legal basis of every dataset"
        return (Finding("legal-basis-documented", Status.PASSED, observed, required, reason),)

    def undocumented(label: Label) -> bool:
        return label.legal_basis is not LegalBasis.DOCUMENTED

    reason = f"no legal basis is documented for {_listed(case, undocumented)}"
    return (_failed(case, "legal-basis-documented", observed, required, reason, undocumented),)


def _failed(
    case: Case, check: str, observed: str, required: str, reason: str, guilty: Callable[[Label], bool]
) -> Finding:
    """A broken bound; where only what is unknown breaks it, something is missing instead."""
    parts = [c for c in case.dossier.inheritance.contributions if guilty(c.label)]
    known = _names(c for c in parts if not c.unknown)
    if known:
        return Finding(check, Status.FAILED, observed, required, reason, remedies.relabel(case, known))
    remedy = next((_supply(case, c) for c in parts), remedies.show_label(case))
    return Finding(check, Status.MISSING, observed, required, reason, remedy)


def _listed(case: Case, guilty: Callable[[Label], bool]) -> str:
    parts = (c for c in case.dossier.inheritance.contributions if guilty(c.label))
    return ", ".join(_names(parts)) or "training data that nobody recorded"


def _names(parts: Iterable[Contribution]) -> list[str]:
    return sorted({dataset_name(part.source) for part in parts})


def dataset_name(identity: str) -> str:
    """The name in a dataset's identity `name@sha256`; any other text is its own name."""
    name, at, sha256 = identity.rpartition("@")
    return name if at and len(sha256) == 64 else identity


def _spoken(word: str) -> str:
    return word.replace("_", " ")
