"""Who counts in which role where one person may fill only one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def assign(slots: Sequence[str], people: Mapping[str, Collection[str]]) -> dict[str, str]:
    """As many slots as can be filled at once, each by another person; where not all can, earlier ones.

    Whoever could fill two slots is put where they are needed, so that another approval never empties a
    slot and one approval less never fills one (Kuhn's augmenting paths).

    Args:
        slots: The role that each slot is for.
        people: Who could fill a role, by role.

    Returns:
        The role in which each person counts; those who fill no slot are left out.
    """
    filled: dict[str, int] = {}

    def fill(slot: int, asked: set[str]) -> bool:
        for person in sorted(people.get(slots[slot], ())):
            if person in asked:
                continue
            asked.add(person)
            if person not in filled or fill(filled[person], asked):
                filled[person] = slot
                return True
        return False

    for slot in range(len(slots)):
        fill(slot, set())
    return {person: slots[slot] for person, slot in filled.items()}
