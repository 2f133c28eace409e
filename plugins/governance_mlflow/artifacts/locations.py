"""Where bytes lie, in one spelling: the same bytes have many URIs, and every one of them leads here.

`runs:/…`, `mlflow-artifacts:/…` and the destination's own URI are different words for one folder. What
a server proxies is written `mlflow-artifacts:/…` wherever the server keeps it, so that it may be moved;
all else is written as it is reached. Case, Unicode form and percent-encoding are folded: where two paths
become one by it, the bytes of one are taken for those of the other, which at worst refuses too much.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

from governance.errors import Undecided
from governance_mlflow.artifacts.destinations import DESTINATION_OF_A_SERVER, guarded_areas, reached, trail_of
from governance_mlflow.artifacts.frozen_paths import Trail, leads_into, trail
from governance_mlflow.callers.identity import in_server

PROXIED: Trail = ("mlflow-artifacts:",)
ROOT_OF_A_SERVER = "_MLFLOW_SERVER_ARTIFACT_ROOT"
_PROXY_ROUTE = "/api/2.0/mlflow-artifacts/artifacts/"


def spellings(uri: str) -> tuple[str, ...]:
    """Every spelling of a location that this process knows; the first is the one to be recorded.

    Raises:
        Undecided: the URI leads out of what the server proxies, or into a run that does not exist.
    """
    return tuple(_spelled(place) for place in _known_as(_place(uri)))


def recorded(uri: str) -> tuple[str, ...]:
    """The spelling under which a version's location is remembered; none where there is nothing to remember.

    A whole bucket or destination is not remembered: every file in it would be one of that version.
    """
    for place in places_of(uri):
        known, *_ = _known_as(place)
        if len(known) > (1 if known[:1] == PROXIED else 2) and not _holds_what_is_served(place):
            return (_spelled(known),)
    return ()


def containing(places: Iterable[Trail]) -> frozenset[str]:
    """Every spelling of these places and of all that contain them, as far up as there are any."""
    return frozenset(
        _spelled(known[:depth])
        for place in places
        for known in _known_as(place)
        for depth in range(1, len(known) + 1)
    )


def places_of(uri: str) -> tuple[Trail, ...]:
    """The place that a URI names, for `containing`; none where nothing can be found by it."""
    try:
        return (_place(uri),)
    except Undecided:
        return ()


def in_frozen_tree(places: Iterable[Trail]) -> bool:
    """Whether one of these places is a frozen tree of this server, or in one."""
    areas = guarded_areas()
    return any(len(place) > len(area) and leads_into(place, [area]) for place in places for area in areas)


def _holds_what_is_served(place: Trail) -> bool:
    roots = (os.environ.get(name) for name in (DESTINATION_OF_A_SERVER, ROOT_OF_A_SERVER))
    return in_server() and any(root and _place(root)[: len(place)] == place for root in roots)


def _place(uri: str) -> Trail:
    uri = reached(uri)
    found = trail_of(uri)
    if found is not None:
        return found
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https") and _PROXY_ROUTE in parts.path:
        return (*PROXIED, *trail(parts.path.partition(_PROXY_ROUTE)[2]))
    if parts.scheme == "mlflow-artifacts":
        return (*PROXIED, *trail(parts.path))
    return (f"{parts.scheme}:", parts.netloc.casefold(), *trail(parts.path))


def _known_as(place: Trail) -> tuple[Trail, ...]:
    root = _destination()
    if root is None or place[: len(root)] != root:
        return (place,)
    return (*PROXIED, *place[len(root) :]), place


def _destination() -> Trail | None:
    destination = os.environ.get(DESTINATION_OF_A_SERVER) if in_server() else None
    return _place(destination) if destination else None


def _spelled(place: Trail) -> str:
    scheme, *names = place
    begins = f"{scheme}/" if (scheme,) == PROXIED else f"{scheme}///" if scheme == "file:" else f"{scheme}//"
    return unicodedata.normalize("NFC", begins + "/".join(names))
