"""Whether some groups of records leak more than others: classes, subgroups, mistakes, the unusual.

A whole pool may look quiet while a few of its groups do not. All intervals of all slices hold at once,
and a slice with too few records on either side is reported as too small, without numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.exact import p_values
from governance.privacy.multiplicity import holm, part
from governance.privacy.scoring import Interval, Rate, auc, tpr_at_fpr
from governance.privacy.verdict import Leakage, resolved

FEWEST = 20
"""Records that a slice needs on each side before its value is named or a number given."""

MOST_VALUES = 20
"""Values of one column that get slices of their own; the rarer ones become one more."""

OTHER = "other"

QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")

DECILES = 10


@dataclass(frozen=True, slots=True, eq=False)
class Slicing:
    """One way to cut the pool: a number for each record and a name for each number."""

    name: str
    """`class`, `correctness`, `outlier decile`, or a column's name."""
    codes: NDArray[np.intp]
    """(n,) in the pool's order, members first."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """What one attack found in one slice."""

    slicing: str
    value: str
    n_members: int | None
    """None where the slice is too small."""
    n_non_members: int | None
    auc: Interval | None
    tpr_at_fpr: tuple[Rate, ...]
    """At the resolved false-positive rates only."""
    p_value: float | None
    """Holm's, over all slices."""
    leakage: Leakage
    """Leak shown, or undecided: silence in a slice says little."""

    @property
    def too_small(self) -> bool:
        """Whether there were too few records to say anything."""
        return self.auc is None

    def body(self) -> dict[str, Any]:
        """For the evidence."""
        head: dict[str, Any] = {"slicing": self.slicing, "value": self.value, "too_small": self.too_small}
        if self.auc is None:
            return head
        return head | {
            "n_members": self.n_members,
            "n_non_members": self.n_non_members,
            "auc": {"point": self.auc.point, "low": self.auc.low, "high": self.auc.high},
            "tpr_at_fpr": [
                {"fpr": rate.fpr, "tpr": rate.tpr.point, "low": rate.tpr.low, "high": rate.tpr.high}
                for rate in self.tpr_at_fpr
            ],
            "p_value": self.p_value,
            "verdict": self.leakage.value,
        }


def by_correctness(correct: ArrayLike) -> Slicing:
    """Records that the target gets right, and those that it gets wrong."""
    return Slicing("correctness", np.asarray(correct, dtype=np.intp), ("wrong", "right"))


def by_column(name: str, column: ArrayLike, n_members: int, *, categorical: bool | None = None) -> Slicing:
    """The values of a column (of the label, too: name it `class`), or quarters of a numeric one.

    A value is named only where it has at least 20 records on each side; all others, and all beyond the
    20 most frequent, become `other`. Quarters are named by their order, never by their bounds.

    Args:
        name: The column's name, as it will stand in the evidence.
        column: (n,) its values in the pool's order, members first; missing ones count as rare.
        n_members: How many of the records are members.
        categorical: Whether a numeric column holds codes; by default, if it has 20 values at most.
    """
    import pandas as pd

    values = np.asarray(column)
    if values.ndim != 1 or not 0 < n_members < len(values):
        raise UsageError(f"Column {name} needs one value a record, members first")
    codes, names = pd.factorize(values, sort=False)
    numeric = np.issubdtype(values.dtype, np.number)
    if categorical is None:
        categorical = not numeric or len(names) <= MOST_VALUES
    if not categorical:
        return _quarters(name, values.astype(np.float64))
    sides = [Counter(side.tolist()) for side in (codes[:n_members], codes[n_members:])]
    enough = [c for c in range(len(names)) if min(side[c] for side in sides) >= FEWEST]
    kept = sorted(enough, key=lambda c: -min(side[c] for side in sides))[:MOST_VALUES]
    kept.sort(key=lambda c: str(names[c]))
    new = np.full(len(names) + 1, len(kept), dtype=np.intp)
    new[kept] = np.arange(len(kept))
    words = [str(names[c]) for c in kept]
    # Two values may read alike, and one may read "other".
    words = [
        word if words.count(word) == 1 and word != OTHER else f"{word} ({i + 1})"
        for i, word in enumerate(words)
    ]
    return Slicing(name, new[codes], (*words, OTHER))


