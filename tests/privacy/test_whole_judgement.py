from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from governance.privacy import controls, record_risk, slices, twins, verdict
from governance.privacy.attacks.catalogue import ATTACKS
from governance.privacy.attacks.interface import Observations
from governance.privacy.escalation import Escalation, Stop, escalate, plan_looks
from governance.privacy.multiplicity import split
from governance.privacy.plan import pair_plan
from governance.privacy.pool import Pool, features
from governance.privacy.signals import read

SIDE = 500
ATTACKED = ("log-ratio-online", "lira-online")
LIMITS = verdict.Limits(auc=0.65)


@dataclass(frozen=True)
class Found:
    """One look at everything."""

    verdicts: dict[str, verdict.Verdict]
    cut: tuple[slices.Slice, ...]
    checked: controls.Controls

    @property
    def leakage(self) -> verdict.Leakage:
        return verdict.overall(self.verdicts)

    @property
    def below_limits(self) -> bool:
        return all(one.below(LIMITS) for one in self.verdicts.values())


def assess(make: Any, *, trained_on_members: bool) -> Escalation[Found]:
    """The order in which the parts are used: controls, verdicts, slices, at every look."""
    random = np.random.default_rng(8)
    X = random.normal(size=(3 * SIDE, 4))
    y = (X[:, 0] + random.normal(size=len(X)) > 0).astype(int)
    pool = Pool(X[: 2 * SIDE], y[: 2 * SIDE], SIDE, 0, np.arange(2 * SIDE))
    own = slice(0, SIDE) if trained_on_members else slice(2 * SIDE, None)
    target = read(make(0).fit(X[own], y[own]), pool.X, pool.y)
    blind, table = controls.blind_baseline(pool, 1), features(pool)
    half = twins.halve(2 * SIDE, 2)
    grown = twins.overfitted(table[:, :-1], pool.y, half, 3, classes=True)
    cut = [slices.by_column("class", pool.y, SIDE), slices.by_correctness(target.correct)]

    def attempt(shadows: int, confidence: float) -> Found:
        plan = pair_plan(pool.y, shadows, 5)
        trained = [
            read(make(one).fit(pool.X[inside], pool.y[inside]), pool.X, pool.y)
            for one, inside in zip(plan.seeds, plan.inside, strict=True)
        ]
        signals = np.stack([one.likelihood() for one in trained])
        observed = Observations(target.likelihood(), signals, plan.inside)
        right = [one.correct[~inside].mean() for one, inside in zip(trained, plan.inside, strict=True)]
        checked = controls.Controls(
            blind=blind,
            negative=twins.negative_control(observed, SIDE),
            positive=twins.positive_control(observed, grown, half),
            own_kind=twins.own_kind(observed),
            accuracy=controls.AccuracyMatch(float(target.correct[SIDE:].mean()), float(np.mean(right)), SIDE),
            pool_fraction=0.5,
            repeated_records=0,
        )
        whole, parts = split(confidence, slices=True)
        scores = {name: ATTACKS[name].score(observed).values for name in ATTACKED}
        verdicts = verdict.judge(
            {name: pool.split(values) for name, values in scores.items()},
            (0.05,),
            whole,
            able=dict.fromkeys(scores, checked.capable),
            shift_found=checked.shift_found,
        )
        measured = slices.measure_slices(
            scores[ATTACKED[0]], SIDE, cut, (0.05,), parts, shift_found=checked.shift_found
        )
        return Found(verdicts, measured, checked)

    return escalate(attempt, plan_looks(8, (2, 8)), 0.95, clock=lambda: 0.0)


def tree(seed: int) -> Any:
    """Memorises."""
    return DecisionTreeClassifier(max_features=2, min_samples_leaf=2, random_state=seed)


@pytest.mark.slow
def test_a_tree_that_memorises_is_shown_at_the_first_look() -> None:
    """One look is enough, slices agree, and nothing of the controls is missing."""
    found = assess(tree, trained_on_members=True)

    assert (Stop.SHOWN, [2]) == (found.stopped, [look.shadows for look in found.looks])
    assert verdict.Leakage.SHOWN in {part.leakage for part in found.last.found.cut}
    assert () == found.last.found.checked.lacking
    assert found.last.found.checked.own_kind is not None
    assert found.last.found.checked.own_kind.shown


@pytest.mark.slow
def test_a_tree_that_never_saw_them_is_silent_at_stated_power() -> None:
    """Trained on neither side: none shown, below the limit, after an attack that found a planted leak."""
    found = assess(tree, trained_on_members=False)

    last = found.last.found
    assert (Stop.BELOW, verdict.Leakage.NONE_SHOWN) == (found.stopped, last.leakage)
    assert {verdict.Leakage.UNDECIDED} == {part.leakage for part in last.cut}
    assert all(one.detectable_auc <= verdict.DETECTABLE_AUC for one in last.verdicts.values())
    assert (False, True) == (last.checked.shift_found, last.checked.capable)


def test_records_of_a_quiet_model_are_not_identifiable() -> None:
    """The count that goes with such a verdict is none, or a handful by chance."""
    random = np.random.default_rng(0)

    found = record_risk.record_risk(random.normal(0, 1, SIDE), random.normal(0, 1, SIDE))

    assert [0, 0] == [one.records for one in found.identifiable]
