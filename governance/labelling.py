"""What a model version inherits: the join of everything that went into it, each part with its reason."""

from __future__ import annotations

from dataclasses import replace

from governance.domain.dataset import Catalogued, Dataset
from governance.domain.label import TOP, Contribution, Inheritance, Label
from governance.domain.lineage import DatasetUse, Lineage, ParentKind
from governance.ports import Books

UNRECORDED = Contribution(
    "unrecorded training data", TOP, "no dataset, parent model or other input was recorded for it"
)


def inherit(books: Books, lineage: Lineage) -> Inheritance:
    """Everything a lineage passes on; whatever in it is unknown contributes `TOP`."""
    found = _own(books, lineage)
    waiting = [(parent, "", "") for parent in lineage.parents]
    # By way in too: a base model that is also copied is both this version's own and not.
    visited: set[tuple[str, str]] = set()
    while waiting:
        parent, path, via = waiting.pop(0)
        how = f"{parent.kind.value} {parent.reference}"
        if parent.uid is None:
            reason = f"{path}{parent.kind.value}: the registry does not know this parent"
            found.append(Contribution(parent.reference, TOP, reason, parent.reference))
            continue
        via = via if parent.kind is ParentKind.COPIED_FROM else how
        if (parent.uid, via) in visited:
            continue
        visited.add((parent.uid, via))
        inherited, path = books.lineages.of(parent.uid), f"{path}{how}: "
        found += [replace(c, reason=path + c.reason, via=via) for c in _own(books, inherited)]
        waiting += [(further, path, via) for further in inherited.parents]
    # Two runs that read one dataset are one contribution; a parent that did is another. The shortest
    # way is found first.
    unique: dict[tuple[str, Label, str], Contribution] = {}
    for contribution in found or [UNRECORDED]:
        unique.setdefault((contribution.source, contribution.label, contribution.via), contribution)
    return Inheritance(tuple(unique.values()))


def _own(books: Books, lineage: Lineage) -> list[Contribution]:
    """What a lineage says without its parents."""
    if lineage == Lineage():
        return [UNRECORDED]
    return [
        *(found for use in lineage.uses for found in _from_use(books, use)),
        *(Contribution(gap.what, TOP, gap.reason) for gap in lineage.gaps),
    ]


def recognise(books: Books, use: DatasetUse) -> tuple[Catalogued, ...]:
    """The catalogued datasets that a use can mean, all of them: a doubtful use inherits every one.

    A dataset is recognised by its content (SHA-256), by the name of the dataset its records are said
    to be part of, or, where nobody stated the content, by MLflow's own (source, name, digest). That
    digest covers the first 10,000 rows and some columns only, and MLflow keeps the source that the
    first caller gave, so it never stands against a stated content.
    """
    # A dataset made in memory has no source: two of them agreeing on that agree on nothing.
    plain = use.sha256 is None and use.source != ""
    return tuple(
        entry
        for entry in books.catalogue.all()
        if entry.dataset.sha256 == use.sha256
        or entry.dataset.name == use.part_of
        or (plain and _as_mlflow_knows(entry.dataset) == (use.name, use.mlflow_digest, use.source))
    )


def _as_mlflow_knows(dataset: Dataset) -> tuple[str, str | None, str]:
    return dataset.name, dataset.mlflow_digest, dataset.source


def _from_use(books: Books, use: DatasetUse) -> list[Contribution]:
    known = recognise(books, use)
    if not known or (use.part_of and use.part_of not in {entry.dataset.name for entry in known}):
        wanted = use.part_of or use.name
        reason = f"run {use.run_id} read it, and the catalogue does not know it"
        return [Contribution(f"dataset {wanted!r}", TOP, reason)]
    how = "these records are part of it" if use.part_of else "this content was logged as an input"
    return [Contribution(entry.dataset.identity, entry.label, f"run {use.run_id}: {how}") for entry in known]
