from __future__ import annotations

from typing import Any

import pytest

from governance.domain.decision import Finding, Status
from governance.policy.checks import CHECKS

NOTE = "(policy threshold chosen by controller)"
ASSESS = "governance assess models:/m/1 --members FILE --non-members FILE --target COLUMN"
TRAIN = "Train again with less over-fitting or with differential privacy and register the new version."


def tpr(case: Any, fpr: float = 0.01, max: float = 0.03) -> tuple[Finding, ...]:
    """What the TPR check of `health` finds."""
    return CHECKS["membership-tpr"].function(case, fpr=fpr, max=max)


def auc(case: Any, max: float = 0.6) -> tuple[Finding, ...]:
    """What the AUC check of `baseline` finds."""
    return CHECKS["membership-auc"].function(case, max=max)


def test_a_private_model_passes(cases: Any) -> None:
    """The measured reference of a DP-SGD MLP at ε = 3 keeps both bounds of `health`."""
    reference = cases.measured(
        auc=0.54,
        tpr_at_fpr=[{"fpr": 0.01, "tpr": 0.014, "low": 0.0105, "high": 0.018, "resolved": True}],
    )
    case = cases.case(cases.dossier(cases.contribution(), evidence=[reference]))

    assert (
        Finding(
            "membership-tpr",
            Status.PASSED,
            "TPR at 1 % FPR 1.4 % (interval 1.05 % to 1.8 %)",
            f"upper bound of TPR at 1 % FPR at most 3 % {NOTE}",
            "even the upper bound keeps the limit",
        ),
        Finding(
            "membership-auc",
            Status.PASSED,
            "AUC 0.525 (interval 0.51 to 0.54)",
            f"upper bound of AUC at most 0.6 {NOTE}",
            "even the upper bound keeps the limit",
        ),
    ) == (*tpr(case), *auc(case))


def test_an_over_fitted_model_fails(cases: Any) -> None:
    """The measured reference of an over-fitted forest breaks both bounds of `health`."""
    reference = cases.measured(
        auc=0.775,
        tpr_at_fpr=[{"fpr": 0.01, "tpr": 0.052, "low": 0.045, "high": 0.059, "resolved": True}],
        verdict="leak shown",
    )
    case = cases.case(cases.dossier(cases.contribution(), evidence=[reference]))

    assert (
        Finding(
            "membership-tpr",
            Status.FAILED,
            "TPR at 1 % FPR 5.2 % (interval 4.5 % to 5.9 %)",
            f"upper bound of TPR at 1 % FPR at most 3 % {NOTE}",
            "it can be told too well whether a record was used for training",
            TRAIN,
        ),
        Finding(
            "membership-auc",
            Status.FAILED,
            "AUC 0.76 (interval 0.745 to 0.775)",
            f"upper bound of AUC at most 0.6 {NOTE}",
            "it can be told too well whether a record was used for training",
            TRAIN,
        ),
    ) == (*tpr(case), *auc(case))


def test_the_upper_bound_is_what_counts(cases: Any) -> None:
    """A point below the limit fails when its interval reaches above, and asks for more records."""
    case = cases.case(cases.dossier(cases.contribution(), evidence=[cases.measured(0.0301)]))

    (finding,) = tpr(case)

    expected = (
        Status.FAILED,
        "the upper bound breaks the limit; more records would make the interval narrower",
        ASSESS,
    )
    assert expected == (finding.status, finding.reason, finding.remedy)


@pytest.mark.parametrize(
    ("n", "fpr", "status", "reason"),
    [
        (1_000, 0.01, Status.PASSED, "even the upper bound keeps the limit"),
        (999, 0.01, Status.MISSING, "too few records for this FPR: has 999, needs 1,000"),
        (4_000, 0.001, Status.MISSING, "too few records for this FPR: has 4,000, needs 10,000"),
        (10_000, 0.001, Status.PASSED, "even the upper bound keeps the limit"),
        (10_000, 0.02, Status.MISSING, "not measured at 2 % FPR"),
    ],
)
def test_resolution(cases: Any, n: int, fpr: float, status: Status, reason: str) -> None:
    """A false-positive rate needs ten false positives, hence 10 / FPR non-members."""
    (finding,) = tpr(cases.case(cases.dossier(cases.contribution(), evidence=[cases.measured(n=n)])), fpr=fpr)

    assert (status, reason) == (finding.status, finding.reason)


def test_a_rate_that_its_producer_calls_unresolved_does_not_count(cases: Any) -> None:
    """The count of records is necessary; the producer's own doubt is respected too."""
    doubtful = cases.measured(
        tpr_at_fpr=[{"fpr": 0.01, "tpr": 0.01, "low": 0.0, "high": 0.02, "resolved": False}]
    )

    (finding,) = tpr(cases.case(cases.dossier(cases.contribution(), evidence=[doubtful])))

    assert (Status.MISSING, "the measurement does not resolve this") == (finding.status, finding.reason)


def test_too_few_records_can_still_show_a_leak(cases: Any) -> None:
    """A lower bound above the limit fails whatever the number of records, also beside a good measurement."""
    small = cases.measured(0.3, n=200, verdict="leak shown")
    case = cases.case(cases.dossier(cases.contribution(), evidence=[small, cases.measured()]))

    assert [Status.FAILED] == [finding.status for finding in tpr(case)]


