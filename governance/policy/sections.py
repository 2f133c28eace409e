"""One policy file as it stands, section by section, before anything it extends is merged in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from yaml.nodes import MappingNode, Node

from governance.errors import Mistake
from governance.policy.document import SCHEMA, Role, Target
from governance.policy.drafts import Draft, Placed, read_name
from governance.policy.optional_sections import KEYS as OPTIONAL
from governance.policy.optional_sections import read_optional
from governance.policy.reading import Interval, Reading, line
from governance.policy.rules import read_rules

T = TypeVar("T")

STAGES = ("Staging", "Production", "Archived")
"""The registry's stages; any other word would protect nothing."""

_KEYS = (
    "schema",
    "name",
    "description",
    "extends",
    "justification",
    "evidence",
    "targets",
    "roles",
    "rules",
    *OPTIONAL,
)
_ALIAS = re.compile(r"[\w-]+")
_PATTERN = re.compile(r"[^\[\]/:]+")


# A policy is loaded for every decision, and its text seldom changes in between.
@lru_cache(maxsize=32)
def read_draft(text: str, file: str) -> tuple[Draft | None, tuple[Mistake, ...]]:
    """The draft in a file's text and every mistake in it; no draft if it is no mapping at all."""
    reading = Reading(file, [])
    node = reading.compose(text)
    draft = _draft(reading, node) if node is not None else None
    return draft, tuple(reading.mistakes)


def _draft(reading: Reading, node: MappingNode) -> Draft:
    fields = reading.fields(node, "the document", _KEYS)
    for key in ("schema", "name"):
        if key not in fields:
            wanted = f"; expected {SCHEMA}" if key == "schema" else ""
            reading.wrong(node, f"the document: the key {key!r} is missing{wanted}")
    if "schema" in fields:
        reading.word(fields["schema"], "schema", [SCHEMA])
    evidence = {}
    if "evidence" in fields:
        evidence = reading.fields(fields["evidence"], "evidence", ["max_age_days", "signed_by"])
    texts = {key: _text(reading, fields, key) for key in ("description", "justification", "extends")}
    return Draft(
        name=read_name(reading, fields["name"], "name") if "name" in fields else None,
        description=texts["description"],
        justification=texts["justification"],
        max_age_days=_max_age_days(reading, evidence),
        targets=_named(reading, fields, "targets", _target),
        roles=_named(reading, fields, "roles", _role),
        rules=read_rules(reading, fields["rules"]) if "rules" in fields else {},
        optional=read_optional(reading, fields, evidence),
        extends=texts["extends"],
        extends_line=line(fields["extends"]) if "extends" in fields else 1,
    )


def _text(reading: Reading, fields: Mapping[str, Node], key: str) -> str | None:
    text = reading.text(fields[key], key) if key in fields else None
    return text.strip() if text else None


def _max_age_days(reading: Reading, evidence: Mapping[str, Node]) -> int | None:
    if "max_age_days" not in evidence:
        return None
    interval = Interval(1, 36_500)
    days = reading.number(evidence["max_age_days"], "evidence.max_age_days", interval, whole=True)
    return None if days is None else int(days)


def _named(
    reading: Reading, fields: Mapping[str, Node], key: str, read: Callable[[Reading, Node, str, str], T]
) -> dict[str, Placed[T]]:
    """The parts of a section that is a mapping from their names."""
    if key not in fields:
        return {}
    parts = {}
    for name, (name_node, node) in reading.entries(fields[key], key).items():
        where = f"{key}.{name}"
        value = read(reading, node, name, where) if read_name(reading, name_node, key) else None
        parts[name] = Placed(value, reading.file, line(name_node))
    return parts


def _target(reading: Reading, node: Node, name: str, where: str) -> Target:
    keys = ("aliases", "stages", "models", "for_models", "purpose", "region")
    fields = reading.fields(node, where, keys)
    lists = {
        key: tuple(
            text
            for text, item in (reading.texts(fields[key], f"{where}.{key}") if key in fields else ())
            if _place(reading, item, text, key, f"{where}.{key}")
        )
        for key in ("aliases", "stages", "models", "for_models")
    }
    if not any(key in fields for key in ("aliases", "stages", "models")) or not any(
        fields[key].value for key in ("aliases", "stages", "models") if key in fields
    ):
        message = "protects nothing; expected at least one of aliases, stages, models"
        reading.wrong(node, f"{where}: {message}")
    elif "for_models" in fields and not ("aliases" in fields or "stages" in fields):
        reading.wrong(fields["for_models"], f"{where}.for_models: limits nothing without aliases or stages")
    return Target(
        name=name,
        aliases=lists["aliases"],
        stages=lists["stages"],
        models=lists["models"],
        for_models=lists["for_models"] if "for_models" in fields else ("*",),
        purpose=reading.text(fields["purpose"], f"{where}.purpose") if "purpose" in fields else None,
        region=reading.text(fields["region"], f"{where}.region") if "region" in fields else None,
    )


def _place(reading: Reading, node: Node, text: str, key: str, where: str) -> bool:
    """Whether an alias, stage or pattern is one that the registry could ever see."""
    if key == "stages":
        return reading.word(node, where, STAGES) is not None
    if key == "aliases" and not _ALIAS.fullmatch(text):
        reading.wrong(node, f"{where}: expected letters, digits, '_' and '-' (no '@'), found {text!r}")
        return False
    if key in ("models", "for_models") and not _PATTERN.fullmatch(text):
        reading.wrong(node, f"{where}: expected a name with '*' and '?' as wild cards, found {text!r}")
        return False
    return True


def _role(reading: Reading, node: Node, name: str, where: str) -> Role:
    fields = reading.fields(node, where, ["users", "groups"])
    if not fields and isinstance(node, MappingNode):
        reading.wrong(node, f"{where}: expected users, groups or both; an empty list [] is allowed")
    members = {
        key: tuple(text for text, _ in reading.texts(item, f"{where}.{key}")) for key, item in fields.items()
    }
    return Role(name, members.get("users", ()), members.get("groups", ()))
