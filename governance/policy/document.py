"""A policy as frozen values: which places are protected, and what must be shown before one is entered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import yaml

from governance.canonical import digest
from governance.errors import Mistake, NotFound, UsageError
from governance.policy.access import ANYWHERE, AccessRule, Regions
from governance.policy.conditions import CHAINS, EVERY_LABEL, FLAGS, SETS, Range, When
from governance.policy.exceptions import BreakGlassRule, WaiverRule
from governance.policy.names import canonical_name, imitates, looks_like, matches

__all__ = [
    "CHAINS",
    "CHOSEN_BY",
    "FLAGS",
    "SCHEMA",
    "SETS",
    "CheckUse",
    "Enforcement",
    "Policy",
    "Range",
    "Role",
    "Rule",
    "Target",
    "When",
    "canonical_name",
    "looks_like",
]

SCHEMA = "governance/policy/v1"

CHOSEN_BY = "policy threshold chosen by controller"
"""Stands beside every threshold: no regulator set it."""


class Enforcement(str, Enum):
    """What a check of a rule does when it does not pass; strictest first."""

    DENY = "deny"
    WARN = "warn"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Target:
    """A protected place: entering it by alias, by stage or by name is a promotion."""

    name: str
    aliases: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """Patterns of registered-model names; creating or copying a version into one is a promotion."""
    for_models: tuple[str, ...] = ("*",)
    """Patterns of registered-model names that `aliases` and `stages` speak of."""
    purpose: str | None = None
    """What the model will be used for there."""
    region: str | None = None
    """Where it will be held there."""

    def covers(self, model_name: str) -> bool:
        """Whether `aliases` and `stages` speak of that registered model."""
        return any(matches(model_name, pattern) for pattern in self.for_models)

    def to_json(self) -> dict[str, Any]:
        """The target as it stands in a policy document."""
        return {
            "aliases": list(self.aliases),
            "stages": list(self.stages),
            "models": list(self.models),
            "for_models": list(self.for_models),
        } | {key: value for key in ("purpose", "region") if (value := getattr(self, key)) is not None}


@dataclass(frozen=True, slots=True)
class Role:
    """A hat, and the people who may wear it under this policy, as the server knows them."""

    name: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """Groups, as the server's log-in knows them, whose members may wear it."""

    def to_json(self) -> dict[str, list[str]]:
        """The role as it stands in a policy document."""
        return {"users": list(self.users)} | ({"groups": list(self.groups)} if self.groups else {})


