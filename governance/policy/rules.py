"""The rules of one policy file: when they look at a label, and what they check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode

from governance.domain.label import (
    EVERYTHING,
    HIGHLY_PERSONAL,
    SPECIAL_CATEGORIES,
    VULNERABLE_SUBJECTS,
    Confidentiality,
    Consent,
    Identifiability,
    LegalBasis,
    Ordered,
    parse_word,
)
from governance.policy.checks import CHECKS
from governance.policy.checks.interface import OPTIONAL, REQUIRED, Choice, Flag, Number, Parameter
from governance.policy.document import CHAINS, FLAGS, SETS, CheckUse, Enforcement, Range, Rule, When
from governance.policy.drafts import Placed, Reference, read_name
from governance.policy.reading import Reading, expected, line

WORDS: Mapping[str, type[Ordered]] = {
    "confidentiality": Confidentiality,
    "identifiability": Identifiability,
    "consent": Consent,
    "legal_basis": LegalBasis,
}
"""The chains of a label, by the dimension's name."""

HIPAA = re.compile(r"hipaa_id:[a-z0-9_]+")


def read_rules(reading: Reading, node: Node) -> dict[str, Placed[Rule]]:
    """The rules of a file by name, in their order."""
    rules: dict[str, Placed[Rule]] = {}
    keys = ("name", "description", "when", "targets", "enforcement", "checks")
    for number, item in enumerate(reading.items(node, "rules"), start=1):
        fields = reading.fields(item, f"rules: rule {number}", keys)
        name = read_name(reading, fields["name"], f"rules: rule {number}: name") if "name" in fields else None
        if "name" not in fields and isinstance(item, MappingNode):
            reading.wrong(item, f"rules: rule {number}: the key 'name' is missing")
        if name in rules:
            message = f"two rules have the name {name!r}; the first is on line {rules[name].line}"
            reading.wrong(item, f"rules: rule {number}: {message}")
        elif isinstance(item, MappingNode):
            rules[name or f"rule {number}"] = _rule(reading, item, fields, name or f"rule {number}")
    return rules


def _rule(reading: Reading, node: Node, fields: Mapping[str, Node], name: str) -> Placed[Rule]:
    where = f"rule {name}"
    references: list[Reference] = []
    targets = None
    if "targets" in fields:
        texts = reading.texts(fields["targets"], f"{where}: targets")
        targets = tuple(text for text, _ in texts)
        references += [
            Reference("target", text, reading.file, line(item), f"{where}: targets") for text, item in texts
        ]
        if not fields["targets"].value:
            reading.wrong(fields["targets"], f"{where}: can never apply: it is for no target")
    enforcement = "deny"
    if "enforcement" in fields:
        words = [kind.value for kind in Enforcement]
        enforcement = reading.word(fields["enforcement"], f"{where}: enforcement", words) or "deny"
    checks = _checks(reading, node, fields, where, references)
    description = None
    if "description" in fields:
        description = reading.text(fields["description"], f"{where}: description")
    rule = Rule(
        name=name,
        checks=checks,
        when=read_when(reading, fields["when"], f"{where}: when") if "when" in fields else When(),
        targets=targets,
        enforcement=Enforcement(enforcement),
        description=description.strip() if description else "",
    )
    return Placed(rule, reading.file, line(node), tuple(references))


def _checks(
    reading: Reading, node: Node, fields: Mapping[str, Node], where: str, references: list[Reference]
) -> tuple[CheckUse, ...]:
    items = reading.items(fields["checks"], f"{where}: checks") if "checks" in fields else []
    if "checks" not in fields or fields["checks"].value == []:
        reading.wrong(node, f"{where}: has no checks, so it demands nothing; expected at least one")
    uses = (_check(reading, item, where, references) for item in items)
    return tuple(use for use in uses if use is not None)


def _check(reading: Reading, node: Node, where: str, references: list[Reference]) -> CheckUse | None:
    given: dict[str, tuple[Node, Node]] = {}
    if isinstance(node, ScalarNode):
        name, name_node = reading.text(node, f"{where}: checks"), node
    else:
        named = reading.entries(node, f"{where}: checks")
        if len(named) != 1:
            message = f"expected one check an entry, found {', '.join(named) or 'none'}"
            reading.wrong(node, f"{where}: checks: {message}")
            return None
        ((name, (name_node, parameters)),) = named.items()  # type: ignore[assignment]  # any node has a line
        given = reading.entries(parameters, f"{where}: {name}")
    if name is None:
        return None
    if name not in CHECKS:
        reading.wrong(name_node, f"{where}: unknown check {name!r}; {expected(name, CHECKS)}")
        return None
    return _check_use(reading, name_node, name, given, f"{where}: {name}", references)


