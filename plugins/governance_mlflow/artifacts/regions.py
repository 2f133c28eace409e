"""Bytes stay in the regions that their label permits: registered there, kept there and frozen there."""

from __future__ import annotations

from governance.admitting import misplaced
from governance.domain.label import Inheritance
from governance.errors import Undecided
from governance.policy.access import ANYWHERE
from governance.policy.document import Policy
from governance_mlflow.artifacts.locations import spellings
from governance_mlflow.errors import Refused


def insist_on_home(policy: Policy, inheritance: Inheritance, words: str, location: str) -> None:
    """Refuse to register what the region of this registry, or of the bytes, does not suit.

    Raises:
        Refused: PERMISSION_DENIED; the reason names the region that does.
    """
    if policy.regions != ANYWHERE:
        places = {"this registry": policy.regions.registry, location: _region(policy, location)}
        _insist(inheritance, words, places)


def insist_on_freezer(policy: Policy, inheritance: Inheritance, words: str, place: str) -> None:
    """Refuse to freeze what the region of the frozen area does not suit.

    Raises:
        Refused: PERMISSION_DENIED; the reason names the region that does.
    """
    if policy.regions != ANYWHERE:
        _insist(inheritance, words, {f"the frozen area {place}": _region(policy, place)})


def _insist(inheritance: Inheritance, words: str, places: dict[str, str | None]) -> None:
    found = misplaced(inheritance, places)
    if found is not None:
        raise Refused(words, str(found))


def _region(policy: Policy, location: str) -> str | None:
    try:
        # Never as it was given: a `..` would match the pattern of a place that it leads out of.
        return policy.regions.of(spellings(location))
    except Undecided:
        return None
