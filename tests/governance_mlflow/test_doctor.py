"""The doctor names everything that is not as the books say, each once, and mends only what is harmless."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import text

from governance.domain.label import Confidentiality
from governance.ports import Ailment
from governance_mlflow.doctor import examine

pytestmark = pytest.mark.slow


@pytest.fixture
def plain(tracking: Any) -> SqlAlchemyStore:
    """MLflow's own store over the same database: the way around the gate."""
    return SqlAlchemyStore(tracking.uri)


@pytest.fixture
def champion(store: Any, known: Any) -> Path:
    """A version promoted as it should be; returns its frozen tree."""
    known()
    store.set_registered_model_alias("risk", "champion", "1")
    return Path(store.get_model_version_download_uri("risk", "1"))


def kinds(store: Any, repair: bool = False) -> list[tuple[str, str, bool]]:
    """What the doctor finds, as (kind, subject, harmful); nobody is left without a next step."""
    found = examine(store, repair)
    assert all(ailment.remedy for ailment in found)
    return [(ailment.kind, ailment.subject, ailment.harmful) for ailment in found]


AS_CHAMPION = "models:/risk/1 as alias @champion of risk"


def test_nothing_is_wrong_with_an_empty_registry(store: Any) -> None:
    """Nothing was promoted, nothing is wrong."""
    assert () == examine(store, repair=True)


@pytest.mark.usefixtures("champion")
def test_nothing_is_wrong_after_a_promotion(store: Any) -> None:
    """As it should be, twice, and repairing changes nothing."""
    before = store.get_model_version_download_uri("risk", "1")

    assert ((), ()) == (examine(store, repair=False), examine(store, repair=True))
    assert (before, True) == (store.get_model_version_download_uri("risk", "1"), Path(before).is_dir())


def test_promotions_around_the_gate(store: Any, known: Any, plain: SqlAlchemyStore) -> None:
    """By alias, by stage and by name: what no decision allowed is named."""
    known()
    plain.set_registered_model_alias("risk", "champion", 1)
    plain.transition_model_version_stage("risk", 1, "Production", False)
    plain.create_registered_model("released-risk")
    plain.create_model_version("released-risk", "models:/risk/1")

    assert [
        ("ungated-promotion", AS_CHAMPION, True),
        ("ungated-promotion", "models:/released-risk/1 as a version of released-risk", True),
        ("ungated-promotion", "models:/risk/1 as stage Production of risk", True),
    ] == kinds(store)


def test_a_copy_into_a_protected_name_is_in_order(store: Any, known: Any) -> None:
    """It was judged by its origin, and serves the bytes that were approved."""
    known()
    store.copy_model_version(store.get_model_version("risk", "1"), "released-risk")

    assert [] == kinds(store)


def test_prompts_are_no_models(store: Any) -> None:
    """A prompt under a protected alias or name was never gated, and need not be."""
    store.create_prompt("released-greeting")
    store.create_prompt_version("released-greeting", "Hello {{name}}")
    store.set_registered_model_alias("released-greeting", "champion", 1)

    assert [] == kinds(store)
    with store.reading() as books:
        assert () == books.subjects.living("released-greeting", "default")


@pytest.mark.usefixtures("champion")
def test_a_version_served_from_elsewhere(store: Any, tracking: Any, plain: SqlAlchemyStore) -> None:
    """Who rewrites MLflow's row around the gate is found out."""
    elsewhere = tracking.write(str(tracking.folder / "evil"), {"MLmodel": "evil"})
    with plain.ManagedSessionMaker(read_only=False) as session:
        session.execute(text("UPDATE model_versions SET storage_location = :x"), {"x": elsewhere})

    (found,) = [a for a in examine(store, repair=False) if a.kind == "unfrozen"]

    assert (AS_CHAMPION, f"served from {elsewhere}") == (found.subject, found.observed)


@pytest.mark.usefixtures("champion")
def test_an_origin_that_was_overwritten(store: Any, tracking: Any) -> None:
    """Users are served the approved bytes; somebody wrote there all the same."""
    (origin,) = (tracking.folder / "artifacts").rglob("MLmodel")
    origin.write_text("flavors: {}\n# evil\n")
    (origin.parent / "extra").write_text("more")

    (found,) = examine(store, repair=False)

    assert ("tampered-origin", "models:/risk/1") == (found.kind, found.subject)
    assert found.observed.startswith("MLmodel: changed; extra: added (digest ")


