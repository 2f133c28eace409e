"""A policy file half-way: its parts with the lines they stand on, and how one file overrides another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from yaml.nodes import Node

from governance.policy.document import Role, Rule, Target
from governance.policy.reading import Reading

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that a rule uses; it is looked up once everything is merged."""

    kind: str
    """`target` or `role`."""
    word: str
    file: str
    line: int
    where: str


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A part of a policy and the line it stands on; `value` is None where it has mistakes."""

    value: T | None
    file: str
    line: int
    references: tuple[Reference, ...] = ()


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
            whole=base.whole,
        )


def read_name(reading: Reading, node: Node, where: str) -> str | None:
    """A name that a command line takes without quotes."""
    name = reading.text(node, where)
    if name is not None and not _NAME.fullmatch(name):
        reading.wrong(node, f"{where}: expected letters, digits, '_', '-' and '.', found {name!r}")
        return None
    return name
