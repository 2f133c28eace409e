"""Puts right what reconciling found: what a crash left is finished, what went around the gate is undone.

Nothing is ever promoted here, and a version leaves a place only when somebody says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from governance.comparing import Found
from governance.domain.discrepancy import Kind
from governance.domain.dossier import Asking
from governance.inventory import Inventory, Place

LEFT = "the registry did not have it there"
"""Why a version is recorded as having left a place that it does not hold."""


def mend(inventory: Inventory, found: Iterable[Found], asking: Asking) -> tuple[Found, ...]:
    """The same discrepancies, those marked as mended that could be put right without a judgement."""
    found = tuple(found)
    swept = _sweep(inventory, found)
    return tuple(_mended(one, _mend(inventory, one, asking, swept)) for one in found)


def _sweep(inventory: Inventory, found: Iterable[Found]) -> frozenset[str]:
    left = any(one.discrepancy.kind is Kind.UNFINISHED_FREEZE for one in found)
    return frozenset(inventory.leftovers(repair=True)) if left else frozenset()


def _mend(inventory: Inventory, one: Found, asking: Asking, swept: frozenset[str]) -> bool:
    kind = one.discrepancy.kind
    if kind is Kind.UNREGISTERED and one.named is not None:
        return inventory.adopt(one.named)
    if kind is Kind.TOMBSTONE_MISMATCH and one.subject is not None:
        return inventory.bury(one.subject, asking)
    if kind is Kind.DECISION_WITHOUT_CHANGE:
        return all(inventory.vacate(place, asking, LEFT) for place in one.places)
    return kind is Kind.UNFINISHED_FREEZE and one.discrepancy.subject in swept


def _mended(one: Found, mended: bool) -> Found:
    return replace(one, discrepancy=replace(one.discrepancy, mended=mended)) if mended else one


def to_vacate(found: Iterable[Found]) -> dict[Place, str]:
    """The places that versions should leave, each with why: what was found about them, joined."""
    why: dict[Place, list[str]] = {}
    for one in found:
        for place in one.places:
            if one.discrepancy.kind.ends_service and place.can_be_left and not one.discrepancy.mended:
                why.setdefault(place, []).append(f"{one.discrepancy.kind.value}: {one.discrepancy.observed}")
    return {place: "; ".join(reasons) for place, reasons in why.items()}


def settled(one: Found, left: Collection[Place]) -> bool:
    """Whether a finding is settled once versions left these places; lost bytes stay lost."""
    about_places = one.discrepancy.kind not in (Kind.LOST_FROZEN, Kind.TAMPERED_FROZEN)
    return about_places and bool(one.places) and set(one.places) <= set(left)
