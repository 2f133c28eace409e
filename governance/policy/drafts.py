"""A policy file half-way: its parts with the lines they stand on, and how one file overrides another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar

from yaml.nodes import Node

from governance.policy.access import ANYWHERE, AccessRule, Regions
from governance.policy.document import Role, Rule, Target
from governance.policy.exceptions import BreakGlassRule, WaiverRule
from governance.policy.reading import Reading

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that a part uses; it is looked up once everything is merged."""

    kind: str
    """`target`, `role` or `key`."""
    word: str
    file: str
    line: int
    where: str


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A part of a policy and the line it stands on.

    `value` is None where the part has mistakes, and where it takes away what an extended file says.
    """

    value: T | None
    file: str
    line: int
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as it was written, and the id that tells it from every other."""

    text: str
    keyid: str


@dataclass(frozen=True, slots=True)
class OptionalSections:
    """The sections that a policy may do without; None is what no file said."""

    evidence_signed_by: Placed[tuple[str, ...]] | None = None
    approvals_signed: bool | None = None
    keys: Mapping[str, Placed[tuple[PublicKey, ...]]] = field(default_factory=dict)
    waivers: Mapping[str, Placed[WaiverRule]] = field(default_factory=dict)
    break_glass: Placed[BreakGlassRule] | None = None
    access: Mapping[str, Placed[AccessRule]] = field(default_factory=dict)
    regions: Regions = ANYWHERE

    def over(self, base: OptionalSections) -> OptionalSections:
        """These sections merged into those they extend: parts of the same name are replaced whole."""
        return OptionalSections(
            evidence_signed_by=self.evidence_signed_by or base.evidence_signed_by,
            approvals_signed=base.approvals_signed
            if self.approvals_signed is None
            else self.approvals_signed,
            keys={**base.keys, **self.keys},
            waivers={**base.waivers, **self.waivers},
            break_glass=self.break_glass or base.break_glass,
            access={**base.access, **self.access},
            regions=_regions(self.regions, base.regions),
        )

    def parts(self) -> Iterator[Placed[Any]]:
        """Every part that may use names."""
        single = (part for part in (self.evidence_signed_by, self.break_glass) if part is not None)
        return chain(single, self.waivers.values(), self.access.values())


def _regions(own: Regions, base: Regions) -> Regions:
    # The first match counts: a file's own patterns come before those it extends.
    artifacts = dict(own.artifacts) | {k: v for k, v in base.artifacts if k not in dict(own.artifacts)}
    return Regions(own.registry or base.registry, tuple(artifacts.items()))


@dataclass(frozen=True, slots=True)
class Draft:
    """One file, or several already merged; None is what no file said."""

    name: str | None
    description: str | None
    justification: str | None
    max_age_days: int | None
    targets: Mapping[str, Placed[Target]]
    roles: Mapping[str, Placed[Role]]
    rules: Mapping[str, Placed[Rule]]
    optional: OptionalSections = field(default_factory=OptionalSections)
    extends: str | None = None
    extends_line: int = 1
    whole: bool = True
    """Whether all that it extends could be read."""

    def over(self, base: Draft) -> Draft:
        """This draft merged into the one it extends: parts of the same name are replaced whole."""
        return Draft(
            name=self.name,
            description=self.description or base.description,
            justification=self.justification or base.justification,
            max_age_days=base.max_age_days if self.max_age_days is None else self.max_age_days,
            targets={**base.targets, **self.targets},
            roles={**base.roles, **self.roles},
            rules={**base.rules, **self.rules},
            optional=self.optional.over(base.optional),
            whole=base.whole,
        )


def read_name(reading: Reading, node: Node, where: str) -> str | None:
    """A name that a command line takes without quotes."""
    name = reading.text(node, where)
    if name is not None and not _NAME.fullmatch(name):
        reading.wrong(node, f"{where}: expected letters, digits, '_', '-' and '.', found {name!r}")
        return None
    return name