@dataclass(frozen=True, slots=True)
class CheckUse:
    """A check that a rule asks for, with its parameters, defaults filled in."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str | dict[str, dict[str, Any]]:
        """The check as it stands in a policy document."""
        return {self.name: dict(self.parameters)} if self.parameters else self.name

    def __str__(self) -> str:
        given = ", ".join(f"{key} {_plain(value)}" for key, value in self.parameters.items())
        return f"{self.name} ({given})" if given else self.name


def _plain(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Rule:
    """When the label is like this, these checks must pass on the way to these targets."""

    name: str
    checks: tuple[CheckUse, ...]
    when: When = EVERY_LABEL
    targets: tuple[str, ...] | None = None
    """None means all."""
    enforcement: Enforcement = Enforcement.DENY
    description: str = ""

    def concerns(self, target: str) -> bool:
        """Whether the rule speaks of that target."""
        return self.targets is None or target in self.targets

    def to_json(self) -> dict[str, Any]:
        """The rule as it stands in a policy document."""
        data: dict[str, Any] = {"name": self.name}
        if self.description:
            data["description"] = self.description
        if when := self.when.to_json():
            data["when"] = when
        if self.targets is not None:
            data["targets"] = list(self.targets)
        return data | {
            "enforcement": self.enforcement.value,
            "checks": [use.to_json() for use in self.checks],
        }


# No slots: digest and text are kept where they were computed.
@dataclass(frozen=True)
class Policy:
    """A whole policy, everything it extends already merged in."""

    name: str
    targets: Mapping[str, Target]
    roles: Mapping[str, Role]
    rules: tuple[Rule, ...]
    description: str = ""
    justification: str = ""
    """Why the controller chose these thresholds."""
    max_age_days: int | None = None
    """Attack measurements older than this do not count; None means that they do not age."""
    evidence_signed_by: tuple[str, ...] = ()
    """Of these one must have signed evidence for it to count; empty lets unsigned evidence count."""
    approvals_signed: bool = False
    """Whether approvals, waivers and broken glass count only with a signature of the person's own key."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Public keys (PEM or OpenSSH) of people and services, by name."""
    waivers: Mapping[str, WaiverRule] = field(default_factory=dict)
    """By check; a check that is not here cannot be waived."""
    break_glass: BreakGlassRule | None = None
    access: tuple[AccessRule, ...] = ()
    """Every rule that looks at the label must be satisfied; where none looks, everybody may."""
    regions: Regions = ANYWHERE
    warnings: tuple[Mistake, ...] = ()
    """What keeps the policy from being fulfilled, but does not make it wrong."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the whole document; comments and lay-out do not count."""
        return digest(self.to_json())

    @cached_property
    def text(self) -> str:
        """The resolved document as YAML, for the archive; parsing it gives this policy again."""
        return str(yaml.safe_dump(self.to_json(), sort_keys=False, allow_unicode=True, width=100))

    @property
    def threshold_note(self) -> str:
        """What a report prints beside every threshold."""
        why = self.justification or "no justification is given in the policy"
        return f"{CHOSEN_BY} ({self.name}): {why}"

    def target(self, name: str) -> Target:
        """The target of that name.

        Raises:
            NotFound: there is none; the message lists those there are.
        """
        for target in self.targets.values():
            if canonical_name(target.name) == canonical_name(name):
                return target
        raise NotFound(
            f"Policy {self.name!r} has no target {name!r}; it has {', '.join(self.targets)}.",
            "Choose one of them, or add the target to the policy.",
        )

    def target_for_alias(self, model_name: str, alias: str) -> Target | None:
        """The target that a registered model enters when that alias is moved."""
        for target in self.targets.values():
            if canonical_name(alias) in map(canonical_name, target.aliases) and target.covers(model_name):
                return target
        return None

    def target_for_stage(self, model_name: str, stage: str) -> Target | None:
        """The target that a registered model enters with that stage."""
        for target in self.targets.values():
            if canonical_name(stage) in map(canonical_name, target.stages) and target.covers(model_name):
                return target
        return None

    def target_for_model(self, name: str) -> Target | None:
        """The target that a version enters when it is created in, or copied into, that registered model."""
        for target in self.targets.values():
            if any(matches(name, pattern) for pattern in target.models):
                return target
        return None

    def resolve(self, word: str, model_name: str | None = None) -> tuple[Target, str | None]:
        """The target, and the alias to move, that a word on the command line means.

        A target's name means its first alias, None if it has none; `champion` or `@champion` means
        the alias itself. Where a word is both, it is the target, and `@word` the alias.

        Args:
            word: As it was typed.
            model_name: The registered model in question, where several targets share an alias.

        Raises:
            NotFound: it is neither.
            UsageError: it is an alias of several targets, and no model name tells which.
        """
        if not word.startswith("@"):
            for target in self.targets.values():
                if canonical_name(target.name) == canonical_name(word):
                    return target, next(iter(target.aliases), None)
        found = [
            (target, alias)
            for target in self.targets.values()
            for alias in target.aliases
            if canonical_name(alias) == canonical_name(word.removeprefix("@"))
            and (model_name is None or target.covers(model_name))
        ]
        if len(found) > 1:
            raise UsageError(
                f"{word!r} is an alias of several targets of policy {self.name!r}:"
                f" {', '.join(target.name for target, _ in found)}.",
                "Name the target instead.",
            )
        if not found:
            aliases = dict.fromkeys(f"@{a}" for target in self.targets.values() for a in target.aliases)
            raise NotFound(
                f"Policy {self.name!r} has no target and no protected alias {word!r};"
                f" it has {', '.join([*self.targets, *aliases])}.",
                "Choose one of them, or add the target to the policy.",
            )
        return found[0]

    def lookalike(self, name: str) -> str | None:
        """The protected name that an alias, stage or registered-model name imitates, if it does."""
        protected = [word for target in self.targets.values() for word in (*target.aliases, *target.stages)]
        if canonical_name(name) in map(canonical_name, protected):
            return None
        for word in protected:
            if looks_like(name, word):
                return word
        for target in self.targets.values():
            for pattern in (*target.models, *target.for_models):
                if imitates(name, pattern):
                    return pattern
        return None

    def roles_of(self, user: str, groups: Collection[str] = ()) -> frozenset[str]:
        """The roles somebody holds. Spelling counts: another spelling may be another account."""
        return frozenset(
            role.name
            for role in self.roles.values()
            if user in role.users or not set(groups).isdisjoint(role.groups)
        )

    def to_json(self) -> dict[str, Any]:
        """The resolved document as JSON values."""
        data: dict[str, Any] = {"schema": SCHEMA, "name": self.name}
        for key in ("description", "justification"):
            if value := getattr(self, key):
                data[key] = value
        if evidence := self._evidence():
            data["evidence"] = evidence
        return (
            data
            | {
                "targets": {name: target.to_json() for name, target in self.targets.items()},
                "roles": {name: role.to_json() for name, role in self.roles.items()},
                "rules": [rule.to_json() for rule in self.rules],
            }
            | self._optional_sections()
        )

    def _evidence(self) -> dict[str, Any]:
        age = {} if self.max_age_days is None else {"max_age_days": self.max_age_days}
        return age | ({"signed_by": list(self.evidence_signed_by)} if self.evidence_signed_by else {})

    def _optional_sections(self) -> dict[str, Any]:
        sections: dict[str, Any] = {
            "approvals": {"signed": True} if self.approvals_signed else {},
            "keys": {name: list(keys) for name, keys in self.keys.items()},
            "waivers": {name: rule.to_json() for name, rule in self.waivers.items()},
            "break_glass": self.break_glass.to_json() if self.break_glass else {},
            "access": [rule.to_json() for rule in self.access],
            "regions": self.regions.to_json(),
        }
        return {name: section for name, section in sections.items() if section}
