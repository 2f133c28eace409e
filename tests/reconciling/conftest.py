"""Registry, frozen bytes and books held against each other, and what is mended: over the ports in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from governance.domain.dossier import Asking
from governance.domain.lineage import DatasetUse, Lineage, Parent, ParentKind
from governance.domain.manifest import File, Manifest
from governance.domain.subject import Subject, VersionName
from governance.errors import Undecided
from governance.inspecting import Inspection
from governance.inventory import Place, Row
from governance.memory import MemoryArchive
from governance.policy.parse import parse
from governance.promoting import Change, promote
from governance.reconciling import Cursor, reconcile
from governance.registering import bury, register

POLICY = parse(
    """
schema: governance/policy/v1
name: clinic
targets:
  production: { aliases: [champion], stages: [Production] }
  released: { models: ["released-*"] }
  newest: { aliases: [latest], for_models: ["nightly-*"] }
roles:
  dpo: { users: [dora] }
rules:
  - name: everything
    checks: [actor-known, lineage-known, consent-valid]
waivers:
  consent-valid: { roles: [dpo], max_days: 30 }
""",
    "clinic.yaml",
)

VISITS = Lineage((DatasetUse("r1", "visits", "0a1b2c3d", "s3://clinic/visits.parquet", "training"),))
MANIFEST = Manifest((File("MLmodel", 1, "a" * 64),))
FROZEN = f"frozen/{MANIFEST.digest}"


@dataclass
class Registry:
    """`inventory.Inventory`, `inventory.Snapshot` and `ports.Artifacts` over a dictionary of rows."""

    archive: MemoryArchive = field(default_factory=MemoryArchive)
    table: dict[VersionName, Row] = field(default_factory=dict)
    trees: dict[str, Manifest] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    left: list[tuple[Place, str]] = field(default_factory=list)

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        with self.archive.reading() as books:
            self.books = books
            yield self

    def rows(self, after: VersionName | None, limit: int) -> tuple[Row, ...]:
        names = sorted(name for name in self.table if after is None or _order(name) > _order(after))
        return tuple(self.table[name] for name in sorted(names, key=_order)[:limit])

    def gone(self, after: str, limit: int) -> tuple[Subject, ...]:
        known = (self.books.subjects.get(f"u{n}") for n in range(1, 10) if self._living(f"u{n}"))
        missing = [s for s in known if s.named not in self.table and s.uid > after]
        return tuple(sorted(missing, key=lambda subject: subject.uid)[:limit])

    def _living(self, uid: str) -> bool:
        found = self.books.subjects.get_each([uid])
        return bool(found) and self.books.subjects.find(found[uid].named) == found[uid]

    def origin(self, subject: Subject) -> Manifest | None:
        return self.trees.get(subject.source)

    def lineage(self, subject: Subject) -> Lineage:
        del subject
        return VISITS

    def leftovers(self, repair: bool) -> tuple[str, ...]:
        found = tuple(self.orphans)
        if repair:
            self.orphans.clear()
        return found

    def adopt(self, named: VersionName) -> bool:
        self.table[named] = replace(self.table[named], uid="adopted")
        return True

    def bury(self, subject: Subject, asking: Asking) -> bool:
        with self.archive.writing() as books:
            bury(books, subject, asking.at, str(asking.actor))
        return True

    def vacate(self, place: Place, asking: Asking, reason: str) -> bool:
        del asking
        self.left.append((place, reason))
        return True

    def manifest(self, uri: str) -> Manifest:
        if uri not in self.trees:
            raise Undecided(f"There is no tree at {uri}.")
        return self.trees[uri]

    def freeze(self, uri: str) -> tuple[Manifest, str]:
        self.trees[FROZEN] = self.manifest(uri)
        return self.trees[FROZEN], FROZEN

    def holds(self, frozen_uri: str) -> bool:
        return frozen_uri in self.trees


def _order(named: VersionName) -> tuple[str, str, int]:
    return named.workspace, named.name, named.version


@dataclass
class Clinic:
    """A registry with what a test puts into it."""

    make: Any
    registry: Registry = field(default_factory=Registry)
    policy = POLICY
    manifest = MANIFEST
    frozen = FROZEN

    def __post_init__(self) -> None:
        dataset = self.make.dataset()
        with self.registry.archive.writing() as books:
            books.catalogue.add(dataset, self.make.labelling(dataset))

    def register(self, uid: str = "u1", name: str = "risk", version: int = 1, **row: Any) -> Subject:
        subject = replace(self.make.subject(uid, name, version), source=f"origin/{uid}")
        self.registry.trees[subject.source] = MANIFEST
        with self.registry.archive.writing() as books:
            register(books, subject, VISITS, MANIFEST, None)
        fields = {"stage": "None", "aliases": (), "location": subject.source, "latest": True} | row
        self.registry.table[subject.named] = Row(subject.named, uid, **fields)
        return subject

    def promote(
        self, subject: Subject, change: str, target: str = "production", actor: str = "alice"
    ) -> None:
        """Let a version into a place; the registry's change is the test's own."""
        asked = Change(subject, subject.source, POLICY.target(target), change, "nothing")
        decision = promote(
            asked,
            POLICY,
            VISITS,
            Asking(actor, self.make.later(10)),
            artifacts=self.registry,
            reading=self.registry.archive.reading,
            writing=self.registry.archive.writing,
            carry_out=lambda uri: self.serve(subject, uri),
        )
        assert "allowed" == decision.outcome.value, decision.unmet

    def serve(self, subject: Subject, uri: str, **row: Any) -> None:
        table = self.registry.table
        table[subject.named] = replace(table[subject.named], location=uri, **row)

    def champion(self, uid: str = "u1", version: int = 1) -> Subject:
        """A version that was promoted as it should be."""
        subject = self.register(uid, version=version)
        self.promote(subject, "alias @champion of risk")
        self.serve(subject, FROZEN, aliases=("champion",))
        return subject

    def inspection(self, **options: Any) -> Inspection:
        now = options.pop("now", self.make.later(20))
        return Inspection(self.registry, self.registry, options.pop("policy", POLICY), now, **options)

    def look(self, **options: Any) -> list[Any]:
        pages = reconcile(self.inspection(**options), Cursor(), 10)
        return [one for page in pages for one in page.found]

    def asking(self) -> Asking:
        """Dora, later."""
        return Asking("dora", self.make.later(30))

    def copied(self, uid: str, origin: str) -> None:
        """Let a version be a copy of another."""
        parent = Parent(ParentKind.COPIED_FROM, "models:/risk/1", origin)
        with self.registry.archive.writing() as books:
            books.lineages.add(uid, Lineage(VISITS.uses, (parent,)))

    def found(self, **options: Any) -> list[tuple[str, str, str]]:
        return [
            (one.discrepancy.kind.value, one.discrepancy.subject, one.discrepancy.observed)
            for one in self.look(**options)
        ]


@pytest.fixture
def clinic(make: Any) -> Clinic:
    """A registry with one catalogued dataset."""
    return Clinic(make)
