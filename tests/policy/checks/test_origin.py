from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from governance.domain.decision import Finding, Status
from governance.domain.dossier import Asking
from governance.domain.label import EVERYTHING, Consent, LegalBasis
from governance.domain.lineage import DatasetUse, Gap, Lineage
from governance.policy.checks import CHECKS

RELABEL = 'If a label is out of date: governance dataset relabel visits --label LABEL.yaml --reason "…".'
MEND = f"{RELABEL} Otherwise train again without visits and register the new version."


@pytest.mark.parametrize(
    ("actor", "status", "observed"),
    [
        ("ada", Status.PASSED, "ada"),
        (None, Status.MISSING, "nobody was identified"),
        ("", Status.MISSING, "nobody was identified"),
        ("  ", Status.MISSING, "nobody was identified"),
    ],
)
def test_actor(cases: Any, actor: str | None, status: Status, observed: str) -> None:
    """Only a caller with a name passes."""
    (finding,) = CHECKS["actor-known"].function(cases.case(cases.dossier(), actor=actor))

    assert (status, observed) == (finding.status, finding.observed)


def test_unidentified_actor_is_told_how_to_go_on(cases: Any) -> None:
    """The remedy names the version and the target."""
    (finding,) = CHECKS["actor-known"].function(cases.case(cases.dossier(), actor=None))

    expected = "Sign in to the registry server, then: governance check models:/m/1 --for production"
    assert expected == finding.remedy


def test_known_lineage_passes(cases: Any) -> None:
    """A lineage of catalogued datasets only passes and names them."""
    case = cases.case(cases.dossier(cases.contribution("visits"), cases.contribution("beds")))

    findings = CHECKS["lineage-known"].function(case)

    assert [(Status.PASSED, "known: beds, visits")] == [(f.status, f.observed) for f in findings]


def test_each_gap_is_its_own_finding_with_its_own_remedy(cases: Any) -> None:
    """A gap of the lineage and an uncatalogued dataset are two findings; a gap is not told twice."""
    lineage = Lineage(
        uses=(DatasetUse("r1", "lost", "0a1b", "", "training"),),
        gaps=(Gap("its origin", "it was registered without a run", "Register it from its run."),),
    )
    gap = replace(cases.unknown, source="its origin", reason="it was registered without a run")
    dossier = cases.dossier(cases.contribution(), cases.unknown, gap, lineage=lineage)

    findings = CHECKS["lineage-known"].function(cases.case(dossier))

    required = "every dataset and parent model is known and labelled"
    assert (
        Finding(
            "lineage-known",
            Status.MISSING,
            "unknown: dataset 'lost'",
            required,
            "run r1 read it, and the catalogue does not know it",
            "governance dataset add lost DATA --label LABEL.yaml",
        ),
        Finding(
            "lineage-known",
            Status.MISSING,
            "unknown: its origin",
            required,
            "it was registered without a run",
            "Register it from its run.",
        ),
    ) == findings


def test_no_contribution_is_no_knowledge(cases: Any) -> None:
    """A version of which nothing is recorded does not pass for one that nothing went into."""
    findings = CHECKS["lineage-known"].function(cases.case(cases.dossier()))

    assert [(Status.MISSING, "governance label models:/m/1")] == [(f.status, f.remedy) for f in findings]


@pytest.mark.parametrize(
    ("purposes", "wanted", "status", "observed", "reason"),
    [
        (
            {"care", "research"},
            "care",
            Status.PASSED,
            "care, research",
            "every dataset that went in permits this purpose",
        ),
        ({"research"}, None, Status.PASSED, "research", "every dataset that went in permits this purpose"),
        (EVERYTHING, "sales", Status.PASSED, "all", "every dataset that went in permits this purpose"),
        ({"research"}, "care", Status.FAILED, "research", "not permitted by visits"),
        (
            set(),
            None,
            Status.FAILED,
            "none",
            "no purpose at all is permitted by visits",
        ),
    ],
)
def test_purpose(
    cases: Any, purposes: set[str], wanted: str | None, status: Status, observed: str, reason: str
) -> None:
    """The target's purpose must be permitted; without one, at least one purpose must be left."""
    dossier = cases.dossier(cases.contribution(purposes=frozenset(purposes)))

    (finding,) = CHECKS["purpose-permitted"].function(cases.case(dossier, purpose=wanted))

    expected = (status, f"purposes permitted: {observed}", reason)
    assert expected == (finding.status, finding.observed, finding.reason)


