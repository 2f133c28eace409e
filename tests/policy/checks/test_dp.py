from __future__ import annotations

from typing import Any

import pytest

from governance.domain.decision import Finding, Status
from governance.domain.label import Identifiability
from governance.domain.mechanism import Sampling
from governance.policy.checks import CHECKS

NOTE = "(policy threshold chosen by controller)"
BOUND = f"ε at most 3 at δ at most 1e-05 {NOTE}"
TRAIN = "Train again with differential privacy over visits and register the new version."


def epsilon(case: Any, max: float = 3.0, delta_max: float = 1e-5) -> tuple[Finding, ...]:
    """What the check of `health` finds."""
    return CHECKS["dp-epsilon"].function(case, max=max, delta_max=delta_max)


def test_a_covered_dataset_passes(cases: Any) -> None:
    """ε, δ, unit and accountant stand in what was observed."""
    dossier = cases.dossier(cases.contribution(), protected=[cases.protected(2.9)])

    assert (
        Finding(
            "dp-epsilon",
            Status.PASSED,
            "visits: ε 2.9 at δ 1e-05 per person (PLD)",
            BOUND,
            "ε 2.9 and δ 1e-05 keep the bound",
        ),
    ) == epsilon(cases.case(dossier))


@pytest.mark.parametrize(
    ("protected", "status", "reason"),
    [
        ({"epsilon": 3.0001}, Status.FAILED, "ε 3.0001 and δ 1e-05 break the bound"),
        ({"epsilon": float("nan")}, Status.FAILED, "ε nan and δ 1e-05 break the bound"),
        ({"epsilon": float("inf")}, Status.FAILED, "ε inf and δ 1e-05 break the bound"),
        ({"delta": 2e-5}, Status.FAILED, "ε 2.9 and δ 2e-05 break the bound"),
        ({"unknown": "no accountant knows it"}, Status.MISSING, "ε is unknown: no accountant knows it"),
        (
            {"sampling": Sampling.SHUFFLED},
            Status.FAILED,
            "batches were shuffled, and amplification by sampling holds for Poisson only",
        ),
        (
            {"n_units": 100_000},
            Status.FAILED,
            "δ 1e-05 is not below 1/100000: giving away one whole person would be allowed",
        ),
        (
            {"datasets": ("beds",)},
            Status.MISSING,
            "no evidence about these bytes records a DP training over visits",
        ),
    ],
)
def test_what_does_not_count(cases: Any, protected: dict[str, Any], status: Status, reason: str) -> None:
    """A loose, unknown or unsound guarantee, or one over other data, denies."""
    dossier = cases.dossier(cases.contribution(), protected=[cases.protected(**protected)])

    (finding,) = epsilon(cases.case(dossier))

    assert (status, reason, TRAIN) == (finding.status, finding.reason, finding.remedy)


def test_a_record_as_unit_is_said(cases: Any) -> None:
    """If one unit is not one person, the observed ε says that it is larger per person."""
    record = cases.protected(2.9, unit="record", unit_is_data_subject=False)

    (finding,) = epsilon(cases.case(cases.dossier(cases.contribution(), protected=[record])))

    expected = (
        "visits: ε 2.9 at δ 1e-05 per record, which is not one data subject: ε per person is larger (PLD)"
    )
    assert (Status.PASSED, expected) == (finding.status, finding.observed)


def test_every_personal_dataset_must_be_covered(cases: Any) -> None:
    """Pseudonymised data are personal; data that were never personal need no protection."""
    dossier = cases.dossier(
        cases.contribution("visits"),
        cases.contribution("beds", identifiability=Identifiability.PSEUDONYMISED),
        cases.contribution("weather", identifiability=Identifiability.NON_PERSONAL),
        protected=[cases.protected()],
    )

    findings = epsilon(cases.case(dossier))

    expected = [
        ("beds: no DP training covers it", Status.MISSING),
        ("visits: ε 2.9 at δ 1e-05 per person (PLD)", Status.PASSED),
    ]
    assert expected == [(f.observed, f.status) for f in findings]


def test_trainings_over_one_dataset_add_up(cases: Any) -> None:
    """Two trainings compose; the same training recorded twice is one."""
    first, second = cases.protected(2.0, delta=4e-6), cases.protected(1.5, delta=4e-6, key="k2")

    (once,) = epsilon(cases.case(cases.dossier(cases.contribution(), protected=[first, first])))
    (both,) = epsilon(cases.case(cases.dossier(cases.contribution(), protected=[first, second])))

    expected = ("ε 2 and δ 4e-06 keep the bound", "ε 3.5 and δ 8e-06 together break the bound")
    assert expected == (once.reason, both.reason)


def test_a_flaw_in_one_training_spoils_the_sum(cases: Any) -> None:
    """A second, unsound training over the same data has given away whatever the first one kept."""
    unsound = cases.protected(0.1, key="k2", sampling=Sampling.SHUFFLED)
    dossier = cases.dossier(cases.contribution(), protected=[cases.protected(1.0), unsound])

    assert [Status.FAILED] == [finding.status for finding in epsilon(cases.case(dossier))]


