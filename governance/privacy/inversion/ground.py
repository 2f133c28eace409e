"""What an inversion may know, and what it is judged against: public records, members, control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from governance.errors import UsageError
from governance.privacy.answers import columns
from governance.privacy.inversion.nearest import Side
from governance.privacy.inversion.space import Floats, Space, learn_space
from governance.privacy.pool import Records, take


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Public records for the attack, members and control for the judgement; no record serves twice."""

    space: Space
    public: Floats
    """(p, k) the public records' table."""
    members: Floats
    control: Floats
    member_labels: NDArray[Any]
    control_labels: NDArray[Any]
    persons: tuple[NDArray[Any], NDArray[Any]]
    """Of the members, and of the control."""
    shared: int
    """Control records left out because a member is equal to them."""

    def labels(self) -> NDArray[Any]:
        """The labels of the members, each once, sorted: the classes that can be judged."""
        return np.unique(self.member_labels)

    def sides(self, points: tuple[Floats, Floats], classes: NDArray[Any]) -> tuple[Side, Side]:
        """Members and control as they are judged, their points given; `classes` are the model's."""
        return (
            Side(points[0], columns(classes, self.member_labels), self.persons[0]),
            Side(points[1], columns(classes, self.control_labels), self.persons[1]),
        )


def prepare(
    members: Records,
    non_members: Records,
    seed: np.random.SeedSequence,
    public: Any = None,
    persons: tuple[ArrayLike, ArrayLike] | None = None,
) -> Ground:
    """Set apart what the attacker may know.

    Args:
        members: Training records.
        non_members: Records of the same population that the model never saw.
        seed: For the halves.
        public: (p, …) further such records for the attacker; without them, one half of the non-members.
        persons: Whose record each is, of members and of non-members. Without it each record is a
            person of its own.
    """
    m, n = len(members.y), len(non_members.y)
    if m < 1 or n < (4 if public is None else 1):
        raise UsageError(
            f"An inversion cannot be judged on {m} members and {n} non-members",
            "Give the training records, and at least four records that the model never saw.",
        )
    rows = np.random.default_rng(seed).permutation(n)
    known = rows[: n // 2] if public is None else rows[:0]
    judged = np.sort(rows[len(known) :])
    records = take(non_members.X, known) if public is None else public
    space = learn_space(records)
    own, control = space.table(members.X), space.table(take(non_members.X, judged))
    labels = np.asarray(members.y), np.asarray(non_members.y)[judged]
    whose = _persons(persons, m, n, judged)
    # A record on both sides is as near to a reconstruction from either: it tells nothing.
    seen = {row.tobytes() for row in own + 0.0}
    kept = np.array([row.tobytes() not in seen for row in control + 0.0], dtype=np.bool_)
    return Ground(
        space,
        space.table(records),
        own,
        control[kept],
        labels[0],
        labels[1][kept],
        (whose[0], whose[1][kept]),
        int((~kept).sum()),
    )


def _persons(
    given: tuple[ArrayLike, ArrayLike] | None, m: int, n: int, judged: NDArray[np.intp]
) -> tuple[NDArray[Any], NDArray[Any]]:
    if given is None:
        return np.arange(m), m + judged
    own, others = (np.asarray(side) for side in given)
    if own.shape != (m,) or others.shape != (n,):
        raise UsageError(f"persons has {own.shape} and {others.shape} entries for {m} and {n} records")
    return own, others[judged]
