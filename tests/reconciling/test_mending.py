"""What can be put right without a judgement is; what leaves service leaves it with a reason."""

from __future__ import annotations

from typing import Any

from governance.domain.discrepancy import Kind
from governance.domain.manifest import Manifest
from governance.domain.subject import VersionName
from governance.inventory import Row
from governance.mending import mend, settled, to_vacate


def test_what_is_mended(clinic: Any) -> None:
    """Adopted, buried, recorded as left, swept; what needs a judgement is left alone and stays harmful."""
    clinic.register(aliases=("champion",))
    clinic.register("u2", version=2)
    subject = clinic.champion("u3", 3)
    clinic.serve(subject, clinic.frozen, aliases=())
    del clinic.registry.table[VersionName("risk", 2)]
    new = VersionName("risk", 4)
    clinic.registry.table[new] = Row(new, None, "None", (), "somewhere", True)
    clinic.registry.orphans = ["frozen/0"]
    dora = clinic.asking()

    mended = mend(clinic.registry, clinic.look(), dora)

    assert [
        ("ungated-promotion", False, True),
        ("decision-without-change", True, False),
        ("unregistered", True, False),
        ("tombstone-mismatch", True, False),
        ("unfinished-freeze", True, False),
    ] == [(m.discrepancy.kind.value, m.discrepancy.mended, m.discrepancy.harmful) for m in mended]
    ((place, reason),) = clinic.registry.left
    assert ("alias @champion of risk", "u3") == (place.words, place.uid)
    assert "the registry did not have it there" == reason
    assert {"adopted"} == {row.uid for name, row in clinic.registry.table.items() if name == new}
    assert [] == clinic.registry.orphans


def test_what_leaves_service(clinic: Any) -> None:
    """Harmful findings about an alias or a stage; a name cannot be left, and an origin is nobody's reason."""
    subject = clinic.champion()
    clinic.serve(subject, "evil")
    clinic.registry.trees["origin/u1"] = Manifest(())
    del clinic.registry.trees[clinic.frozen]
    clinic.register("u2", "released-risk")
    found = clinic.look(read_bytes=True)

    leaving = to_vacate(found)

    assert {
        "alias @champion of risk": "unfrozen: served from evil; lost-frozen: nothing is there",
    } == {place.words: why for place, why in leaving.items()}
    assert {"unfrozen"} == {one.discrepancy.kind.value for one in found if settled(one, leaving)}


def test_every_kind_says_whether_it_harms() -> None:
    """What is merely worth knowing never changes the exit code, nor takes anything out of service."""
    harmless = {kind for kind in Kind if not kind.harmful}

    assert {Kind.EXCEPTIONAL, Kind.UNREGISTERED, Kind.UNFINISHED_FREEZE} == harmless
    assert not any(kind.ends_service for kind in harmless)
