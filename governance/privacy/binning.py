"""Scores of single records as counts that tell about none of them."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError

FEWEST = 5
"""Records that a bin holds at least, both sides together."""

BINS = 60
"""How many bins there are at most."""


class Histogram(TypedDict):
    """Counts of both sides between the same edges."""

    edges: list[float]
    """(b + 1,) ascending multiples of a round step, so that no edge is a record's score."""
    members: list[int]
    """(b,) members in [edge, next edge)."""
    non_members: list[int]


def histogram(members: ArrayLike, non_members: ArrayLike) -> Histogram:
    """Bin the scores of both sides; neighbours are merged until every bin has 5 records or more.

    Args:
        members: (m,) finite scores.
        non_members: (n,) finite scores; fewer than five records in all make one bin.
    """
    sides = [np.asarray(side, dtype=np.float64) for side in (members, non_members)]
    both = np.concatenate(sides)
    if not both.size or not np.isfinite(both).all():
        raise UsageError("Scores are two lists of finite numbers")
    edges = _edges(both)
    counts = np.stack([np.histogram(side, edges)[0] for side in sides])
    kept = _merged(counts.sum(axis=0))
    inside, outside = (np.add.reduceat(side, kept[:-1]).tolist() for side in counts)
    return Histogram(edges=edges[kept].tolist(), members=inside, non_members=outside)


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiples of 1, 2 or 5 times a power of ten, around all values; the last is beyond the greatest."""
    low, high = float(values.min()), float(values.max())
    width = max((high - low) / (BINS - 2), abs(high) * 1e-9, 1e-12)
    power = 10.0 ** math.floor(math.log10(width))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= width)
    first, last = math.floor(low / step), math.floor(high / step) + 1
    return np.asarray(np.arange(first, last + 1) * step)


def _merged(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions of the edges that stay."""
    kept, held = [0], 0
    for position, count in enumerate(counts, start=1):
        held += int(count)
        if held >= FEWEST:
            kept.append(position)
            held = 0
    if kept[-1] != len(counts):
        # What is left over at the end joins the bin before it.
        kept = [*(kept[:-1] if len(kept) > 1 else kept), len(counts)]
    return np.array(kept, dtype=np.intp)
