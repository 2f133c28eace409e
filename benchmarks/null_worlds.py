"""Worlds about which the truth is known, and how often each statement about them is false."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from governance.privacy import record_risk, scoring, slices, verdict
from governance.privacy.multiplicity import benjamini_hochberg

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, Floats, int], Floats]
"""(random, shift (n,), n) → (n,) scores."""

CONFIDENCE = 0.95
ONE_SIDED, BOTH = 0.025, 0.05
SILENT = round(1 - verdict.POWER, 6)
MEMBERS, NON_MEMBERS = 150, 400
FPR = 0.05

Errors = Mapping[str, float]
"""By statement: 1 where it was false in this world, 0 where it held; between them for a share."""


@dataclass(frozen=True, slots=True)
class Study:
    """One kind of world, and the statements made about it with the rate at which each may be false."""

    world: str
    nominal: Mapping[str, float]
    one: Callable[[np.random.Generator], Errors]


SHOWN = "leak shown, one attack"
ANY = "leak shown, any of five attacks"
SLICE = "leak shown, any of 14 slices"
AUC_LOW, AUC_HIGH = "AUC below its lower end", "AUC above its upper end"
TPR_LOW, TPR_HIGH = "TPR at FPR 5 % below its lower end", "TPR at FPR 5 % above its upper end"
SLICES_MISS = "any end of any slice misses"
RECORDS = "any record identifiable at q = 5 %"
RECORD = "one record's p-value at most 5 %"
LOOKS = "any end at any of four looks misses"
LOOKS_SHOWN = "leak shown at any of four looks"
MISSED = "a leak as large as stated not shown"
FALSE_DISCOVERIES = "share of unexposed among identifiable, q = 10 %"


def continuous(random: np.random.Generator, shift: Floats, n: int) -> Floats:
    """Normal scores."""
    return random.normal(shift, 1, n)


def levels(count: int) -> Draw:
    """Normal scores rounded to so many levels."""

    def draw(random: np.random.Generator, shift: Floats, n: int) -> Floats:
        return np.digitize(random.normal(shift, 1, n), np.linspace(-2, 2, count - 1)).astype(np.float64)

    return draw


def constant(random: np.random.Generator, shift: Floats, n: int) -> Floats:  # noqa: ARG001  a Draw
    """The same score for everybody."""
    return np.full(n, 0.1)


def null_scores(draw: Draw) -> Callable[[np.random.Generator], Errors]:
    """Members and non-members scored alike."""

    def one(random: np.random.Generator) -> Errors:
        n = MEMBERS + NON_MEMBERS
        common = draw(random, np.zeros(n), n)
        # Five attacks that mostly agree, as attacks on one target do.
        attacks = {
            f"attack {i}": np.where(random.random(n) < 0.7, common, draw(random, np.zeros(n), n))
            for i in range(5)
        }
        members, non_members = common[:MEMBERS], common[MEMBERS:]
        judged = verdict.judge(
            {name: (values[:MEMBERS], values[MEMBERS:]) for name, values in attacks.items()},
            (FPR,),
            CONFIDENCE,
            able={},
        )
        cut = slices.measure_slices(common, MEMBERS, _slicings(random, n), (FPR,), CONFIDENCE)
        ends = [(part.auc, 0.5) for part in cut if part.auc is not None]
        ends += [(rate.tpr, rate.fpr) for part in cut for rate in part.tpr_at_fpr]
        risk = record_risk.record_risk(members, non_members, (0.05,))
        p = record_risk.record_p_values(members, non_members)
        return {
            SHOWN: verdict.leak_shown(members, non_members, (FPR,), CONFIDENCE),
            ANY: any(one.leakage is verdict.Leakage.SHOWN for one in judged.values()),
            SLICE: any(part.leakage is verdict.Leakage.SHOWN for part in cut),
            SLICES_MISS: any(not end.low <= truth <= end.high for end, truth in ends),
            RECORDS: risk.identifiable[0].records > 0,
            RECORD: bool(p[0] <= 0.05),
            **_ends(members, non_members, 0.5, FPR),
        }

    return one


def leaking_scores(shift: float) -> Callable[[np.random.Generator], Errors]:
    """Members' scores higher by so many standard deviations: AUC and TPR are known."""

    def one(random: np.random.Generator) -> Errors:
        members, non_members = random.normal(shift, 1, MEMBERS), random.normal(0, 1, NON_MEMBERS)
        return _ends(
            members, non_members, float(norm.cdf(shift / np.sqrt(2))), float(norm.sf(norm.isf(FPR) - shift))
        )

    return one


def leaking_slices(random: np.random.Generator) -> Errors:
    """Every slice leaks differently: do all intervals hold at once?"""
    shifts = np.array([0.0, 0.3, 0.8, 2.0, 3.0])
    codes = np.concatenate([np.arange(600) % 5, np.arange(2000) % 5])
    scores = np.concatenate([random.normal(shifts[codes[:600]], 1), random.normal(0, 1, 2000)])
    slicing = slices.Slicing("group", codes, tuple("abcde"))
    cut = slices.measure_slices(scores, 600, [slicing], (FPR,), CONFIDENCE)
    truths = norm.cdf(shifts / np.sqrt(2)), norm.sf(norm.isf(FPR) - shifts)
    ends = [(part.auc, truth) for part, truth in zip(cut, truths[0], strict=True)]
    ends += [(part.tpr_at_fpr[0].tpr, truth) for part, truth in zip(cut, truths[1], strict=True)]
    return {SLICES_MISS: any(end is None or not end.low <= truth <= end.high for end, truth in ends)}


