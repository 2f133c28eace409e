"""What holds for every attack on membership: no alarm without a leak, none from ties, and power with one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, mannwhitneyu

from governance.errors import UsageError
from governance.privacy.attacks.catalogue import ATTACKS, SUMMED, headline
from governance.privacy.attacks.interface import Observations
from governance.privacy.scoring import auc, tpr_at_fpr

WORLDS = 100
LEVEL = 0.05
ALLOWED = int(binom.ppf(0.999, WORLDS, LEVEL))
"""Alarms that a test of this level raises in no more than one of a thousand rounds."""

REAL = 40
"""Worlds with models really trained."""

NAMES = sorted(ATTACKS)


def alarm(values: Any, members: Any) -> bool:
    """A one-sided rank test: exact where nothing leaks but for ties, and far sharper than our own bounds."""
    if len(set(values.tolist())) == 1:
        return False
    return bool(mannwhitneyu(values[members], values[~members], alternative="greater").pvalue <= LEVEL)


@pytest.mark.slow
@pytest.mark.parametrize("digits", [None, 0], ids=["continuous", "tied"])
@pytest.mark.parametrize("name", NAMES)
def test_no_leak_raises_no_alarm(name: str, digits: int | None, simulate: Any) -> None:
    """A target that memorised nothing, among shadows that did: alarms as seldom as the test says."""
    worlds = (simulate([17, seed], 0.0, n=200, digits=digits) for seed in range(WORLDS))

    alarms = sum(alarm(ATTACKS[name].score(world.observed).values, world.members) for world in worlds)

    assert alarms <= ALLOWED


@pytest.mark.slow
def test_a_model_trained_on_other_records_raises_no_alarm(halves: Any) -> None:
    """Real trees, the target trained on neither half: alarms as seldom as the test says."""
    from sklearn.tree import DecisionTreeClassifier

    def signal(X: Any, y: Any, rows: Any, seed: int) -> Any:
        tree = DecisionTreeClassifier(min_samples_leaf=3, random_state=seed).fit(X[rows], y[rows])
        return np.log(np.clip(tree.predict_proba(X[:200])[np.arange(200), y[:200]], 1e-6, 1 - 1e-6))

    alarms = dict.fromkeys(NAMES, 0)
    for seed in range(REAL):
        random = np.random.default_rng([23, seed])
        X = random.normal(size=(300, 4))
        y = (X[:, 0] + random.normal(size=300) > 0).astype(int)
        members, inside = halves(random, 2, 200)[0], halves(random, 4, 200)
        shadows = np.stack([signal(X, y, np.flatnonzero(rows), k) for k, rows in enumerate(inside)])
        observed = Observations(signal(X, y, np.arange(200, 300), 9), shadows, inside)
        for name, attack in ATTACKS.items():
            alarms[name] += alarm(attack.score(observed).values, members)

    assert {} == {name: count for name, count in alarms.items() if count > binom.ppf(0.999, REAL, LEVEL)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.5, 1e-6, 1 - 1e-6])
def test_constant_signals_tie_exactly(name: str, level: float, simulate: Any) -> None:
    """Models that say the same of everybody tell nobody apart: AUC is one half to the last bit."""
    world = simulate(3, 1.0)
    shadows = np.full_like(world.observed.shadows, np.log(level))
    observed = replace(world.observed, target=shadows[0].copy(), shadows=shadows)

    assert 0.5 == auc(*world.sides(ATTACKS[name].score(observed).values)).point


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("log-ratio", "lira"))])
def test_constant_signals_tie_in_any_plan(name: str) -> None:
    """Nor does it matter by how many shadows a record was seen; a Student-t is wider where they are few."""
    inside = np.random.default_rng(3).random((12, 300)) < 0.3
    inside[:2] = [[True], [False]]
    observed = Observations(np.full(300, np.log(0.7)), np.full(inside.shape, np.log(0.7)), inside)

    assert 1 == len(set(ATTACKS[name].score(observed).values.tolist()))


LEAST = {
    "log-ratio-online": 0.88,
    "log-ratio-offline": 0.88,
    "blend-online": 0.88,
    "lira-online": 0.77,
    "lira-offline": 0.8,
    "student-t-online": 0.75,
    "student-t-offline": 0.75,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_forest_is_found_out(name: str, forest: Any) -> None:
    """Fully grown trees tell their members, and with shadows far more than without, at low FPR above all."""
    members, others = forest.sides(ATTACKS[name].score(forest.observed).values)

    if name == "population":
        assert auc(members, others).low > 0.5
    else:
        assert auc(members, others).point > LEAST[name]
        assert tpr_at_fpr(members, others, 0.05).tpr.point > 0.2


@pytest.mark.parametrize("name", NAMES)
def test_a_model_out_of_line_with_its_shadows_is_scored_all_the_same(name: str, simulate: Any) -> None:
    """Signals at the very ends, and regressors' densities beyond e^-700, give finite scores."""
    world = simulate(5, 1.0)
    ends = np.where(world.members, np.log1p(-1e-6), np.log(1e-6))

    for observed in (
        replace(world.observed, target=ends),
        replace(world.observed, target=1000 * world.observed.target, shadows=1000 * world.observed.shadows),
    ):
        assert np.isfinite(ATTACKS[name].score(observed).values).all()


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_changes_little(name: str, forest: Any) -> None:
    """Single-precision signals give double-precision scores, in nearly the same order."""
    single = forest.observed
    double = Observations(single.target.astype(np.float64), single.shadows.astype(np.float64), single.inside)

    one, other = (ATTACKS[name].score(observed) for observed in (single, double))

    assert np.float64 == one.values.dtype
    np.testing.assert_allclose(other.values, one.values, rtol=1e-4, atol=1e-4)
    assert (name, ATTACKS[name].threat_model) == (one.attack, one.threat_model)


@pytest.mark.parametrize("name", [name for name in NAMES if ATTACKS[name].needs_shadows])
def test_shadows_are_needed(name: str, forest: Any) -> None:
    """An attack that compares refuses when there is nothing to compare with."""
    with pytest.raises(UsageError, match=f"The {name} attack needs shadow models"):
        ATTACKS[name].score(Observations(forest.observed.target))


def test_the_headline_depends_on_the_number_of_shadows_alone(simulate: Any) -> None:
    """None: population. A pair: log-ratio. More: the blend. None trained on the records: offline."""
    world = simulate(1, 1.0, shadows=8).observed
    plain = Observations(world.target)
    few = {k: Observations(world.target, world.shadows[:k], world.inside[:k]) for k in (2, 4, 8)}
    unseen = Observations(world.target, world.shadows, np.zeros_like(world.inside))

    assert ("population", "log-ratio-offline") == (headline(plain).name, headline(unseen).name)
    assert {2: "log-ratio-online", 4: "blend-online", 8: "blend-online"} == {
        k: headline(one).name for k, one in few.items()
    }
    assert "log-ratio-online" == SUMMED.name


def test_every_attack_is_in_the_reference() -> None:
    """The page names each attack, with what it needs."""
    page = Path(__file__).parents[3] / "docs/reference/attacks/membership.md"
    named = set(
        re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| `.*?\|", page.read_text("utf-8"), re.MULTILINE)))
    )

    beside = {"rmia-online", "rmia-offline", "quantile", "label-gap", "label-boundary"}
    assert {*NAMES, *beside} == named
