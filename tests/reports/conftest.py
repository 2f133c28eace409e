"""The reports of the versions in `cases` and `exceptional`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from governance.domain.dossier import Dossier
from governance.reports.gather import ReportFacts

from .cases import NOW, allowed_case, denied_case
from .exceptional import Room, emergency


@pytest.fixture(scope="session")
def denied() -> ReportFacts:
    """The denied forest's report."""
    return denied_case().facts()


@pytest.fixture(scope="session")
def allowed() -> ReportFacts:
    """The allowed DP model's report."""
    return allowed_case().facts()


@pytest.fixture(scope="session")
def urgent() -> Room:
    """The room in which people made an exception."""
    return emergency()


@pytest.fixture(scope="session")
def excepted(urgent: Room) -> ReportFacts:
    """The report of a version in service by exception."""
    return urgent.facts(NOW)


@pytest.fixture(scope="session")
def ended(urgent: Room) -> ReportFacts:
    """The same a day later, when nobody may let everything pass any more."""
    return urgent.facts(NOW + timedelta(days=1))


@pytest.fixture
def allowed_with() -> Callable[[Callable[[Dossier], Dossier]], ReportFacts]:
    """The allowed model's report with its dossier changed."""
    case = allowed_case()
    return lambda change: replace(case, dossier=change(case.dossier)).facts()


@pytest.fixture
def denied_now() -> Callable[..., ReportFacts]:
    """The denied forest's report, with a decision made for it alone and changed as asked."""
    case = denied_case()
    return lambda **changes: replace(case, decision=replace(case.decision, at=NOW, **changes)).facts()


@pytest.fixture
def tampered() -> ReportFacts:
    """The allowed model's report over a log of which somebody changed the second entry."""
    case = allowed_case()
    log = case.archive._state.audit
    log[1] = replace(log[1], actor="nobody")
    return case.facts()