def stated_power(draw: Draw) -> Callable[[np.random.Generator], Errors]:
    """A leak exactly as large as `detectable_auc`."""
    auc = verdict.detectable_auc(MEMBERS, NON_MEMBERS, 1, CONFIDENCE)
    shift = float(np.sqrt(2) * norm.ppf(auc))

    def one(random: np.random.Generator) -> Errors:
        members = draw(random, np.full(MEMBERS, shift), MEMBERS)
        non_members = draw(random, np.zeros(NON_MEMBERS), NON_MEMBERS)
        return {MISSED: not verdict.leak_shown(members, non_members, (FPR,), CONFIDENCE)}

    return one


def exposed_records(random: np.random.Generator) -> Errors:
    """Three members in ten exposed, the others treated as non-members are."""
    exposed = np.arange(400) < 120
    members, non_members = random.normal(4.0 * exposed, 1), random.normal(0, 1, 1000)
    found = benjamini_hochberg(record_risk.record_p_values(members, non_members), 0.1)
    return {FALSE_DISCOVERIES: float(found[~exposed].sum() / max(found.sum(), 1))}


def looks(shifts: tuple[float, ...]) -> Callable[[np.random.Generator], Errors]:
    """Four looks at the same records, each with its own attack's power and half of the chance in common."""
    from governance.privacy.escalation import plan_looks
    from governance.privacy.multiplicity import part

    steps = plan_looks()

    def one(random: np.random.Generator) -> Errors:
        shared = random.normal(0, 1, MEMBERS), random.normal(0, 1, NON_MEMBERS)
        missed = shown = False
        for step, shift in zip(steps, shifts, strict=True):
            own = random.normal(0, 1, MEMBERS), random.normal(0, 1, NON_MEMBERS)
            inside, outside = (np.sqrt(0.5) * (a + b) for a, b in zip(shared, own, strict=True))
            level = part(CONFIDENCE, step.share)
            found = verdict.judge({"attack": (inside + shift, outside)}, (FPR,), level, able={})["attack"]
            shown |= found.leakage is verdict.Leakage.SHOWN
            ends = (
                (found.auc, norm.cdf(shift / np.sqrt(2))),
                (found.tpr_at_fpr[0].tpr, norm.sf(norm.isf(FPR) - shift)),
            )
            missed |= any(not end.low <= truth <= end.high for end, truth in ends)
        return {LOOKS: missed} | ({} if any(shifts) else {LOOKS_SHOWN: shown})

    return one


def _ends(members: Floats, non_members: Floats, area: float, rate: float) -> dict[str, float]:
    """Which ends miss the truth, each by itself."""
    auc = scoring.auc(members, non_members, CONFIDENCE)
    tpr = scoring.tpr_at_fpr(members, non_members, FPR, CONFIDENCE).tpr
    return {
        AUC_LOW: area < auc.low,
        AUC_HIGH: area > auc.high,
        TPR_LOW: rate < tpr.low,
        TPR_HIGH: rate > tpr.high,
    }


def _slicings(random: np.random.Generator, n: int) -> list[slices.Slicing]:
    """Four classes and ten deciles that have nothing to do with scores or membership."""
    classes = slices.by_column("class", random.integers(0, 4, n), MEMBERS)
    deciles = slices.deciles(random.normal(0, 1, n))
    return [classes, deciles]


_ENDS: dict[str, float] = dict.fromkeys((AUC_LOW, AUC_HIGH, TPR_LOW, TPR_HIGH), ONE_SIDED)
_NULL = {
    SHOWN: ONE_SIDED,
    ANY: ONE_SIDED,
    SLICE: ONE_SIDED,
    SLICES_MISS: BOTH,
    RECORDS: 0.05,
    RECORD: 0.05,
    **_ENDS,
}

SCORE_STUDIES = (
    Study("alike, continuous scores", _NULL, null_scores(continuous)),
    Study("alike, 12 levels", _NULL, null_scores(levels(12))),
    Study("alike, 2 levels", _NULL, null_scores(levels(2))),
    Study("alike, one constant score", _NULL, null_scores(constant)),
    Study("alike, looked at four times", {LOOKS: BOTH, LOOKS_SHOWN: ONE_SIDED}, looks((0, 0, 0, 0))),
    Study("leak grows from look to look", {LOOKS: BOTH}, looks((0.3, 0.8, 1.0, 1.2))),
    Study("leak of AUC 0.76", _ENDS, leaking_scores(1.0)),
    Study("leak of AUC 0.98", _ENDS, leaking_scores(3.0)),
    Study("five slices, five leaks", {SLICES_MISS: BOTH}, leaking_slices),
    Study("leak of the detectable AUC", {MISSED: SILENT}, stated_power(continuous)),
    Study("the same, 12 levels", {MISSED: SILENT}, stated_power(levels(12))),
    Study("3 of 10 members exposed", {FALSE_DISCOVERIES: 0.1}, exposed_records),
)
