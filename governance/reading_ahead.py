"""Books that have read ahead: what judging many versions asks for, in a handful of statements.

Whatever they were not read for, they ask the books behind them, one by one: an answer is never wrong,
at worst slow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from governance.domain.dataset import Catalogued
from governance.domain.lineage import Lineage
from governance.ports import Books


def read_ahead(books: Books, judged: Mapping[str, Collection[str]]) -> Books:
    """The same books, with everything at hand that `promoting.assemble` asks of these versions.

    Args:
        judged: By uid, the digests of the manifests by which a version is to be judged.
    """
    uids = judged.keys()
    seen = _each(books.evidence.seen_each, uids)
    digests = {digest for found in (*judged.values(), *seen.values()) for digest in found}
    about = _each(books.evidence.about_each, digests)
    approvals, acts = _each(books.approvals.of_each, uids), _each(books.acts.of_each, uids)
    names = {one.digest for found in (about, approvals, acts) for given in found.values() for one in given}
    lineages, catalogue = _lineages(books, uids), books.catalogue.all()
    return replace(
        books,
        catalogue=_Catalogue(books.catalogue, catalogue),
        lineages=_AtHand(books.lineages, of=lineages),
        evidence=_AtHand(books.evidence, about=about, seen=seen),
        approvals=_AtHand(books.approvals, of=approvals),
        acts=_AtHand(books.acts, of=acts),
        signatures=_Signatures(books.signatures, _each(books.signatures.of, names)),
        ledger=_AtHand(
            books.ledger, spends=_each(books.ledger.spends_each, _budgeted(catalogue, lineages.values()))
        ),
    )


def _each(read: Callable[[Collection[str]], Mapping[str, Any]], keys: Collection[str]) -> dict[str, Any]:
    """The answer for each key; nothing is an answer too, and need not be asked for again."""
    return dict.fromkeys(keys, ()) | dict(read(keys))


def _lineages(books: Books, uids: Iterable[str]) -> dict[str, Lineage]:
    """The lineages of versions and of all that they come from, a generation at a time."""
    found: dict[str, Lineage] = {}
    wanted = set(uids)
    while wanted:
        found |= {uid: Lineage() for uid in wanted} | books.lineages.of_each(wanted)
        parents = {parent.uid for uid in wanted for parent in found[uid].parents if parent.uid}
        wanted = parents - found.keys()
    return found


def _budgeted(catalogue: Iterable[Catalogued], lineages: Iterable[Lineage]) -> set[str]:
    """Names of the datasets with a budget that these lineages can mean."""
    uses = {use for lineage in lineages for use in lineage.uses}
    contents, wholes = {use.sha256 for use in uses}, {use.part_of for use in uses}
    plain = {(use.name, use.mlflow_digest) for use in uses}
    return {
        found.name
        for found in (entry.dataset for entry in catalogue)
        if found.budget
        and (found.sha256 in contents or found.name in wholes or (found.name, found.mlflow_digest) in plain)
    }


class _AtHand:
    """A store in front of another, with answers of some of its questions at hand, by key."""

    def __init__(self, behind: Any, **answers: Mapping[str, Any]) -> None:
        self._behind = behind
        self._answers = answers

    def __getattr__(self, question: str) -> Any:
        ask, known = getattr(self._behind, question), self._answers.get(question)
        return ask if known is None else lambda key: known[key] if key in known else ask(key)


class _Signatures(_AtHand):
    def __init__(self, behind: Any, known: Mapping[str, Any]) -> None:
        super().__init__(behind)
        self._known = known

    def of(self, record_digests: Collection[str]) -> Any:
        if not self._known.keys() >= set(record_digests):
            return self._behind.of(record_digests)
        return {name: self._known[name] for name in record_digests if self._known[name]}


class _Catalogue(_AtHand):
    def __init__(self, behind: Any, entries: tuple[Catalogued, ...]) -> None:
        super().__init__(behind)
        self._entries = entries

    def all(self) -> tuple[Catalogued, ...]:
        return self._entries

    def named(self, name: str) -> tuple[Catalogued, ...]:
        return tuple(entry for entry in self._entries if entry.dataset.name == name)
