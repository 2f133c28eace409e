"""The sensitivity label: a product of ten join-semilattices, and how a model inherits it.

Joining never lowers: `a <= join(a, b)`. What is unknown is `TOP`, so a gap in the lineage denies.
Two kinds of set dimension exist. Categories grow under join (union); permissions shrink under join
(intersection). In both, `EVERYTHING` stands for "all there are": the top of a union, the bottom of
an intersection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import IntEnum
from functools import reduce
from typing import Any

EVERYTHING: frozenset[str] = frozenset({"*"})

SPECIAL_CATEGORIES = frozenset(
    {
        "racial_ethnic",
        "political",
        "religious_philosophical",
        "trade_union",
        "genetic",
        "biometric_id",
        "health",
        "sex_life_orientation",
        "criminal_art10",
    }
)
"""GDPR Art. 9(1) and Art. 10."""

HIGHLY_PERSONAL = frozenset({"financial", "location", "communications"})
"""Not in Art. 9, treated alike (WP248 criterion 4); `hipaa_id:<name>` belongs here too."""

VULNERABLE_SUBJECTS = frozenset({"child", "elderly", "patient", "employee", "asylum_seeker"})
"""Data subjects who cannot easily object (WP248 criterion 7)."""


class Ordered(IntEnum):
    """A chain; its members are written in lower case in files and reports."""

    @property
    def word(self) -> str:
        """How the value is written in a policy, a label file or a report."""
        return self.name.lower()


class Confidentiality(Ordered):
    """How far the data may be shown."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3


class Identifiability(Ordered):
    """Whether the controller can tell who a record is about."""

    NON_PERSONAL = 0
    ANONYMISED_BY_SOURCE = 1
    PSEUDONYMISED = 2
    PERSONAL = 3


class Consent(Ordered):
    """Whether the consent relied on still stands."""

    NOT_RELIED_ON = 0
    VALID = 1
    PARTIALLY_WITHDRAWN = 2
    INVALID = 3


class LegalBasis(Ordered):
    """Whether somebody wrote down the legal basis."""

    DOCUMENTED = 0
    UNDER_REVIEW = 1
    MISSING = 2


