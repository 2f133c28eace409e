"""What is wrong between the parts of a policy, each sound by itself, and what nobody could fulfil."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import TypeVar

from governance.errors import Mistake
from governance.policy.document import Target
from governance.policy.drafts import Draft, Placed
from governance.policy.exceptions import WaiverRule
from governance.policy.names import canonical_name, disjoint
from governance.policy.reading import expected
from governance.resources import folder

T = TypeVar("T")

NAME_PEOPLE = "name people under roles in a policy that extends this one"


def contradictions(draft: Draft, file: str) -> Iterator[Mistake]:
    """Every mistake between the parts of a policy, once all that it extends is merged in."""
    if not draft.targets:
        yield Mistake(file, 1, "the policy is empty: it has no targets, so it protects nothing")
    if not draft.rules:
        yield Mistake(file, 1, "the policy is empty: it has no rules, so it lets nothing through")
    yield from _undefined(draft)
    yield from _claims(draft)
    yield from _shared_keys(draft)


def _undefined(draft: Draft) -> Iterator[Mistake]:
    known: dict[str, Collection[str]] = {
        "target": draft.targets,
        "role": draft.roles,
        "key": draft.optional.keys,
    }
    for part in chain(draft.rules.values(), draft.optional.parts()):
        for used in part.references:
            if used.word not in known[used.kind]:
                message = f"undefined {used.kind} {used.word!r}; {expected(used.word, known[used.kind])}"
                yield Mistake(used.file, used.line, f"{used.where}: {message}")


def _claims(draft: Draft) -> Iterator[Mistake]:
    for (one, a), (other, b) in combinations(draft.targets.items(), 2):
        if canonical_name(one) == canonical_name(other):
            yield Mistake(b.file, b.line, f"targets.{other}: the same name as {one!r} on line {a.line}")
        for claim in _claimed_twice(a.value, b.value) if a.value and b.value else ():
            yield Mistake(b.file, b.line, f"targets.{other}: {claim}, which target {one!r} claims already")


def _claimed_twice(a: Target, b: Target) -> Iterator[str]:
    """Places that two targets both claim, so that nobody could say which rules hold there."""
    if not all(disjoint(x, y) for x in a.for_models for y in b.for_models):
        for kind, ours, theirs in (("alias", b.aliases, a.aliases), ("stage", b.stages, a.stages)):
            taken = set(map(canonical_name, theirs))
            yield from (f"claims the {kind} {word!r}" for word in ours if canonical_name(word) in taken)
    for pattern in b.models:
        if not all(disjoint(pattern, other) for other in a.models):
            yield f"claims models named {pattern!r}"


def _shared_keys(draft: Draft) -> Iterator[Mistake]:
    """Keys under two names: a signature by one would answer for both."""
    owners: dict[str, str] = {}
    for name, placed in draft.optional.keys.items():
        for key in placed.value or ():
            owner = owners.setdefault(key.keyid, name)
            if owner != name:
                message = f"the key {key.keyid[:12]} is also one of {owner!r}; expected a key of its own"
                yield Mistake(placed.file, placed.line, f"keys.{name}: {message}")


def warnings(draft: Draft) -> Iterator[Mistake]:
    """What nobody, or too few people, could do; how many a group has is not known here."""
    yield from _approvals(draft)
    for check, waiver in draft.optional.waivers.items():
        yield from _waiver(draft, f"waivers.{check}", waiver)
    glass = draft.optional.break_glass
    if glass is not None and glass.value is not None:
        yield from _idle(draft, glass, glass.value.roles, "break_glass", "can break the glass")
    for name, rule in draft.optional.access.items():
        if rule.value is not None and rule.value.roles:
            yield from _idle(draft, rule, rule.value.roles, f"access rule {name}", "passes")
    if draft.optional.approvals_signed:
        yield from _keyless(draft)


def _idle(draft: Draft, part: Placed[T], roles: Sequence[str], where: str, deed: str) -> Iterator[Mistake]:
    """A part that is for holders of any of some roles, all of which nobody holds."""
    if not _offered(part) and not any(_held(draft, role) for role in roles):
        words = f"the role {roles[0]!r}" if len(roles) == 1 else f"any of the roles {', '.join(roles)}"
        message = f"nobody holds {words}, so nobody {deed}; {NAME_PEOPLE}"
        yield Mistake(part.file, part.line, f"{where}: {message}")


def _offered(part: Placed[T]) -> bool:
    """Whether a shipped policy offers it: an exception that nobody takes up is no flaw."""
    return Path(part.file).parent == folder("policies")


def _approvals(draft: Draft) -> Iterator[Mistake]:
    for rule in draft.rules.values():
        for use in rule.value.checks if rule.value is not None else ():
            if use.name != "approval":
                continue
            role, count = use.parameters["role"], use.parameters["count"]
            users = _users(draft, role)
            if users is not None and len(users) < count:
                message = (
                    f"rule {rule.value.name if rule.value else ''}: {count} holding the role {role!r}"
                    f" must approve, and {len(users) or 'nobody'} does; {NAME_PEOPLE}"
                )
                yield Mistake(rule.file, rule.line, message)


def _waiver(draft: Draft, where: str, part: Placed[WaiverRule]) -> Iterator[Mistake]:
    if part.value is None:
        return
    for role in part.value.roles:
        yield from _idle(draft, part, [role], where, "can waive it")
    users = [_users(draft, role) for role in part.value.roles]
    people = sorted({user for named in users if named for user in named})
    if all(users) and len(people) < part.value.count:
        message = f"{part.value.count} different people must sign, and only {', '.join(people)} could"
        yield Mistake(part.file, part.line, f"{where}: {message}; {NAME_PEOPLE}")


def _keyless(draft: Draft) -> Iterator[Mistake]:
    for name, role in draft.roles.items():
        without = [u for u in role.value.users if u not in draft.optional.keys] if role.value else []
        if without:
            message = f"approvals count only if they are signed, and no key is named for {', '.join(without)}"
            yield Mistake(role.file, role.line, f"roles.{name}: {message}; name it under keys")


def _users(draft: Draft, role: str) -> tuple[str, ...] | None:
    """Who holds a role; None where a group gives it, so that nobody here can tell."""
    placed = draft.roles.get(role)
    if placed is None or placed.value is None:
        return ()
    return None if placed.value.groups else placed.value.users


def _held(draft: Draft, role: str) -> bool:
    return _users(draft, role) != ()