@pytest.mark.parametrize("order", [1, -1])
def test_the_worst_measurement_counts(cases: Any, order: int) -> None:
    """A later, kinder measurement does not hide an earlier one."""
    both = [cases.measured(0.018, auc=0.53), cases.measured(0.05, auc=0.7)][::order]
    case = cases.case(cases.dossier(cases.contribution(), evidence=both))

    observed = [finding.observed for finding in (*tpr(case), *auc(case))]

    assert ["TPR at 1 % FPR 4.5 % (interval 4 % to 5 %)", "AUC 0.685 (interval 0.67 to 0.7)"] == observed


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"verdict": "undecided"}, "the measurement came to no verdict; its controls say why"),
        ({"confidence": 0.9}, "the interval has 90 % confidence, expected at least 95 %"),
    ],
)
def test_an_inconclusive_measurement_is_missing(cases: Any, body: dict[str, Any], reason: str) -> None:
    """A void control or a narrow interval makes good numbers worth nothing."""
    case = cases.case(cases.dossier(cases.contribution(), evidence=[cases.measured(**body)]))

    findings = (*tpr(case), *auc(case))

    assert [(Status.MISSING, reason)] * 2 == [(f.status, f.reason) for f in findings]


def test_a_void_measurement_does_not_stand_in_the_way_for_ever(cases: Any) -> None:
    """A leak seen where members and non-members differ anyway is no leak: a sound measurement replaces it."""
    void = cases.measured(0.5, auc=0.9, verdict="undecided")
    case = cases.case(cases.dossier(cases.contribution(), evidence=[void, cases.measured()]))

    assert [Status.PASSED] * 2 == [finding.status for finding in (*tpr(case), *auc(case))]


def test_no_measurement_says_what_was_not_counted(cases: Any) -> None:
    """Old evidence and evidence about other bytes are named, and do not count."""
    dossier = cases.dossier(
        cases.contribution(), evidence=[cases.measured(days=366)], stray=[cases.measured(), cases.measured()]
    )

    (finding,) = tpr(cases.case(dossier))

    assert (
        Finding(
            "membership-tpr",
            Status.MISSING,
            "no measurement",
            f"upper bound of TPR at 1 % FPR at most 3 % {NOTE}",
            "membership inference was not measured on these bytes; not counted:"
            " 1 too old, 2 about other bytes",
            ASSESS,
        )
        == finding
    )


GOOD_AUC = {"point": 0.52, "low": 0.5, "high": 0.54}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "the body is not a mapping"),
        ({}, "verdict is None, expected one of leak shown, none shown, undecided"),
        (
            {"verdict": ["none shown"]},
            "verdict is ['none shown'], expected one of leak shown, none shown, undecided",
        ),
        ({"verdict": "none shown"}, "n_non_members is None, expected a positive whole number"),
        (
            {"verdict": "none shown", "n_non_members": True},
            "n_non_members is True, expected a positive whole number",
        ),
        ({"verdict": "none shown", "n_non_members": 9}, "tpr_at_fpr is not a list"),
        (
            {"verdict": "none shown", "n_non_members": 9, "tpr_at_fpr": [], "confidence": "high"},
            "confidence is 'high', expected a number in [0, 1]",
        ),
        (
            {"verdict": "none shown", "n_non_members": 9, "tpr_at_fpr": [], "confidence": 0.95, "auc": 0.5},
            "auc is not a mapping with point, low and high",
        ),
        (
            {
                "verdict": "none shown",
                "n_non_members": 9,
                "tpr_at_fpr": [],
                "confidence": 0.95,
                "auc": {"point": 0.9, "low": 0.5, "high": 0.54},
            },
            "auc 0.9 is not between its bounds 0.5 and 0.54",
        ),
        (
            {
                "verdict": "none shown",
                "n_non_members": 9,
                "tpr_at_fpr": [{"fpr": 0.01, "tpr": 0.01, "low": 0.0, "high": float("nan")}],
                "confidence": 0.95,
                "auc": GOOD_AUC,
            },
            "tpr_at_fpr.high is nan, expected a number in [0, 1]",
        ),
        (
            {
                "verdict": "none shown",
                "n_non_members": 9,
                "tpr_at_fpr": ["0.01"],
                "confidence": 0.95,
                "auc": GOOD_AUC,
            },
            "tpr_at_fpr is not a mapping with tpr, low and high",
        ),
    ],
)
def test_a_malformed_body_leaves_it_undecided(cases: Any, body: Any, reason: str) -> None:
    """Evidence that cannot be read is told with its flaw; it neither passes nor crashes."""
    case = cases.case(cases.dossier(cases.contribution(), evidence=[cases.evidence(body)]))

    findings = (*tpr(case), *auc(case))

    expected = [(Status.UNDECIDED, f"the evidence cannot be read: {reason}")] * 2
    assert expected == [(f.status, f.reason) for f in findings]


def test_a_malformed_body_does_not_hide_a_leak(cases: Any) -> None:
    """Beside unreadable evidence, readable evidence still counts."""
    case = cases.case(cases.dossier(cases.contribution(), evidence=[cases.evidence({}), cases.measured(0.2)]))

    assert [Status.UNDECIDED, Status.FAILED] == [finding.status for finding in tpr(case)]