def test_no_personal_data_need_no_dp(cases: Any) -> None:
    """A model of data about nobody passes without a training record."""
    weather = cases.contribution("weather", identifiability=Identifiability.NON_PERSONAL)

    (finding,) = epsilon(cases.case(cases.dossier(weather)))

    assert (Status.PASSED, "no personal dataset") == (finding.status, finding.observed)


def test_unknown_data_cannot_be_covered(cases: Any) -> None:
    """Not even by a training record that calls its dataset so."""
    impostor = cases.protected(datasets=("visits", "unknown data", "*"))
    dossier = cases.dossier(cases.contribution(), cases.unknown, protected=[impostor])

    findings = epsilon(cases.case(dossier))

    expected = [
        ("unknown data: no DP training covers it", Status.MISSING, "governance label models:/m/1"),
        ("visits: ε 2.9 at δ 1e-05 per person (PLD)", Status.PASSED, ""),
    ]
    assert expected == [(f.observed, f.status, f.remedy) for f in findings]


@pytest.mark.parametrize(
    ("via", "status"),
    [("fine_tuned_from models:/base/1", Status.MISSING), ("", Status.PASSED)],
)
def test_what_a_parent_learnt_is_not_covered(cases: Any, via: str, status: Status) -> None:
    """DP fine-tuning does not undo what the parent had learnt; a copy, which is no parent, is covered."""
    dossier = cases.dossier(cases.contribution(via=via), protected=[cases.protected()])

    assert [status] == [finding.status for finding in epsilon(cases.case(dossier))]


def test_what_was_read_again_is_not_covered_either(cases: Any) -> None:
    """A dataset that both the parent and the DP training read was learnt once without protection."""
    both = [cases.contribution(), cases.contribution(via="base_model models:/base/1")]
    dossier = cases.dossier(*both, protected=[cases.protected()])

    assert [Status.MISSING] == [finding.status for finding in epsilon(cases.case(dossier))]


def test_a_parent_without_personal_data_is_harmless(cases: Any) -> None:
    """DP fine-tuning of a public model covers all the personal data there are."""
    public = cases.contribution(
        "web",
        via="fine_tuned_from models:/base/1",
        identifiability=Identifiability.NON_PERSONAL,
    )
    dossier = cases.dossier(cases.contribution(), public, protected=[cases.protected()])

    assert [Status.PASSED] == [finding.status for finding in epsilon(cases.case(dossier))]


@pytest.mark.parametrize(
    ("training", "status", "reason"),
    [
        ({}, Status.PASSED, "ε speaks of all that one person contributed"),
        (
            {"unit": "visit", "unit_is_data_subject": False},
            Status.FAILED,
            "one person may have several units (visit): ε per person is larger",
        ),
        (
            {"unit": "visit", "unit_is_data_subject": False, "max_records_per_subject": 12},
            Status.FAILED,
            "one person may have several units (visit), up to 12: ε per person is larger",
        ),
    ],
)
def test_unit(cases: Any, training: dict[str, Any], status: Status, reason: str) -> None:
    """The unit of privacy is compared with the data subject."""
    dossier = cases.dossier(cases.contribution(), protected=[cases.protected(**training)])

    (finding,) = CHECKS["dp-unit"].function(cases.case(dossier), data_subject=True)

    assert (status, reason) == (finding.status, finding.reason)


def test_no_training_has_no_unit(cases: Any) -> None:
    """Without a DP training the unit is missing, not right."""
    (finding,) = CHECKS["dp-unit"].function(
        cases.case(cases.dossier(cases.contribution())), data_subject=True
    )

    assert (Status.MISSING, "visits: no DP training covers it") == (finding.status, finding.observed)


@pytest.mark.parametrize(
    ("spent", "status"), [(4.0, Status.PASSED), (4.01, Status.FAILED), (float("nan"), Status.FAILED)]
)
def test_budget(cases: Any, spent: float, status: Status) -> None:
    """A budget may be used up, not overdrawn; an ε that is no number is overdrawn."""
    case = cases.case(cases.dossier(cases.contribution(), accounts=[cases.account(spent)]))

    (finding,) = CHECKS["dp-budget"].function(case, required=False)

    expected = (status, f"visits: ε {spent:.6g} spent per person", f"visits: ε at most 4 at δ 1e-05 {NOTE}")
    assert expected == (finding.status, finding.observed, finding.required)


@pytest.mark.parametrize(("required", "status"), [(False, Status.PASSED), (True, Status.MISSING)])
def test_no_budget(cases: Any, required: bool, status: Status) -> None:
    """Whether a personal dataset without a budget is let through is the policy's word."""
    (finding,) = CHECKS["dp-budget"].function(
        cases.case(cases.dossier(cases.contribution())), required=required
    )

    assert status is finding.status
