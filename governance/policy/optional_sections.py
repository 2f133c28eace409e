"""The sections that a policy may do without: keys, waivers, broken glass, access and regions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from yaml.nodes import MappingNode, Node, ScalarNode

from governance.errors import UsageError
from governance.policy.access import ANYWHERE, Access, AccessRule, Regions
from governance.policy.checks import CHECKS
from governance.policy.conditions import EVERY_LABEL
from governance.policy.drafts import OptionalSections, Placed, PublicKey, Reference, read_name
from governance.policy.exceptions import BreakGlassRule, WaiverRule
from governance.policy.reading import Interval, Reading, expected, line
from governance.policy.rules import read_when

KEYS = ("approvals", "keys", "waivers", "break_glass", "access", "regions")
"""The sections read here; `evidence.signed_by` stands in a section of its own."""

NEVER = "never"
"""Stands in place of a waiver or of break_glass to take away what an extended file says."""

NOT_WAIVED = ("actor-known", "approval")
"""Checks that no waiver lets pass: somebody asks, and somebody answers."""

MAX_DAYS = Interval(1, 365)
"""How long a waiver may last at most."""
MAX_HOURS = Interval(1, 72)
"""How long broken glass may last at most: over a long weekend."""


def read_optional(
    reading: Reading, fields: Mapping[str, Node], evidence: Mapping[str, Node]
) -> OptionalSections:
    """The optional sections among the fields of a document and of its section `evidence`."""
    return OptionalSections(
        evidence_signed_by=_signed_by(reading, evidence["signed_by"]) if "signed_by" in evidence else None,
        approvals_signed=_approvals(reading, fields["approvals"]) if "approvals" in fields else None,
        keys=_keys(reading, fields["keys"]) if "keys" in fields else {},
        waivers=_waivers(reading, fields["waivers"]) if "waivers" in fields else {},
        break_glass=_break_glass(reading, fields["break_glass"]) if "break_glass" in fields else None,
        access=_access(reading, fields["access"]) if "access" in fields else {},
        regions=_regions(reading, fields["regions"]) if "regions" in fields else ANYWHERE,
    )


def _signed_by(reading: Reading, node: Node) -> Placed[tuple[str, ...]]:
    where = "evidence.signed_by"
    texts = reading.texts(node, where)
    references = tuple(Reference("key", name, reading.file, line(item), where) for name, item in texts)
    return Placed(tuple(name for name, _ in texts), reading.file, line(node), references)


def _approvals(reading: Reading, node: Node) -> bool | None:
    fields = reading.fields(node, "approvals", ["signed"])
    return reading.flag(fields["signed"], "approvals.signed") if "signed" in fields else None


def _keys(reading: Reading, node: Node) -> dict[str, Placed[tuple[PublicKey, ...]]]:
    found = {}
    for name, (name_node, value) in reading.entries(node, "keys").items():
        where = f"keys.{name}"
        read = (_key(reading, item, text, where) for text, item in reading.texts(value, where))
        if value.value == []:
            reading.wrong(value, f"{where}: the list is empty; expected at least one public key")
        keys = tuple(key for key in read if key is not None)
        found[name] = Placed(keys, reading.file, line(name_node))
    return found


def _key(reading: Reading, node: Node, text: str, where: str) -> PublicKey | None:
    # Signing needs a library of its own, and few policies name keys.
    from governance.signing import keyid, load_public

    try:
        return PublicKey(text.strip(), keyid(load_public(text)))
    except UsageError as error:
        reading.wrong(node, f"{where}: {error.message}")
        return None


def _waivers(reading: Reading, node: Node) -> dict[str, Placed[WaiverRule]]:
    waivable = [name for name in CHECKS if name not in NOT_WAIVED]
    found = {}
    for check, (check_node, value) in reading.entries(node, "waivers").items():
        where = f"waivers.{check}"
        if check in NOT_WAIVED:
            reading.wrong(check_node, f"{where}: the check {check!r} can never be waived")
        elif check not in waivable:
            reading.wrong(check_node, f"waivers: unknown check {check!r}; {expected(check, waivable)}")
        found[check] = _waiver(reading, check_node, value, check, where)
    return found


def _waiver(reading: Reading, key: Node, node: Node, check: str, where: str) -> Placed[WaiverRule]:
    if _never(node):
        return Placed(None, reading.file, line(key))
    fields = _demanded(reading, node, where, ("roles", "max_days"), ("roles", "count", "max_days"))
    roles, references = _roles(reading, fields, where)
    days = _whole(reading, fields, "max_days", where, MAX_DAYS)
    count = _whole(reading, fields, "count", where, Interval(1, 100)) if "count" in fields else len(roles)
    if count is not None and count < len(roles):
        message = f"each of the {len(roles)} roles signs by another person; expected at least {len(roles)}"
        reading.wrong(fields["count"], f"{where}.count: {message}, found {count}")
    sound = roles and days is not None and count is not None
    rule = WaiverRule(check, roles, count or 0, days or 0) if sound else None
    return Placed(rule, reading.file, line(key), references)


def _break_glass(reading: Reading, node: Node) -> Placed[BreakGlassRule]:
    where = "break_glass"
    if _never(node):
        return Placed(None, reading.file, line(node))
    fields = _demanded(reading, node, where, ("roles", "max_hours"), ("roles", "max_hours"))
    roles, references = _roles(reading, fields, where)
    hours = _whole(reading, fields, "max_hours", where, MAX_HOURS)
    rule = BreakGlassRule(roles, hours) if roles and hours is not None else None
    return Placed(rule, reading.file, line(node), references)


def _access(reading: Reading, node: Node) -> dict[str, Placed[AccessRule]]:
    found: dict[str, Placed[AccessRule]] = {}
    for number, item in enumerate(reading.items(node, "access"), start=1):
        where = f"access: rule {number}"
        keys = ("name", "when", "roles", "actions", "purposes")
        fields = _demanded(reading, item, where, ("name", "roles"), keys)
        name = read_name(reading, fields["name"], f"{where}: name") if "name" in fields else None
        if name in found:
            message = f"two rules have the name {name!r}; the first is on line {found[name].line}"
            reading.wrong(item, f"{where}: {message}")
        elif name is not None:
            found[name] = _access_rule(reading, item, fields, name)
    return found


def _access_rule(reading: Reading, node: Node, fields: Mapping[str, Node], name: str) -> Placed[AccessRule]:
    where = f"access rule {name}"
    roles, references = _roles(reading, fields, where, at_least_one=False)
    when = read_when(reading, fields["when"], f"{where}: when") if "when" in fields else EVERY_LABEL
    rule = AccessRule(
        name=name,
        roles=roles,
        when=when,
        actions=_actions(reading, fields["actions"], f"{where}: actions")
        if "actions" in fields
        else tuple(Access),
        purposes=tuple(text for text, _ in reading.texts(fields["purposes"], f"{where}: purposes"))
        if "purposes" in fields
        else (),
    )
    return Placed(rule, reading.file, line(node), references)


def _actions(reading: Reading, node: Node, where: str) -> tuple[Access, ...]:
    words = [
        reading.word(item, where, [action.value for action in Access]) for item in reading.items(node, where)
    ]
    if node.value == []:
        reading.wrong(node, f"{where}: restricts nothing: the list is empty")
    return tuple(action for action in Access if action.value in words)


def _regions(reading: Reading, node: Node) -> Regions:
    fields = reading.fields(node, "regions", ["registry", "artifacts"])
    artifacts: dict[str, tuple[Node, Node]] = {}
    if "artifacts" in fields:
        artifacts = reading.entries(fields["artifacts"], "regions.artifacts")
    read = {
        pattern: reading.text(value, f"regions.artifacts.{pattern}")
        for pattern, (_, value) in artifacts.items()
    }
    return Regions(
        reading.text(fields["registry"], "regions.registry") if "registry" in fields else None,
        tuple((pattern, region) for pattern, region in read.items() if region is not None),
    )


def _never(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value == NEVER


def _demanded(
    reading: Reading, node: Node, where: str, demanded: Collection[str], known: Collection[str]
) -> dict[str, Node]:
    """The values of a mapping, with a mistake for each demanded key that it lacks."""
    fields = reading.fields(node, where, known)
    if isinstance(node, MappingNode):
        for key in demanded:
            if key not in fields:
                reading.wrong(node, f"{where}: the key {key!r} is missing")
    return fields


def _roles(
    reading: Reading, fields: Mapping[str, Node], where: str, at_least_one: bool = True
) -> tuple[tuple[str, ...], tuple[Reference, ...]]:
    if "roles" not in fields:
        return (), ()
    node, where = fields["roles"], f"{where}.roles" if " " not in where else f"{where}: roles"
    texts = reading.texts(node, where)
    seen: set[str] = set()
    for role, item in texts:
        if role in seen:
            reading.wrong(item, f"{where}: the role {role!r} stands twice")
        seen.add(role)
    if at_least_one and node.value == []:
        reading.wrong(node, f"{where}: the list is empty; expected at least one role")
    references = tuple(Reference("role", role, reading.file, line(item), where) for role, item in texts)
    return tuple(dict.fromkeys(role for role, _ in texts)), references


def _whole(
    reading: Reading, fields: Mapping[str, Node], key: str, where: str, interval: Interval
) -> int | None:
    if key not in fields:
        return None
    number = reading.number(fields[key], f"{where}.{key}", interval, whole=True)
    return None if number is None else int(number)
