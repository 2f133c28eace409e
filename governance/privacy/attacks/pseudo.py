"""Shadows in the target's place: their training records are known, so an attack can be tuned on them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from governance.privacy.attacks.interface import Observations

PSEUDO_TARGETS = 16
RECORDS = 4_000
"""How many shadows, and on how many records, an attack is tuned on at most."""


def pseudo_targets(
    observed: Observations, *, online: bool
) -> Iterator[tuple[Observations, NDArray[np.bool_]]]:
    """Each time one shadow as the target, the others as shadows, and which records are its members.

    A shadow trained on the same records, or on all others (the other half of its pair), does not stand
    beside it: its plan would tell the answer. Records that are left without an OUT shadow (online: or
    without an IN shadow) are left out. Neither the target nor its members are looked at, so what is
    tuned here is fixed before the target is attacked, and needs no correction for having been chosen.
    """
    if observed.shadows is None or observed.inside is None:
        return
    n = len(observed.target)
    some = np.unique(np.linspace(0, n - 1, min(n, RECORDS)).round().astype(np.intp))
    shadows, inside = observed.shadows[:, some], observed.inside[:, some]
    chosen = np.unique(np.linspace(0, len(shadows) - 1, min(len(shadows), PSEUDO_TARGETS)).astype(np.intp))
    for k in chosen:
        agreed = np.count_nonzero(inside == inside[k], axis=1)
        rest = np.flatnonzero((agreed > 0) & (agreed < len(some)))
        if not len(rest):
            continue
        held = np.count_nonzero(inside[rest], axis=0)
        usable = np.flatnonzero((held < len(rest)) & (held > 0 if online else held >= 0))
        members = inside[k, usable]
        if 0 < np.count_nonzero(members) < len(members):
            columns = np.ix_(rest, usable)
            yield Observations(shadows[k, usable], shadows[columns], inside[columns]), members
