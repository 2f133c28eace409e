"""What a model version inherits: the join of everything that went into it, each part with its reason."""

from __future__ import annotations

from governance.domain.dataset import Catalogued
from governance.domain.label import TOP, Contribution, Inheritance
from governance.domain.lineage import DatasetUse, Lineage, Parent, ParentKind
from governance.ports import Books


def inherit(books: Books, lineage: Lineage) -> Inheritance:
    """Everything a lineage passes on; whatever in it is unknown contributes `TOP`."""
    return Inheritance(_contributions(books, lineage, frozenset()))


def _contributions(books: Books, lineage: Lineage, visited: frozenset[str]) -> tuple[Contribution, ...]:
    found: list[Contribution] = []
    for use in lineage.uses:
        found += _from_use(books, use)
    for parent in lineage.parents:
        found += _from_parent(books, parent, visited)
    found += [Contribution(gap.what, TOP, gap.reason) for gap in lineage.gaps]
    if not found:
        reason = "no dataset, parent model or other input was recorded for it"
        found.append(Contribution("unrecorded training data", TOP, reason))
    # Two runs that read one dataset are one contribution; a parent that did is another.
    return tuple({(c.source, c.label, c.via): c for c in found}.values())


def recognise(books: Books, use: DatasetUse) -> tuple[Catalogued, ...]:
    """The catalogued datasets that a use can mean, all of them: a doubtful use inherits every one.

    A dataset is recognised by its content (SHA-256), by the name of the dataset its records are said
    to be part of, or by MLflow's own (source, name, digest). MLflow's digest alone would not do: it
    covers the first 10,000 rows and some columns only.
    """
    return tuple(
        entry
        for entry in books.catalogue.all()
        if entry.dataset.sha256 == use.sha256
        or entry.dataset.name == use.part_of
        or (entry.dataset.name, entry.dataset.mlflow_digest, entry.dataset.source)
        == (use.name, use.mlflow_digest, use.source)
    )


def _from_use(books: Books, use: DatasetUse) -> list[Contribution]:
    known = recognise(books, use)
    if not known or (use.part_of and use.part_of not in {entry.dataset.name for entry in known}):
        wanted = use.part_of or use.name
        reason = f"run {use.run_id} read it, and the catalogue does not know it"
        return [Contribution(f"dataset {wanted!r}", TOP, reason)]
    how = "these records are part of it" if use.part_of else "this content was logged as an input"
    return [Contribution(entry.dataset.identity, entry.label, f"run {use.run_id}: {how}") for entry in known]


def _from_parent(books: Books, parent: Parent, visited: frozenset[str]) -> list[Contribution]:
    if parent.uid is None:
        reason = f"{parent.kind.value}: the registry does not know this parent"
        return [Contribution(parent.reference, TOP, reason, parent.reference)]
    if parent.uid in visited:
        return []
    inherited = _contributions(books, books.lineages.of(parent.uid), visited | {parent.uid})
    how = f"{parent.kind.value} {parent.reference}"
    own = "" if parent.kind is ParentKind.COPIED_FROM else how
    return [Contribution(c.source, c.label, f"{how}: {c.reason}", c.via or own) for c in inherited]
