"""How many members can be told from non-members one by one: p-values of records, and false discoveries.

A record that the target treats as it treats non-members has a p-value that is uniform or larger. "So many
records are identifiable at false-discovery rate q" means: of the records counted, a share of at most q, in
expectation, are of that kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.multiplicity import adjusted, benjamini_hochberg
from governance.privacy.scoring import scores_of

RATES = (0.05, 0.1)
"""False-discovery rates at which records are counted unless others are asked for."""

CURVE_POINTS = 100

FEWEST_ON_CURVE = 10
"""Records behind the curve's first point, so that no point is one record's."""


@dataclass(frozen=True, slots=True)
class Identifiable:
    """Members that Benjamini and Hochberg's procedure tells from non-members at one rate."""

    q: float
    records: int
    share: float
    """Of the members."""
    fewest: int
    """Fewer exposed records than this cannot be found at q, however exposed they are."""


@dataclass(frozen=True, slots=True)
class RecordRisk:
    """Per-record p-values, counted; no record and no record's score."""

    n_members: int
    n_non_members: int
    smallest: float
    """The smallest p-value that so many non-members can give: 1 / (1 + n_non_members)."""
    identifiable: tuple[Identifiable, ...]
    curve: tuple[tuple[float, float], ...]
    """(p, share of members with a p-value of at most p), thinned, from ten records on; about the diagonal
    if nothing leaks."""

    def body(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "smallest_p_value": self.smallest,
            "identifiable": [
                {"q": one.q, "records": one.records, "share": one.share, "fewest": one.fewest}
                for one in self.identifiable
            ],
            "curve": {"p": [p for p, _ in self.curve], "share": [share for _, share in self.curve]},
        }


def record_p_values(members: ArrayLike, non_members: ArrayLike) -> NDArray[np.float64]:
    """(m,) p(x) = (1 + #{z : S(z) ≥ S(x)}) / (1 + |Z|), in the order of the members; Z the non-members.

    A conformal p-value (Vovk et al. 2005): super-uniform for a record exchangeable with Z, ties included.
    """
    _, population = scores_of(members, non_members)
    values = np.asarray(members, dtype=np.float64)
    reached = len(population) - np.searchsorted(population, values, side="left")
    return np.asarray((1 + reached) / (1 + len(population)))


def record_risk(members: ArrayLike, non_members: ArrayLike, rates: Sequence[float] = RATES) -> RecordRisk:
    """Count the members that are identifiable at each false-discovery rate."""
    p = record_p_values(members, non_members)
    m, n = len(p), int(np.size(non_members))
    found = [(q, int(benjamini_hochberg(p, q).sum())) for q in rates]
    ordered = np.sort(p)
    steps = np.unique(np.geomspace(min(FEWEST_ON_CURVE, m), m, CURVE_POINTS).astype(int))
    return RecordRisk(
        n_members=m,
        n_non_members=n,
        smallest=1 / (1 + n),
        identifiable=tuple(Identifiable(q, k, k / m, math.ceil(m / (q * (1 + n)) - 1e-9)) for q, k in found),
        curve=tuple((float(ordered[i - 1]), float(np.mean(ordered <= ordered[i - 1]))) for i in steps),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Worst:
    """The members most at risk, the worst first; only `restricted` writes them down."""

    rows: NDArray[np.intp]
    """(k,) the record's row in the caller's members."""
    ranks: NDArray[np.intp]
    """(k,) its rank by score, 1 the highest; tied records share the better rank."""
    p_values: NDArray[np.float64]
    q_values: NDArray[np.float64]
    """(k,) the least false-discovery rate at which it is identifiable."""


def worst_records(
    members: ArrayLike, non_members: ArrayLike, count: int, rows: ArrayLike | None = None
) -> Worst:
    """The `count` members with the highest scores; ties are taken in the order of the rows.

    Args:
        members: (m,) scores.
        non_members: (n,) scores.
        count: How many; all if there are fewer.
        rows: (m,) each scored member's row in the file that it came from; its position if not given.
            Where equal records were left out, it is the row of the first of them.
    """
    scores = np.asarray(members, dtype=np.float64)
    where = np.arange(len(scores)) if rows is None else np.asarray(rows, dtype=np.intp)
    if where.shape != scores.shape or count < 1:
        raise UsageError("Each scored member needs its row, and the worst are at least one")
    p = record_p_values(scores, non_members)
    q = adjusted(p)
    chosen = np.argsort(-scores, kind="stable")[:count]
    ranks = 1 + len(scores) - np.searchsorted(np.sort(scores), scores[chosen], side="right")
    return Worst(where[chosen], np.asarray(ranks, dtype=np.intp), p[chosen], q[chosen])