def _check_use(
    reading: Reading,
    node: Node,
    name: str,
    given: Mapping[str, tuple[Node, Node]],
    where: str,
    references: list[Reference],
) -> CheckUse | None:
    check, values, sound = CHECKS[name], dict[str, Any](), True
    for key, (key_node, _) in given.items():
        if key not in check.parameters:
            reading.wrong(key_node, f"{where}: unknown parameter {key!r}; {expected(key, check.parameters)}")
            sound = False
    for key, parameter in check.parameters.items():
        if key not in given and parameter.default is OPTIONAL:
            continue
        if key in given:
            value = _parameter(reading, given[key][1], parameter, f"{where}: {key}", references)
        elif parameter.default is REQUIRED:
            reading.wrong(node, f"{where}: the parameter {key!r} is missing: {parameter.meaning}")
            value = None
        else:
            value = parameter.default
        sound = sound and value is not None
        values[key] = value
    if not sound:
        return None
    if contradiction := check.contradiction(values):
        reading.wrong(node, f"{where}: can never pass: {contradiction}")
        return None
    return CheckUse(name, MappingProxyType(values))


def _parameter(
    reading: Reading, node: Node, parameter: Parameter, where: str, references: list[Reference]
) -> Any:
    if isinstance(parameter, Number):
        return reading.number(node, where, parameter.interval, parameter.whole)
    if isinstance(parameter, Flag):
        return reading.flag(node, where)
    if isinstance(parameter, Choice):
        return reading.word(node, where, parameter.words)
    role = reading.text(node, where)
    if role is not None:
        references.append(Reference("role", role, reading.file, line(node), where))
    return role


def read_when(reading: Reading, node: Node, where: str) -> When:
    """The conditions under which a rule looks at a label."""
    fields = reading.fields(node, where, CHAINS + SETS + FLAGS)
    given: dict[str, Any] = {}
    for key, value in fields.items():
        if key in CHAINS:
            given[key] = _range(reading, value, WORDS[key], f"{where}.{key}")
        elif key in SETS:
            given[key] = _set(reading, value, key, f"{where}.{key}")
        else:
            given[key] = reading.flag(value, f"{where}.{key}")
    subjects = given.get("subject_categories") or frozenset()
    if given.get("vulnerable") is False and subjects and subjects <= VULNERABLE_SUBJECTS:
        message = f"can never apply: {', '.join(sorted(subjects))} are vulnerable"
        reading.wrong(fields["vulnerable"], f"{where}: {message}")
    return When(**given)


def _range(reading: Reading, node: Node, chain: type[Ordered], where: str) -> Range | None:
    fields = reading.fields(node, where, ["at_least", "at_most"])
    words = [member.word for member in chain]
    ends = {}
    for key, value in fields.items():
        word = reading.word(value, f"{where}.{key}", words)
        ends[key] = parse_word(chain, word) if word is not None else None
    if not fields and isinstance(node, MappingNode):
        reading.wrong(node, f"{where}: expected at_least or at_most, each one of {', '.join(words)}")
    low, high = ends.get("at_least"), ends.get("at_most")
    if low is not None and high is not None and low > high:
        reading.wrong(node, f"{where}: can never apply: at_least {low.word} is above at_most {high.word}")
    return Range(low, high)


def _set(reading: Reading, node: Node, key: str, where: str) -> frozenset[str] | None:
    if isinstance(node, ScalarNode):
        return EVERYTHING if reading.word(node, where, ["any"]) else None
    fields = reading.fields(node, where, ["any_of"])
    if "any_of" not in fields:
        if isinstance(node, MappingNode):
            reading.wrong(node, f"{where}: expected `any`, or any_of with a list of words")
        return None
    if fields["any_of"].value == []:
        reading.wrong(fields["any_of"], f"{where}.any_of: can never apply: the list is empty")
    texts = reading.texts(fields["any_of"], f"{where}.any_of")
    return frozenset(word for word, item in texts if category(reading, item, word, key, f"{where}.any_of"))


def category(reading: Reading, node: Node, word: str, key: str, where: str) -> bool:
    """Whether a word is a category; special ones are a closed list, subjects only have well-known ones."""
    if key == "special_categories":
        known = sorted(SPECIAL_CATEGORIES | HIGHLY_PERSONAL)
        if word in known or HIPAA.fullmatch(word):
            return True
        reading.wrong(node, f"{where}: unknown word {word!r}; {expected(word, [*known, 'hipaa_id:NAME'])}")
        return False
    if word in VULNERABLE_SUBJECTS:
        return True
    wanted = expected(word, sorted(VULNERABLE_SUBJECTS))
    if not re.fullmatch(r"[a-z][a-z0-9_]*", word) or wanted.startswith("did you mean"):
        reading.wrong(node, f"{where}: unknown word {word!r}; {wanted}, or another word in lower case")
        return False
    return True
