"""A policy from its file: what it extends merged in, and every mistake in it named at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from governance.errors import Mistake, NotFound, PolicyInvalid
from governance.policy.document import Policy, Target
from governance.policy.drafts import Draft
from governance.policy.names import canonical_name, disjoint
from governance.policy.reading import LIMIT, expected
from governance.policy.sections import read_draft
from governance.resources import folder

SUFFIX = ".yaml"


def load(source: str) -> Policy:
    """The policy that is shipped under a name (`baseline`), or that lies at a path.

    Raises:
        NotFound: there is neither.
        PolicyInvalid: it has mistakes; all of them are named.
    """
    path = _shipped(source) or Path(source)
    if not path.is_file():
        raise NotFound(
            f"There is no policy {source!r}: {expected(source, shipped())}, or the path of a YAML file.",
            "Choose one of them, or run: governance policy validate FILE",
        )
    mistakes: list[Mistake] = []
    text = _read(path, mistakes)
    if text is None:
        raise PolicyInvalid(tuple(mistakes))
    return parse(text, str(path))


def shipped() -> tuple[str, ...]:
    """The names of the shipped policies, sorted."""
    return tuple(sorted(path.stem for path in folder("policies").glob(f"*{SUFFIX}")))


def parse(text: str, file: str) -> Policy:
    """The policy in a text, which may extend others.

    Args:
        text: YAML, `governance/policy/v1`.
        file: What the text is called in mistakes, and where paths in `extends` are relative to.

    Raises:
        PolicyInvalid: it has mistakes; all of them are named.
    """
    mistakes: list[Mistake] = []
    draft = _resolved(text, file, (Path(file).resolve(),), mistakes)
    if draft is not None and draft.whole:
        mistakes += _contradictions(draft, file)
    if mistakes or draft is None or draft.name is None:
        raise PolicyInvalid(tuple(dict.fromkeys(mistakes)))
    return Policy(
        name=draft.name,
        targets=MappingProxyType({k: p.value for k, p in draft.targets.items() if p.value is not None}),
        roles=MappingProxyType({k: p.value for k, p in draft.roles.items() if p.value is not None}),
        rules=tuple(p.value for p in draft.rules.values() if p.value is not None),
        description=draft.description or "",
        justification=draft.justification or "",
        max_age_days=draft.max_age_days,
        warnings=tuple(_warnings(draft)),
    )


def _shipped(name: str) -> Path | None:
    """Where the shipped policy of that name lies; what looks like a path names none."""
    return folder("policies") / f"{name}{SUFFIX}" if name in shipped() else None


def _read(path: Path, mistakes: list[Mistake]) -> str | None:
    try:
        with path.open("rb") as stream:
            # One byte more shows that there is more, without reading all of it.
            return stream.read(LIMIT + 1).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mistakes.append(Mistake(str(path), 1, f"not UTF-8 text: {error.reason} at byte {error.start}"))
    except OSError as error:
        mistakes.append(Mistake(str(path), 1, f"cannot be read: {error.strerror}"))
    return None


def _resolved(text: str, file: str, chain: tuple[Path, ...], mistakes: list[Mistake]) -> Draft | None:
    """The draft with all it extends, as far as that can be read."""
    draft, own = read_draft(text, file)
    mistakes += own
    if draft is None or draft.extends is None:
        return draft
    base = _base(draft.extends, draft.extends_line, file, chain, mistakes)
    return replace(draft, whole=False) if base is None else draft.over(base)


def _base(
    extends: str, line: int, file: str, chain: tuple[Path, ...], mistakes: list[Mistake]
) -> Draft | None:
    path = _shipped(extends) or Path(file).parent / extends
    if Path(extends).is_absolute() or not path.is_file():
        wanted = f"{expected(extends, shipped())}, or the path of a file relative to this one"
        mistakes.append(Mistake(file, line, f"extends: there is no policy {extends!r}; {wanted}"))
        return None
    if path.resolve() in chain:
        again = " -> ".join(p.name for p in (*chain, path))
        mistakes.append(Mistake(file, line, f"extends: goes round in a circle: {again}"))
        return None
    text = _read(path, mistakes)
    return None if text is None else _resolved(text, str(path), (*chain, path.resolve()), mistakes)


def _contradictions(draft: Draft, file: str) -> Iterator[Mistake]:
    """What is wrong between the parts, each of which is sound by itself."""
    if not draft.targets:
        yield Mistake(file, 1, "the policy is empty: it has no targets, so it protects nothing")
    if not draft.rules:
        yield Mistake(file, 1, "the policy is empty: it has no rules, so it lets nothing through")
    known = {"target": draft.targets, "role": draft.roles}
    for rule in draft.rules.values():
        for used in rule.references:
            if used.word not in known[used.kind]:
                message = f"undefined {used.kind} {used.word!r}; {expected(used.word, known[used.kind])}"
                yield Mistake(used.file, used.line, f"{used.where}: {message}")
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


def _warnings(draft: Draft) -> Iterator[Mistake]:
    """Approvals that nobody, or too few people, could give."""
    for rule in draft.rules.values():
        for use in rule.value.checks if rule.value is not None else ():
            if use.name != "approval":
                continue
            role, count = use.parameters["role"], use.parameters["count"]
            placed = draft.roles.get(role)
            users = placed.value.users if placed is not None and placed.value is not None else ()
            if len(users) < count:
                message = (
                    f"rule {rule.value.name if rule.value else ''}: {count} holding the role {role!r}"
                    f" must approve, and {len(users) or 'nobody'} does;"
                    " name people under roles in a policy that extends this one"
                )
                yield Mistake(rule.file, rule.line, message)
