"""Many questions to the same records: keeping the chance of any false "leak shown" at that of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError

SLICES_SHARE = 0.2
"""The share of α that goes to the slices, where there are any; the whole pool keeps the rest."""


@dataclass(frozen=True, slots=True)
class Family:
    """How many tests share one α, and how it was shared."""

    attacks: int
    statistics: int
    """Per attack: AUC, and the TPR at each false-positive rate that is resolved."""
    slices: int
    looks: int
    """How many were planned; each has its own part of α."""
    alpha: float
    """The probability of any false "leak shown" among all of them."""

    @property
    def size(self) -> int:
        """Tests in all."""
        return self.attacks * self.statistics * (1 + self.slices) * self.looks

    def body(self) -> dict[str, Any]:
        """For the evidence."""
        return {
            "attacks": self.attacks,
            "statistics": self.statistics,
            "slices": self.slices,
            "looks": self.looks,
            "tests": self.size,
            "alpha": self.alpha,
            "method": "Bonferroni over looks and slices, Holm over attacks and statistics",
        }


def part(confidence: float, share: float) -> float:
    """The confidence at which a claim may use `share` of what 1 − `confidence` allows in all."""
    return 1 - (1 - confidence) * share


def split(confidence: float, slices: bool) -> tuple[float, float]:
    """The confidence of what is said about the whole pool, and of what is said about all slices together."""
    return part(confidence, 1 - SLICES_SHARE if slices else 1.0), part(confidence, SLICES_SHARE)


def holm(p_values: Mapping[Any, float]) -> dict[Any, float]:
    """Adjusted p-values: those at or below α are rejected, with P(any false rejection) ≤ α.

    Holm (1979): the i-th smallest of T times T − i + 1, made ascending. It holds under any dependence.
    """
    adjusted, least = {}, 0.0
    for position, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        least = max(least, min(1.0, p * (len(p_values) - position)))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def benjamini_hochberg(p_values: ArrayLike, q: float) -> NDArray[np.bool_]:
    """(n,) which are discoveries at false-discovery rate q (Benjamini & Hochberg 1995).

    It holds for independent and for positively dependent (PRDS) p-values; those that share one
    calibration set are PRDS (Bates, Candès, Lei, Romano & Sesia 2023, arXiv:2104.08279, Thm. 2).
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not 0 < q < 1:
        raise UsageError(f"A false-discovery rate of {q} is not between 0 and 1")
    ordered = np.sort(p)
    passing = np.flatnonzero(ordered <= q * np.arange(1, len(p) + 1) / max(len(p), 1))
    return np.asarray(p <= ordered[passing[-1]]) if len(passing) else np.zeros(len(p), dtype=np.bool_)


def adjusted(p_values: ArrayLike) -> NDArray[np.float64]:
    """(n,) the least false-discovery rate at which each is a discovery."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    out = np.empty(len(p))
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out


def check_shares(shares: Sequence[float]) -> None:
    """Refuse shares that sum to more than the whole."""
    if not shares or min(shares) <= 0 or sum(shares) > 1 + 1e-9:
        raise UsageError("Shares of α are positive and sum to one at most")