def test_two_lawful_datasets_may_be_an_unlawful_combination(cases: Any) -> None:
    """Datasets that are each held in one region, and not the same, may not be combined."""
    eu = cases.contribution("visits", regions=frozenset({"eu"}))
    us = cases.contribution("beds", regions=frozenset({"us"}))

    (finding,) = CHECKS["region-permitted"].function(cases.case(cases.dossier(eu, us)))

    assert (
        Finding(
            "region-permitted",
            Status.FAILED,
            "regions permitted: none",
            "at least one region",
            "an unlawful combination: no region is permitted by all of beds, visits",
            'If a label is out of date: governance dataset relabel beds --label LABEL.yaml --reason "…";'
            ' governance dataset relabel visits --label LABEL.yaml --reason "…".'
            " Otherwise train again without beds, visits and register the new version.",
        )
        == finding
    )


def test_only_the_dataset_that_forbids_it_is_blamed(cases: Any) -> None:
    """Where a purpose is wanted, datasets that permit it are not named."""
    both = cases.contribution("visits", purposes=frozenset({"care", "research"}))
    one = cases.contribution("beds", purposes=frozenset({"research"}))

    (finding,) = CHECKS["purpose-permitted"].function(cases.case(cases.dossier(both, one), purpose="care"))

    assert "not permitted by beds" == finding.reason


@pytest.mark.parametrize(
    ("retention", "status", "observed"),
    [
        (date.max, Status.PASSED, "no limit"),
        (date(2026, 3, 1), Status.PASSED, "until 2026-03-01"),
        (date(2026, 2, 28), Status.FAILED, "until 2026-02-28"),
        (date.min, Status.FAILED, "unknown, so taken as ended"),
    ],
)
def test_retention(cases: Any, retention: date, status: Status, observed: str) -> None:
    """On the last day the data may still be held, on the next no more."""
    case = cases.case(cases.dossier(cases.contribution(retention=retention)))

    (finding,) = CHECKS["retention-open"].function(case)

    assert (status, observed) == (finding.status, finding.observed)


def test_retention_is_counted_in_utc(cases: Any) -> None:
    """Just after midnight east of Greenwich it is still the day before in UTC."""
    case = cases.case(cases.dossier(cases.contribution(retention=date(2026, 3, 1))))
    east = datetime(2026, 3, 2, 0, 30, tzinfo=timezone(timedelta(hours=2)))

    (finding,) = CHECKS["retention-open"].function(replace(case, asking=Asking("ada", east)))

    assert (Status.PASSED, "retention open on 2026-03-01") == (finding.status, finding.required)


@pytest.mark.parametrize(
    ("consent", "status"),
    [
        (Consent.NOT_RELIED_ON, Status.PASSED),
        (Consent.VALID, Status.PASSED),
        (Consent.PARTIALLY_WITHDRAWN, Status.FAILED),
        (Consent.INVALID, Status.FAILED),
    ],
)
def test_consent(cases: Any, consent: Consent, status: Status) -> None:
    """Consent withdrawn by some is not valid for the model."""
    (finding,) = CHECKS["consent-valid"].function(
        cases.case(cases.dossier(cases.contribution(consent=consent)))
    )

    expected = (status, "" if status is Status.PASSED else MEND)
    assert expected == (finding.status, finding.remedy)


@pytest.mark.parametrize(
    ("basis", "status"),
    [
        (LegalBasis.DOCUMENTED, Status.PASSED),
        (LegalBasis.UNDER_REVIEW, Status.FAILED),
        (LegalBasis.MISSING, Status.FAILED),
    ],
)
def test_legal_basis(cases: Any, basis: LegalBasis, status: Status) -> None:
    """A legal basis under review is not one."""
    case = cases.case(cases.dossier(cases.contribution(legal_basis=basis)))

    (finding,) = CHECKS["legal-basis-documented"].function(case)

    assert (status, "legal basis documented") == (finding.status, finding.required)


@pytest.mark.parametrize(
    "check",
    ["purpose-permitted", "region-permitted", "retention-open", "consent-valid", "legal-basis-documented"],
)
def test_what_is_unknown_is_missing_not_broken(cases: Any, check: str) -> None:
    """Where only unknown data break a bound, the remedy is to make them known."""
    (finding,) = CHECKS[check].function(cases.case(cases.dossier(cases.contribution(), cases.unknown)))

    assert (Status.MISSING, "governance label models:/m/1") == (finding.status, finding.remedy)
