"""The hash chain of the audit log: each entry names the one before it, so none can be changed alone.

Rules, checked by `first_flaw`:
1. positions count 1, 2, 3, … without a gap;
2. an entry's parent is the hash of the entry before it, `GENESIS` for the first;
3. an entry's hash covers position, time, actor, type, body and parent.
Cutting off the end breaks no rule: only a checkpoint kept elsewhere shows that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import chain
from typing import Any

from governance.canonical import canonical, timestamp

GENESIS = "0" * 64
"""The parent of the first entry."""


class Body(Mapping[str, Any]):
    """An event's body as it was written down; it is not read before somebody looks into it.

    A text that is not the canonical form of a JSON object has the one key `unreadable`, with the text.
    """

    __slots__ = ("_fields", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._fields: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return f"Body({self.text!r})"

    def _read(self) -> dict[str, Any]:
        if self._fields is None:
            self._fields = _object(self.text)
        return self._fields


def _object(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
        if isinstance(fields, dict) and canonical(fields).decode() == text:
            return fields
    except (ValueError, RecursionError):
        pass
    return {"unreadable": text}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log."""

    position: int
    at: datetime
    actor: str
    type: str
    body: Mapping[str, Any]
    parent: str
    hash: str


def seal(position: int, at: datetime, actor: str, type: str, body: Mapping[str, Any], parent: str) -> Entry:
    """The entry with these contents and the hash that covers all of them."""
    return Entry(position, at, actor, type, body, parent, _hash(position, at, actor, type, body, parent))


def _hash(position: int, at: datetime, actor: str, type: str, body: Mapping[str, Any], parent: str) -> str:
    """The digest of the list of all six, put together from the text of the body where there is one.

    What stands before the body ends where JSON says it ends, and what stands behind it has one length:
    so no two different bodies, well written or not, make the same bytes.
    """
    text = body.text.encode() if isinstance(body, Body) else canonical(dict(body))
    parts = (timestamp(at).encode(), canonical(actor), canonical(type), text, canonical(parent))
    return sha256(b'[%d,"%b",%b,%b,%b,%b]' % (position, *parts)).hexdigest()


def _holds(entry: Entry) -> bool:
    try:
        return entry.hash == _hash(
            entry.position, entry.at, entry.actor, entry.type, entry.body, entry.parent
        )
    except (ValueError, TypeError):
        # Somebody wrote what no entry can hold, such as bytes for a name.
        return False


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first entry at which the chain does not hold, and how."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a walk over the chain found."""

    entries: int
    head: str
    flaw: Flaw | None


def verify(entries: Iterable[Entry], position: int = 0, head: str = GENESIS) -> Verification:
    """Walk the chain once, in constant memory, and stop at the first flaw.

    Args:
        entries: In order of position.
        position: Where a trusted checkpoint stands; 0 for the whole log.
        head: The hash at that checkpoint.
    """
    for entry in entries:
        if entry.position != position + 1:
            return Verification(position, head, Flaw(entry.position, f"expected position {position + 1}"))
        if entry.parent != head:
            return Verification(position, head, Flaw(entry.position, "its parent is not the entry before it"))
        if not _holds(entry):
            return Verification(position, head, Flaw(entry.position, "its contents do not match its hash"))
        position, head = entry.position, entry.hash
    return Verification(position, head, None)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the log ended once, kept where those who can change the log cannot change it."""

    position: int
    hash: str


def verify_from(checkpoint: Checkpoint, entries: Iterable[Entry]) -> Verification:
    """Walk the chain from the entry that a checkpoint names; its absence shows a log cut short.

    Args:
        checkpoint: What is trusted.
        entries: Those behind `checkpoint.position - 1`, in order of position.
    """
    if checkpoint.position == 0:
        return verify(entries)
    rest = iter(entries)
    first = next(rest, None)
    if first is None or first.position != checkpoint.position:
        reason = "it stands in the checkpoint and is no longer in the log"
        return Verification(0, GENESIS, Flaw(checkpoint.position, reason))
    if first.hash != checkpoint.hash:
        return Verification(0, GENESIS, Flaw(first.position, "its hash is not the one in the checkpoint"))
    return verify(chain([first], rest), first.position - 1, first.parent)
