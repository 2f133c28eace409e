from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, mannwhitneyu

from governance.errors import UsageError
from governance.privacy.attacks.catalogue import SUMMED
from governance.privacy.attacks.interface import Observations, Scores
from governance.privacy.attacks.population import Population
from governance.privacy.attacks.subject_level import subject_plan, subject_scores, subjects_of
from governance.privacy.scoring import auc


def test_scores_of_a_person_by_hand() -> None:
    """The sum over the person's records, members first."""
    subjects = subjects_of(["ada", "bo", "ada", "cy", "cy", "di"], 3)
    scores = Scores(np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]), "some", Population.threat_model)

    summed = subject_scores(scores, subjects)

    assert ([5.0, 2.0, 24.0, 32.0], "subject-some") == (summed.values.tolist(), summed.attack)
    assert (2, 4) == (subjects.n_members, subjects.n)


def test_a_person_on_both_sides_is_no_control() -> None:
    """Whoever has a record in the training data is a member with all records."""
    with pytest.raises(UsageError, match="1 subjects have records among the members and"):
        subjects_of(["ada", "bo", "ada"], 2)


@pytest.mark.parametrize(
    ("keys", "n_members"), [(["a", None], 1), (["a", "b"], 0), (["a", "b"], 2), ([1], 1)]
)
def test_every_record_is_somebody_s(keys: Any, n_members: int) -> None:
    """Missing keys and sides without records are refused."""
    with pytest.raises(UsageError, match="one key a record"):
        subjects_of(keys, n_members)


def test_scores_of_other_records_are_refused() -> None:
    """One score a record."""
    with pytest.raises(UsageError, match="1 scores for 2 records"):
        subject_scores(Scores(np.zeros(1), "some", Population.threat_model), subjects_of(["a", "b"], 1))


def test_a_shadow_holds_a_person_wholly_or_not_at_all() -> None:
    """The plan is in complementary halves of persons."""
    keys = np.random.default_rng(1).integers(0, 40, 300)
    keys = np.concatenate([keys, keys + 40])
    subjects = subjects_of(keys, 300)

    plan = subject_plan(subjects, 4, seed=1)

    for row in plan.inside:
        held = np.bincount(subjects.of_record[row], minlength=subjects.n)
        assert set((held / np.bincount(subjects.of_record)).tolist()) == {0.0, 1.0}
        assert subjects.n // 2 == np.count_nonzero(held)
    np.testing.assert_array_equal(plan.inside[0], ~plan.inside[1])
    assert 4 == len(plan.seeds)


def world(seed: Any, leak: float, persons: int) -> tuple[Observations, Any]:
    """One to nine records a person; models are a little surer of each record of whom they know."""
    random = np.random.default_rng(seed)
    keys = np.repeat(np.arange(persons), random.integers(1, 10, persons))
    n_members = int(np.count_nonzero(keys < persons // 2))
    subjects = subjects_of(keys, n_members)
    inside = subject_plan(subjects, 2, 1).inside
    difficulty = random.normal(0, 2, len(keys))

    def signal(trained: Any, gain: float) -> Any:
        return -np.log1p(np.exp(-(difficulty + gain * trained + random.normal(0, 1, trained.shape))))

    members = np.arange(len(keys)) < n_members
    return Observations(signal(members, leak), signal(inside, 1.0), inside), subjects


def test_many_small_hints_make_a_large_one() -> None:
    """Persons are told apart where their single records hardly are."""
    observed, subjects = world(1, 0.7, 1000)
    scores = SUMMED.score(observed)
    members = subjects.of_record < subjects.n_members
    summed = subject_scores(scores, subjects).values

    of_record = auc(scores.values[members], scores.values[~members])
    of_person = auc(summed[: subjects.n_members], summed[subjects.n_members :])

    assert of_record.high < of_person.low


def test_no_leak_raises_no_alarm() -> None:
    """However many records persons have, without a leak a rank test alarms in its nominal share of worlds."""
    alarms = 0
    for seed in range(200):
        observed, subjects = world([2, seed], 0.0, 100)
        summed = subject_scores(SUMMED.score(observed), subjects).values
        sides = summed[: subjects.n_members], summed[subjects.n_members :]
        alarms += mannwhitneyu(*sides, alternative="greater").pvalue <= 0.05

    assert alarms <= binom.ppf(0.999, 200, 0.05)