def _quarters(name: str, values: NDArray[np.float64]) -> Slicing:
    known = np.isfinite(values)
    edges = np.quantile(values[known], [0.25, 0.5, 0.75]) if known.any() else np.zeros(3)
    codes = np.where(known, np.searchsorted(edges, values, side="left"), len(QUARTERS))
    return Slicing(name, codes.astype(np.intp), (*QUARTERS, OTHER))


def by_unusualness(table: NDArray[Any], seed: int) -> Slicing:
    """Deciles of how alone a record stands, by an isolation forest that knows nothing of membership.

    Args:
        table: (n, columns) the pool as numbers, without labels or with; see `pool.features`.
        seed: The only source of chance.
    """
    from sklearn.ensemble import IsolationForest

    state = int(np.random.SeedSequence(seed).generate_state(1)[0])
    filled = np.nan_to_num(np.asarray(table, dtype=np.float32))
    ordinary = IsolationForest(n_estimators=100, random_state=state).fit(filled).score_samples(filled)
    return deciles(-ordinary)


def deciles(unusualness: ArrayLike) -> Slicing:
    """Ten groups of about equal size from one number a record, the last one the most unusual."""
    values = np.asarray(unusualness, dtype=np.float64)
    edges = np.quantile(values, np.arange(1, DECILES) / DECILES)
    names = tuple(f"{i} of {DECILES}" for i in range(1, DECILES + 1))
    return Slicing("outlier decile", np.searchsorted(edges, values, side="left").astype(np.intp), names)


def measure_slices(
    scores: ArrayLike,
    n_members: int,
    slicings: Sequence[Slicing],
    fprs: Sequence[float],
    confidence: float,
    *,
    shift_found: bool = False,
) -> tuple[Slice, ...]:
    """One attack's scores, slice by slice.

    Any `SHOWN` among them, when nothing leaks, has a probability of at most (1 − confidence) / 2, and all
    intervals hold at once with probability `confidence`. Cutting never looks at scores or at who is a
    member, beyond how many of each side a value has; therefore within a slice both sides stay alike when
    nothing leaks.

    Args:
        scores: (n,) of one attack, members first.
        n_members: How many of them are members.
        slicings: From `by_column`, `by_correctness`, `by_unusualness`.
        fprs: False-positive rates; each is used where the slice resolves it.
        confidence: Of all slices together; after `multiplicity.split`.
        shift_found: A control failed: nothing can be concluded.
    """
    values = np.asarray(scores, dtype=np.float64)
    cut = [
        (slicing, value, *sides) for slicing in slicings for value, *sides in _cut(slicing, values, n_members)
    ]
    tested = [(i, inside, outside) for i, (*_, inside, outside) in enumerate(cut) if _enough(inside, outside)]
    tests = {
        (i, name): p
        for i, inside, outside in tested
        for name, p in p_values(inside, outside, resolved(len(outside), fprs))
    }
    adjusted, each = holm(tests), part(confidence, 1 / max(len(tests), 1))
    found = []
    for i, (slicing, value, inside, outside) in enumerate(cut):
        if not _enough(inside, outside):
            found.append(Slice(slicing.name, value, None, None, None, (), None, Leakage.UNDECIDED))
            continue
        p = min(one for (position, _), one in adjusted.items() if position == i)
        shown = p <= (1 - confidence) / 2 and not shift_found
        found.append(
            Slice(
                slicing=slicing.name,
                value=value,
                n_members=len(inside),
                n_non_members=len(outside),
                auc=auc(inside, outside, each),
                tpr_at_fpr=tuple(tpr_at_fpr(inside, outside, f, each) for f in resolved(len(outside), fprs)),
                p_value=p,
                leakage=Leakage.SHOWN if shown else Leakage.UNDECIDED,
            )
        )
    return tuple(found)


def _cut(slicing: Slicing, values: NDArray[np.float64], n_members: int) -> list[tuple[str, Any, Any]]:
    """Name, members' and non-members' scores of every slice that holds a record."""
    if slicing.codes.shape != values.shape:
        raise UsageError(
            f"The slicing by {slicing.name} is of {len(slicing.codes)} records, not {len(values)}"
        )
    sides = [
        [side[codes == code] for code in range(len(slicing.values))]
        for side, codes in (
            (values[:n_members], slicing.codes[:n_members]),
            (values[n_members:], slicing.codes[n_members:]),
        )
    ]
    named = zip(slicing.values, *sides, strict=True)
    return [(name, inside, outside) for name, inside, outside in named if len(inside) + len(outside)]


def _enough(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> bool:
    return min(len(inside), len(outside)) >= FEWEST
