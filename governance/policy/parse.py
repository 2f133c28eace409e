"""A policy from its file: what it extends merged in, and every mistake in it named at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from governance.errors import Mistake, NotFound, PolicyInvalid
from governance.policy.document import Policy
from governance.policy.drafts import Draft, Placed
from governance.policy.reading import LIMIT, expected
from governance.policy.sections import read_draft
from governance.policy.soundness import contradictions, warnings
from governance.resources import folder

T = TypeVar("T")

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
        mistakes += contradictions(draft, file)
    if mistakes or draft is None or draft.name is None:
        raise PolicyInvalid(tuple(dict.fromkeys(mistakes)))
    more = draft.optional
    return Policy(
        name=draft.name,
        targets=_values(draft.targets),
        roles=_values(draft.roles),
        rules=tuple(_values(draft.rules).values()),
        description=draft.description or "",
        justification=draft.justification or "",
        max_age_days=draft.max_age_days,
        evidence_signed_by=(more.evidence_signed_by.value or ()) if more.evidence_signed_by else (),
        approvals_signed=bool(more.approvals_signed),
        keys=MappingProxyType(
            {name: tuple(key.text for key in keys) for name, keys in _values(more.keys).items()}
        ),
        waivers=_values(more.waivers),
        break_glass=more.break_glass.value if more.break_glass else None,
        access=tuple(_values(more.access).values()),
        regions=more.regions,
        warnings=tuple(warnings(draft)),
    )


def _values(parts: Mapping[str, Placed[T]]) -> Mapping[str, T]:
    return MappingProxyType({name: part.value for name, part in parts.items() if part.value is not None})


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
