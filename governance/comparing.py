"""A page of the registry's rows held against our books: who holds which place, and by which decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from governance.canonical import timestamp
from governance.domain.chain import Entry
from governance.domain.decision import Decision
from governance.domain.discrepancy import Discrepancy, Kind
from governance.domain.events import PromotionAllowed, PromotionWithdrawn
from governance.domain.lineage import ParentKind
from governance.domain.subject import Subject, VersionName
from governance.inventory import Place, Row, Way
from governance.policy.document import Policy, Target
from governance.policy.names import canonical_name
from governance.ports import Books

LATEST = "latest"
"""The alias that MLflow moves by itself, to each new version."""


@dataclass(frozen=True, slots=True)
class Found:
    """A discrepancy, and the places it is about."""

    discrepancy: Discrepancy
    places: tuple[Place, ...] = ()
    named: VersionName | None = None
    """The row it is about, for kinds that are about one."""
    subject: Subject | None = None
    """The version that is gone, for the kind that is about one."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The newest decision that lets a version be where it is, and the tree it froze."""

    decision: Decision
    uri: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What our books say of a page of rows."""

    places: Mapping[VersionName, tuple[Place, ...]]
    """The protected places that each version holds."""
    approved: Mapping[str, Mapping[str, Approved]]
    """By uid, then by target."""
    standing: Mapping[str, Mapping[tuple[str, str], Entry]]
    """The newest entry of the log by uid, then by target and place, whatever the model was called then."""
    copied_from: Mapping[str, tuple[str, ...]]
    """By uid, for versions that are where they are by their name: the uids of what they are copies of."""

    def lets(self, place: Place, location: str) -> Approved | None:
        """The decision by which a version holds a place; None if there is none.

        A copy enters a protected name by the decision on its origin, and serves that one's bytes.
        """
        if place.uid is None:
            return None
        own = self.approved.get(place.uid, {}).get(place.target)
        if own is not None or place.can_be_left:
            return own
        origins = self.copied_from.get(place.uid, ())
        copied = (self.approved.get(uid, {}).get(place.target) for uid in origins)
        return next((found for found in copied if found is not None and found.uri == location), None)

    def entry(self, place: Place) -> Entry | None:
        """The last thing that the log says of a version and a place."""
        said = self.standing.get(place.uid or "", {})
        return said.get((place.target, place_key(place.words)))


def called(named: VersionName) -> str:
    """A version for people; its workspace where that is not the one everybody has."""
    return f"{named} in workspace {named.workspace}" if named.workspace != "default" else str(named)


def placed(place: Place) -> str:
    """A version in a place, for people."""
    return f"{called(place.named)} as {place.words}"


def places(policy: Policy, row: Row) -> tuple[Place, ...]:
    """The protected places that a version holds."""
    name = row.named.name
    by_alias = [(Way.ALIAS, alias, policy.target_for_alias(name, alias)) for alias in row.aliases]
    others = [
        (Way.STAGE, row.stage, policy.target_for_stage(name, row.stage)),
        (Way.NAME, name, policy.target_for_model(name)),
        (Way.LATEST, name, policy.target_for_alias(name, LATEST) if row.latest else None),
    ]
    return tuple(
        Place(row.named, row.uid, target.name, way, at)
        for way, at, target in (*by_alias, *others)
        if target is not None
    )


def gather(books: Books, policy: Policy, rows: Sequence[Row]) -> Facts:
    """What the books say of these rows, in a fixed number of questions."""
    uids = {row.uid for row in rows if row.uid is not None}
    held = {row.named: places(policy, row) for row in rows}
    named = {p.uid for found in held.values() for p in found if p.uid and not p.can_be_left}
    lineages = books.lineages.of_each(named) if named else {}
    copied_from = {
        uid: tuple(p.uid for p in lineage.parents if p.uid and p.kind is ParentKind.COPIED_FROM)
        for uid, lineage in lineages.items()
    }
    judged = uids | {origin for origins in copied_from.values() for origin in origins}
    approved: dict[str, dict[str, Approved]] = {}
    for decision, uri in books.decisions.allowed(judged):
        approved.setdefault(decision.subject_uid, {})[decision.target] = Approved(decision, uri)
    standing: dict[str, dict[tuple[str, str], Entry]] = {}
    for entry in books.promotions.standing(uids):
        # In order of the log: the last one stays.
        standing.setdefault(entry.body["uid"], {})[entry.body["target"], place_key(entry.body["change"])] = (
            entry
        )
    return Facts(held, approved, standing, copied_from)


def place_key(words: str) -> str:
    """A place without the name of the registered model, which may have had another one then."""
    return canonical_name(words.partition(" of ")[0])


def examine(policy: Policy, row: Row, facts: Facts) -> Iterator[Found]:
    """What registry and books say differently of one version."""
    held = facts.places[row.named]
    if row.uid is None:
        yield _unregistered(row)
    for place in held:
        if (why := _ungated(place, row, facts)) is not None:
            yield about(
                Kind.UNGATED_PROMOTION,
                place,
                why,
                "a decision that let it in and still stands",
                f"Have it judged: governance promote {place.named} --to {place.target}. "
                + ("Or take it out: governance reconcile --demote" if place.can_be_left else "Or delete it."),
            )
        elif (approved := facts.lets(place, row.location)) is not None:
            yield from _unfrozen(place, row, facts, approved)
    yield from _unchanged(policy, row, facts, held)


def _unregistered(row: Row) -> Found:
    discrepancy = Discrepancy(
        Kind.UNREGISTERED,
        called(row.named),
        "in the registry only",
        "a uid, a lineage and a label in the books",
        "It is adopted when it is first used, or now: governance reconcile --repair",
    )
    return Found(discrepancy, named=row.named)


def _ungated(place: Place, row: Row, facts: Facts) -> str | None:
    """Why a version is where it should not be; None if a decision let it in."""
    entry = facts.entry(place)
    if facts.lets(place, row.location) is None:
        return "no decision ever allowed it"
    if entry is not None and entry.type == PromotionWithdrawn.name:
        return f"it left on {timestamp(entry.at)}, and no decision let it in again"
    if entry is None and place.can_be_left:
        return f"what was allowed into {place.target} was another place"
    return None


def _unfrozen(place: Place, row: Row, facts: Facts, approved: Approved) -> Iterator[Found]:
    # The same bytes may have been frozen elsewhere since, for another target.
    others = facts.approved[approved.decision.subject_uid].values()
    if row.location not in {a.uri for a in others if a.decision.digest == approved.decision.digest}:
        remedy = f"Promote it again: governance promote {place.named} --to {place.target}"
        observed, expected = f"served from {row.location}", f"served from {approved.uri}"
        yield about(Kind.UNFROZEN, place, observed, expected, remedy)


def _unchanged(policy: Policy, row: Row, facts: Facts, held: Iterable[Place]) -> Iterator[Found]:
    """Places that the log says it holds, and that it does not hold."""
    there = {(place.target, place_key(place.words)) for place in held}
    for (target, key), entry in facts.standing.get(row.uid or "", {}).items():
        if entry.type != PromotionAllowed.name or (target, key) in there:
            continue
        place = _said(policy, row, entry)
        if place is not None and place.target == target:
            yield about(
                Kind.DECISION_WITHOUT_CHANGE,
                place,
                "the registry does not have it there",
                f"there since {timestamp(entry.at)}, or a record that it left",
                "Find out who moved it. To record that it left: governance reconcile --repair",
            )


def _said(policy: Policy, row: Row, entry: Entry) -> Place | None:
    """The alias or stage that an entry speaks of, if the policy still protects it."""
    name, words = row.named.name, str(entry.body["change"]).partition(" of ")[0]
    way, _, at = words.partition(" ")
    target: Target | None = None
    if way == "alias":
        at = at.removeprefix("@")
        target = policy.target_for_alias(name, at)
    elif way == "stage":
        target = policy.target_for_stage(name, at)
    return None if target is None else Place(row.named, row.uid, target.name, Way(way), at)


def about(kind: Kind, place: Place, observed: str, expected: str, remedy: str) -> Found:
    """A discrepancy about a version in a place."""
    return Found(Discrepancy(kind, placed(place), observed, expected, remedy), (place,), place.named)
