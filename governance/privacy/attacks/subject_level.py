"""All records of one person together: was this person in the training data?

A signal is a log-likelihood, so the sum over a person's records is the log-likelihood of all the person's
answers together, and the log-likelihood ratio of a person who is wholly in or wholly out is the sum of
the ratios of the records (Neyman and Pearson; answers independent given the model). Summing the scores
of an attack that approximates that ratio is therefore the attack on the person; dividing by the number
of records would throw away that ten hints weigh more than one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.attacks.interface import Scores
from governance.privacy.plan import Plan, pair_plan


@dataclass(frozen=True, slots=True, eq=False)
class Subjects:
    """Whose records they are, members first."""

    of_record: NDArray[np.intp]
    """(n,) number of each record's subject; members are 0 … n_members − 1."""
    n_members: int
    n: int
    """Subjects in all."""


def subjects_of(keys: ArrayLike, n_members: int) -> Subjects:
    """Number the subjects of a pool whose first `n_members` records are members.

    Args:
        keys: (n,) one key a record, equal for records of one person.
        n_members: Records, not persons.

    Raises:
        UsageError: a person has records on both sides: such a person is a member, and the records that
            were held out are no control for it.
    """
    import pandas as pd

    found = pd.factorize(np.asarray(keys))[0]
    if len(found) != np.size(keys) or (found < 0).any() or not 0 < n_members < len(found):
        raise UsageError("Subjects are one key a record, none missing, for records on both sides")
    members = np.unique(found[:n_members])
    shared = np.intersect1d(members, found[n_members:])
    if len(shared):
        raise UsageError(
            f"{len(shared)} subjects have records among the members and among the non-members",
            "Split the data by subject, train on the members again, and assess that model.",
        )
    # Numbered by first appearance, and members come first.
    return Subjects(found.astype(np.intp), len(members), int(found.max()) + 1)


def subject_scores(scores: Scores, subjects: Subjects) -> Scores:
    """One score a subject: the sum over its records, in the order of the subjects' numbers."""
    if len(scores.values) != len(subjects.of_record):
        raise UsageError(f"{len(scores.values)} scores for {len(subjects.of_record)} records")
    values = np.bincount(subjects.of_record, weights=scores.values, minlength=subjects.n)
    return Scores(values.astype(np.float64), f"subject-{scores.attack}", scores.threat_model)


def subject_plan(subjects: Subjects, shadows: int, seed: int) -> Plan:
    """Like `plan.pair_plan`, but in halves of the subjects: who is in a shadow is in it with all records."""
    plan = pair_plan(np.zeros(subjects.n, dtype=np.intp), shadows, seed)
    return Plan(plan.inside[:, subjects.of_record], plan.seeds)
