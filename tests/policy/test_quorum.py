from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from governance.policy.quorum import assign

ROLES, PEOPLE = ("dpo", "reviewer", "boss"), ("dora", "erin", "pia", "paul")

slots = st.lists(st.sampled_from(ROLES), max_size=4)
able = st.dictionaries(st.sampled_from(ROLES), st.frozensets(st.sampled_from(PEOPLE)))


def test_whoever_could_fill_two_slots_is_put_where_they_are_needed() -> None:
    """Dora alone can be the DPO, so Pia is the reviewer."""
    people = {"reviewer": {"dora", "pia"}, "dpo": {"dora"}}

    assert {"dora": "dpo", "pia": "reviewer"} == assign(["reviewer", "dpo"], people)


def test_where_not_all_can_be_filled_the_earlier_is() -> None:
    """One person for two slots fills the first."""
    people = {"reviewer": {"dora"}, "dpo": {"dora"}}

    assert {"dora": "dpo"} == assign(["dpo", "reviewer"], people)
    assert {"dora": "reviewer"} == assign(["reviewer", "dpo"], people)


@given(slots, able)
def test_as_many_slots_as_can_be_are_filled(slots: list[str], able: dict[str, frozenset[str]]) -> None:
    """Each by somebody able to; no arrangement of people fills more."""
    found = assign(slots, able)

    assert all(person in able[role] for person, role in found.items())
    assert all(list(found.values()).count(role) <= slots.count(role) for role in ROLES)
    best = max(
        sum(person in able.get(role, ()) for role, person in zip(slots, order, strict=False))
        for order in permutations(PEOPLE)
    )
    assert best == len(found)


@given(slots, able, st.sampled_from(ROLES), st.sampled_from(PEOPLE))
def test_one_more_who_is_able_never_empties_a_slot(
    slots: list[str], able: dict[str, frozenset[str]], role: str, person: str
) -> None:
    """The slots before any cut are filled as well as before: an approval more never closes a door."""
    more = able | {role: able.get(role, frozenset()) | {person}}

    for cut in range(len(slots) + 1):
        assert len(assign(slots[:cut], able)) <= len(assign(slots[:cut], more))


@given(slots, able)
def test_a_later_slot_takes_nothing_from_an_earlier(
    slots: list[str], able: dict[str, frozenset[str]]
) -> None:
    """What is asked for under a warning never keeps somebody from where they must answer."""
    filled = assign(slots, able)

    for cut in range(len(slots) + 1):
        first = sorted(assign(slots[:cut], able).values())
        assert all(first.count(role) <= list(filled.values()).count(role) for role in ROLES)