@pytest.mark.usefixtures("champion")
def test_an_origin_that_is_gone(store: Any, tracking: Any) -> None:
    """Cleaning up where a model was trained is no tampering; what went in stays known, and is unread now."""
    (model,) = tracking.client.search_logged_models([tracking.experiment])
    shutil.rmtree(tracking.folder / "artifacts")

    assert [] == kinds(store)
    tracking.client.delete_logged_model(model.model_id)
    assert [("stale", AS_CHAMPION, True)] == kinds(store)


def test_frozen_bytes_that_were_changed(store: Any, champion: Path) -> None:
    """File by file; the version in service is judged anew, as what it is now."""
    (champion / "MLmodel").chmod(0o644)
    (champion / "MLmodel").write_text("evil")

    found = {ailment.kind: ailment for ailment in examine(store, repair=True)}

    assert ("MLmodel: changed", True) == (
        found["tampered-frozen"].observed,
        found["tampered-frozen"].harmful,
    )
    assert "evil" == (champion / "MLmodel").read_text()


def test_frozen_bytes_that_are_gone(store: Any, champion: Path) -> None:
    """Nobody can say what is served, and nobody can load it."""
    for folder in (champion, champion.parent):
        folder.chmod(0o755)
    shutil.rmtree(champion)

    assert [("undecidable", AS_CHAMPION, True), ("lost-frozen", str(champion), True)] == kinds(store)


@pytest.mark.usefixtures("champion")
def test_facts_that_no_longer_allow_it(store: Any, make: Any) -> None:
    """A dataset relabelled since reaches what is in service."""
    with store.writing() as books:
        (entry,) = books.catalogue.all()
        label = replace(entry.label, confidentiality=Confidentiality.RESTRICTED)
        books.catalogue.relabel(make.labelling(entry.dataset, minutes=1, label=label))

    (found,) = examine(store, repair=False)

    assert (
        Ailment(
            "stale",
            AS_CHAMPION,
            "the policy would refuse it today: approval",
            "facts that still allow it",
            "See what is missing: governance check models:/risk/1 --for production",
        )
        == found
    )


def test_a_copy_that_nothing_refers_to(store: Any, champion: Path) -> None:
    """What a killed promotion left is shown, and with `--repair` removed; the rest stays."""
    orphan, half = champion.parent / ("0" * 64), champion.parent / ".incoming-x"
    for folder in (orphan, half):
        folder.mkdir()
    (champion.parent / "README").write_text("somebody's")
    left = [("unfinished-freeze", str(half), False), ("unfinished-freeze", str(orphan), False)]

    assert (left, left, []) == (kinds(store), kinds(store, repair=True), kinds(store))
    assert {champion.name, "README"} == {entry.name for entry in champion.parent.iterdir()}


@pytest.mark.usefixtures("champion")
def test_a_log_that_was_changed(store: Any, plain: SqlAlchemyStore) -> None:
    """Whoever may drop triggers can change an entry, not hide it."""
    with plain.ManagedSessionMaker(read_only=False) as session:
        session.execute(text("DROP TRIGGER governance_audit_no_update"))
        session.execute(text("UPDATE governance_audit SET actor = 'nobody' WHERE position = 1"))

    assert [("broken-chain", "audit entry 1", True)] == kinds(store)


@pytest.mark.usefixtures("champion")
def test_a_policy_that_nobody_can_fulfil(store: Any, tracking: Any) -> None:
    """A role without people keeps its target closed for ever: worth knowing, no harm."""
    policy = tracking.folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("users: [dora]", "users: []"))

    ((kind, where, harmful),) = kinds(store)
    assert ("policy-warning", f"{policy}:", False) == (kind, where.rstrip("0123456789"), harmful)


def test_a_withdrawn_version_may_be_anything(store: Any, champion: Path) -> None:
    """What is not in service is not judged; its frozen bytes are still kept as they were approved."""
    del champion
    store.delete_registered_model_alias("risk", "champion")
    store.set_model_version_tag("risk", 1, ModelVersionTag("k", "v"))

    assert [] == kinds(store)