def _union(a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    return EVERYTHING if (a | b) >= EVERYTHING else a | b


def _intersection(a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    if a >= EVERYTHING:
        return b
    return a if b >= EVERYTHING else a & b


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of the sensitivity of a dataset or of a model trained on it."""

    confidentiality: Confidentiality
    identifiability: Identifiability
    special_categories: frozenset[str]
    subject_categories: frozenset[str]
    purposes: frozenset[str]
    """Purposes the data may serve; the empty set is an unlawful combination."""
    regions: frozenset[str]
    """Regions in which it may be held; the empty set is an unlawful combination."""
    retention: date
    """The day after which it must be gone; `date.max` is no limit, `date.min` already expired."""
    consent: Consent
    legal_basis: LegalBasis
    provenance: frozenset[str]
    """`dataset@sha256` of everything that went in."""

    @property
    def vulnerable(self) -> bool:
        """Whether any data subject belongs to a group that cannot easily object."""
        return self.subject_categories == EVERYTHING or bool(self.subject_categories & VULNERABLE_SUBJECTS)


_JOINS: Mapping[str, Callable[[Any, Any], Any]] = {
    "confidentiality": max,
    "identifiability": max,
    "special_categories": _union,
    "subject_categories": _union,
    "purposes": _intersection,
    "regions": _intersection,
    "retention": min,
    "consent": max,
    "legal_basis": max,
    "provenance": _union,
}

DIMENSIONS: tuple[str, ...] = tuple(field.name for field in fields(Label))

BOTTOM = Label(
    confidentiality=Confidentiality.PUBLIC,
    identifiability=Identifiability.NON_PERSONAL,
    special_categories=frozenset(),
    subject_categories=frozenset(),
    purposes=EVERYTHING,
    regions=EVERYTHING,
    retention=date.max,
    consent=Consent.NOT_RELIED_ON,
    legal_basis=LegalBasis.DOCUMENTED,
    provenance=frozenset(),
)
"""The label of nothing: the neutral element of the join."""

TOP = Label(
    confidentiality=Confidentiality.RESTRICTED,
    identifiability=Identifiability.PERSONAL,
    special_categories=EVERYTHING,
    subject_categories=EVERYTHING,
    purposes=frozenset(),
    regions=frozenset(),
    retention=date.min,
    consent=Consent.INVALID,
    legal_basis=LegalBasis.MISSING,
    provenance=EVERYTHING,
)
"""The label of the unknown: nothing is permitted."""


def join(a: Label, b: Label) -> Label:
    """The least label that is at least as sensitive as both: idempotent, commutative, associative."""
    return Label(**{d: _JOINS[d](getattr(a, d), getattr(b, d)) for d in DIMENSIONS})


def join_all(labels: Iterable[Label]) -> Label:
    """The join of any number of labels; of none it is `BOTTOM`."""
    return reduce(join, labels, BOTTOM)


def at_most(a: Label, b: Label) -> bool:
    """Whether `a` is no more sensitive than `b` in any dimension."""
    return join(a, b) == b


@dataclass(frozen=True, slots=True)
class Contribution:
    """A label and where it came from: a dataset, a parent, a declaration, or a gap."""

    source: str
    label: Label
    reason: str
    via: str = ""
    """The parent model that brought it in, empty for what this version's own training read.

    A copy is no parent here: it is the same bytes, and what was said of them holds for it too.
    """

    @property
    def unknown(self) -> bool:
        """Whether this stands for something nobody could name."""
        return self.label.provenance >= EVERYTHING


@dataclass(frozen=True, slots=True)
class Cause:
    """One value of one dimension of an effective label, and the sources that brought it in."""

    dimension: str
    value: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Everything a version inherits; the effective label is computed from it, never stored."""

    contributions: tuple[Contribution, ...]

    @property
    def effective(self) -> Label:
        """The join of all contributions; a version without any is `TOP`, not `BOTTOM`."""
        return join_all(c.label for c in self.contributions) if self.contributions else TOP

    @property
    def unknown(self) -> tuple[Contribution, ...]:
        """The gaps, each with its reason."""
        return tuple(c for c in self.contributions if c.unknown)

    def because(self) -> tuple[Cause, ...]:
        """For every value of the effective label, the sources that caused it."""
        effective = self.effective
        causes: list[Cause] = []
        for dimension in DIMENSIONS:
            value = getattr(effective, dimension)
            for part in _parts(value):
                sources = tuple(
                    sorted(c.source for c in self.contributions if _brings(c.label, dimension, value, part))
                )
                causes.append(Cause(dimension, _word(part), sources))
        return tuple(causes)


def _parts(value: Any) -> list[Any]:
    return sorted(value) if isinstance(value, frozenset) and value else [value]


def _brings(label: Label, dimension: str, effective: Any, part: Any) -> bool:
    own = getattr(label, dimension)
    if dimension in ("purposes", "regions"):
        # Every restriction that is not "everything" helped to narrow the intersection.
        return bool(own != EVERYTHING or effective == EVERYTHING)
    if isinstance(own, frozenset):
        return bool(part in own or own == effective == frozenset())
    return bool(own == effective)


def _word(value: Any) -> str:
    if isinstance(value, Ordered):
        return value.word
    if isinstance(value, date):
        return {date.max: "no limit", date.min: "already expired"}.get(value, value.isoformat())
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    return "everything" if value == "*" else str(value)


def describe(label: Label) -> dict[str, str]:
    """A label in words, one entry a dimension, in a fixed order."""
    return {d: ", ".join(_word(part) for part in _parts(getattr(label, d))) for d in DIMENSIONS}


def to_json(label: Label) -> dict[str, Any]:
    """A label as JSON values; `from_json` is its inverse."""
    return {
        d: value.word
        if isinstance(value := getattr(label, d), Ordered)
        else value.isoformat()
        if isinstance(value, date)
        else sorted(value)
        for d in DIMENSIONS
    }


def from_json(data: Mapping[str, Any]) -> Label:
    """The inverse of `to_json`.

    Raises:
        ValueError: a dimension is missing, unknown, or holds a word that does not exist.
    """
    if set(data) != set(DIMENSIONS):
        raise ValueError(f"a label has exactly the dimensions {', '.join(DIMENSIONS)}")
    chains = {
        "confidentiality": Confidentiality,
        "identifiability": Identifiability,
        "consent": Consent,
        "legal_basis": LegalBasis,
    }
    values: dict[str, Any] = {}
    for dimension, value in data.items():
        if dimension in chains:
            values[dimension] = parse_word(chains[dimension], value)
        elif dimension == "retention":
            values[dimension] = date.fromisoformat(value)
        else:
            values[dimension] = frozenset(value)
    return Label(**values)


def parse_word(chain: type[Ordered], word: str) -> Any:
    """The member of a chain that is written `word`.

    Raises:
        ValueError: no member is; the message names those that exist.
    """
    for member in chain:
        if member.word == word:
            return member
    raise ValueError(f"{word!r} is none of {', '.join(m.word for m in chain)}")
