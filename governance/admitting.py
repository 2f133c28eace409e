"""Access: who may do what with a version, by the label that it inherited from its data.

The label is computed when it is asked for, so that a relabelled dataset counts at once. What nobody
knows has the highest label there is and meets the same rules as everything else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from governance.domain.dataset import Catalogued
from governance.domain.label import EVERYTHING, Inheritance, Label
from governance.domain.lineage import Lineage
from governance.domain.subject import Subject
from governance.labelling import inherit
from governance.policy.access import Access, AccessRule
from governance.policy.applying import unmet
from governance.policy.document import Policy
from governance.ports import Books


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not do something with a version, and what would change that."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason} {self.remedy}"


def admit(
    books: Books,
    policy: Policy,
    subject: Subject,
    action: Access,
    name: str | None,
    groups: Collection[str],
    purpose: str | None,
) -> Refusal | None:
    """Why a caller may not do something with a version; None if they may.

    Args:
        name: The caller, as the server's log-in knows them; None if nobody was identified.
        groups: The caller's groups, as the log-in knows them.
        purpose: What the caller says it is for.
    """
    if not guarded(policy, action):
        return None
    label = labels(books, [subject.uid])[subject.uid]
    return refusal(policy, label, action, name, groups, purpose)


def guarded(policy: Policy, action: Access) -> bool:
    """Whether any access rule names an action at all; where none does, no label needs to be known."""
    return any(action in rule.actions for rule in policy.access)


def restricting(policy: Policy, label: Label, action: Access) -> tuple[AccessRule, ...]:
    """The access rules that look at a label and name an action; where there are none, everybody may."""
    return tuple(rule for rule in policy.access if action in rule.actions and not unmet(rule.when, label))


def refusal(
    policy: Policy,
    label: Label,
    action: Access,
    name: str | None,
    groups: Collection[str],
    purpose: str | None,
) -> Refusal | None:
    """The first access rule that a caller does not satisfy, in words; None if they satisfy all of them."""
    held = policy.roles_of(name, groups) if name else frozenset()
    for rule in restricting(policy, label, action):
        if held.isdisjoint(rule.roles):
            return _without_role(rule, action, name)
        if rule.purposes and not _serves(rule, label, purpose):
            return _without_purpose(rule, label, action, purpose)
    return None


def _without_role(rule: AccessRule, action: Access, name: str | None) -> Refusal:
    asked = f"to {action.value} a version with this label, access rule {rule.name!r} asks for somebody who is"
    if not rule.roles:
        return Refusal(f"access rule {rule.name!r} lets nobody {action.value} a version with this label.", "")
    lacking = f"{name} is not" if name else "nobody was identified"
    remedy = "Ask for such a role" if name else "Sign in as somebody who holds such a role"
    return Refusal(
        f"{asked} {' or '.join(rule.roles)}, and {lacking}.", f"{remedy}: roles are given in the policy."
    )


def _serves(rule: AccessRule, label: Label, purpose: str | None) -> bool:
    return purpose in rule.purposes and (label.purposes >= EVERYTHING or purpose in label.purposes)


def _without_purpose(rule: AccessRule, label: Label, action: Access, purpose: str | None) -> Refusal:
    permitted = [p for p in rule.purposes if _serves(rule, label, p)]
    stated = f"{purpose!r} was stated" if purpose else "none was stated"
    asked = f"to {action.value} a version with this label, access rule {rule.name!r} asks for a purpose"
    if not permitted:
        return Refusal(
            f"{asked} among {', '.join(rule.purposes)}, and the data behind it permit none of these.",
            "Ask whoever labelled the data whether a purpose is missing: governance dataset relabel NAME",
        )
    return Refusal(
        f"{asked} among {', '.join(permitted)}, and {stated}.",
        f"State it: X-Governance-Purpose: {permitted[0]}, or GOVERNANCE_PURPOSE={permitted[0]}",
    )


def deciding(found: Mapping[str, Label]) -> dict[str, Label]:
    """Of the labels of all versions whose bytes lie at one place, by uid, those that count.

    Anybody can register a version that points at bytes of others, and of such a one nothing is known. So
    where a version is there of which it is known what went into it, the unknown ones have no say.
    """
    known = {uid: label for uid, label in found.items() if not label.provenance >= EVERYTHING}
    return known or dict(found)


def misplaced(inheritance: Inheritance, places: Mapping[str, str | None]) -> Refusal | None:
    """Why the bytes of a version may not be held where they would be; None if they may.

    Args:
        places: The region of every place they would be in, by the place in words; None is unknown.
    """
    permitted = inheritance.effective.regions
    if permitted >= EVERYTHING:
        return None
    for place, region in places.items():
        if region in permitted:
            continue
        found = f"{place} is in {region}" if region else f"nobody said in which region {place} is"
        if not permitted:
            known = inheritance.contributions and not inheritance.unknown
            why = "permits no region in common" if known else "is not known"
            return Refusal(
                f"what went into it {why}, so there is no region in which it may be held; {found}.",
                "See what went in: governance label MODEL. Catalogue what is missing, then try again.",
            )
        allowed = " or ".join(sorted(permitted))
        mend = "" if region else f" Or say under regions in the policy where {place} is."
        return Refusal(
            f"its data may be held in {allowed} only, and {found}.", f"Use one in {allowed}.{mend}"
        )
    return None


def labels(books: Books, uids: Collection[str]) -> dict[str, Label]:
    """The effective label of each version, in as many look-ups as the longest line of parents has models.

    A version of which nothing is recorded has the label of the unknown.
    """
    readings: dict[str, Lineage] = {}
    missing = set(uids)
    while missing:
        found = books.lineages.of_each(missing)
        readings |= {uid: found.get(uid, Lineage()) for uid in missing}
        parents = {parent.uid for uid in missing for parent in readings[uid].parents if parent.uid}
        missing = parents - readings.keys()
    # Both are asked again and again for one version; here they answer from what was just read.
    shelf: Any = _Shelf(books.catalogue.all())
    known: Any = _Readings(readings)
    remembered = replace(books, catalogue=shelf, lineages=known)
    return {uid: inherit(remembered, readings[uid]).effective for uid in uids}


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The catalogue as it was a moment ago."""

    entries: tuple[Catalogued, ...]

    def all(self) -> tuple[Catalogued, ...]:
        return self.entries


@dataclass(frozen=True, slots=True)
class _Readings:
    """The lineages as they were a moment ago."""

    by_uid: Mapping[str, Lineage]

    def of(self, uid: str) -> Lineage:
        return self.by_uid[uid]
