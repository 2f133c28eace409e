"""What a server reads for somebody, it reads for those whom the policy lets have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy import event

from governance_mlflow.artifacts.locations import places_of


def test_a_version_is_there_for_those_who_may_see_it(
    guarded: Any, register: Any, asking: Any, refused: Any
) -> None:
    """Whoever may not is refused the entry by number and by alias; the public version is everybody's."""
    register("visits", "maps")
    guarded.set_registered_model_alias("risk", "shadow", "1")
    guarded.set_registered_model_alias("risk", "open", "2")

    for read in (
        lambda: guarded.get_model_version("risk", "1"),
        lambda: guarded.get_model_version("risk", "01"),
        lambda: guarded.get_model_version_by_alias("risk", "shadow"),
    ):
        for stranger in ("bob", None):
            assert refused(stranger, read).startswith(
                "Reading the entry of models:/risk/1 is refused: to see"
            )
        with asking("rosa"):
            assert 1 == int(read().version)
    with asking(None):
        assert 2 == int(guarded.get_model_version("risk", "2").version)
        assert 2 == int(guarded.get_model_version_by_alias("risk", "open").version)


def test_what_a_version_was_called_last_is_never_passed_off_as_the_latest(
    guarded: Any, register: Any, refused: Any
) -> None:
    """`latest` is refused where the latest may not be seen; an older one does not take its place."""
    register("maps", "visits")

    assert "models:/risk/2" in refused("bob", lambda: guarded.get_model_version_by_alias("risk", "latest"))


def test_searches_leave_out_what_may_not_be_seen(guarded: Any, register: Any, asking: Any) -> None:
    """In every list there is, for one person and not for another; what nobody restricts stays."""
    register("visits", "maps", "visits")

    def lists() -> list[list[int]]:
        found = [
            guarded.search_model_versions(),
            guarded.search_model_versions("name = 'risk'", order_by=["version_number ASC"]),
            guarded.get_registered_model("risk").latest_versions,
            guarded.search_registered_models()[0].latest_versions,
            guarded.get_latest_versions("risk"),
            guarded.update_registered_model("risk", "described").latest_versions,
            guarded.rename_registered_model("risk", "other").latest_versions,
            guarded.rename_registered_model("other", "risk").latest_versions,
        ]
        return [[int(version.version) for version in versions] for versions in found]

    with asking("bob"):
        strangers = lists()
    with asking("rosa"):
        readers = lists()

    assert [[2], [2], [], [], [], [], [], []] == strangers
    assert [[3, 2, 1], [1, 2, 3], [3], [3], [3], [3], [3], [3]] == readers


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pages_are_full_and_complete(guarded: Any, register: Any, size: int, asking: Any) -> None:
    """Nothing is repeated or skipped between pages, and only the last is short."""
    register(*["maps", "visits", "visits", "maps", "visits", "maps", "maps", "visits"])
    order = ["version_number ASC"]

    pages, token = [], None
    with asking("bob"):
        while True:
            page = guarded.search_model_versions(None, size, order, token)
            pages.append([int(version.version) for version in page])
            token = page.token
            if token is None:
                break

    assert [1, 4, 6, 7] == [version for page in pages for version in page]
    assert all(len(page) == size for page in pages[:-1])


def test_bytes_are_found_by_those_who_may_load_them(
    guarded: Any, register: Any, asking: Any, refused: Any
) -> None:
    """Rosa sees the entry and not the bytes; Ada states a purpose and gets them."""
    location = register("visits")

    def load() -> Any:
        return guarded.get_model_version_download_uri("risk", "1")

    assert "rosa is not" in refused("rosa", load)
    assert "none was stated" in refused("ada", load, "")
    assert "'fun' was stated" in refused("ada", load, "fun")
    with asking("ada", "care"):
        assert location == load()


def test_what_is_read_for_nobody_is_not_judged(guarded: Any, register: Any, asking: Any) -> None:
    """Outside a request the plugin and its commands read; no policy is asked."""
    location = register("visits")

    assert location == guarded.get_model_version_download_uri("risk", "1")
    assert 1 == len(guarded.search_model_versions())
    with asking("bob"):
        assert location == guarded.location(guarded.subject("risk", "1"))
        with guarded.transaction():
            # A change that holds the gate must not wait for whoever waits for it to record an access.
            assert location == guarded.get_model_version_download_uri("risk", "1")


def test_whoever_may_not_see_a_version_does_not_get_it_by_changing_it(
    guarded: Any, register: Any, asking: Any, refused: Any
) -> None:
    """Describing and staging return the entry; copying uses the bytes. Nothing is changed."""
    register("visits")
    changes = (
        lambda: guarded.update_model_version("risk", "1", "mine"),
        lambda: guarded.transition_model_version_stage("risk", "1", "Staging", False),
        lambda: guarded.create_model_version("risk", "models:/risk/1"),
    )

    for change in changes:
        refused("bob", change)

    found = guarded.get_model_version("risk", "1")
    assert (None, "None", 1) == (found.description, found.current_stage, len(guarded.search_model_versions()))
    assert "'patients'" in refused("rosa", changes[2])
    with asking("ada", "care"):
        assert 2 == int(changes[2]().version)


def test_a_version_older_than_governance_is_unknown(guarded: Any, tracking: Any, refused: Any) -> None:
    """Of what nobody saw being registered, nothing is known: it has the highest label."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(tracking.uri).create_model_version("risk", tracking.model(None))

    assert "models:/risk/1" in refused("bob", lambda: guarded.get_model_version("risk", "1"))
    assert "models:/risk/1" in refused("bob", lambda: guarded.get_model_version_download_uri("risk", "1"))
    location = guarded.location(guarded.subject("risk", "1"))
    refused("bob", lambda: guarded.admit_reading(places_of(location)))


def test_prompts_are_no_models(guarded: Any, asking: Any) -> None:
    """A prompt has no bytes and no data behind it."""
    with asking("bob"):
        guarded.create_prompt("greeting", "Hello")
        guarded.create_prompt_version("greeting", "Hello, {{name}}")

        assert "Hello, {{name}}" == guarded.get_prompt_version("greeting", 1).template
        assert guarded.get_model_version_download_uri("greeting", 1)
        assert 1 == len(guarded.get_registered_model("greeting").latest_versions)


def test_a_policy_without_access_rules_costs_nothing(
    store: Any, tracking: Any, known: Any, asking: Any
) -> None:
    """Reads issue the statements of MLflow's own and no other."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    version, plain = known(), SqlAlchemyStore(tracking.uri)

    def statements(registry: Any) -> list[str]:
        said: list[str] = []

        def listen(*call: Any) -> None:
            said.append(call[2])

        event.listen(registry.engine, "before_cursor_execute", listen)
        with asking("bob"):
            registry.get_model_version("risk", version)
            registry.get_model_version_download_uri("risk", version)
            registry.search_model_versions("name = 'risk'")
            registry.get_registered_model("risk")
        event.remove(registry.engine, "before_cursor_execute", listen)
        return said

    assert statements(plain) == statements(store)


def test_files_are_read_by_those_who_may_have_all_versions_there(
    guarded: Any, register: Any, tracking: Any, asking: Any, refused: Any
) -> None:
    """A path in a restricted version's tree, and in no other."""
    restricted, public = register("visits"), register("maps")
    other = tracking.write(tracking.artifacts(tracking.run("visits")), {"notes.txt": "-"})

    def read(*uris: str) -> None:
        for uri in uris:
            guarded.admit_reading(places_of(uri))

    inside = (
        restricted,
        f"{restricted}/MLmodel",
        f"{restricted}/data/deep/model.pkl",
        f"{restricted}/../artifacts",
    )
    for uri in inside:
        assert refused("bob", lambda uri=uri: read(uri)).startswith(
            "Downloading from models:/risk/1 is refused"
        )
        refused(None, lambda uri=uri: read(uri))
    with asking("bob"):
        read(
            public,
            f"{public}/MLmodel",
            str(Path(restricted).parent),
            f"{restricted}-not",
            f"{other}/notes.txt",
        )
    with asking("ada", "research"):
        read(*inside)
    with pytest.raises(MlflowException, match="nobody was identified"):
        read(restricted)


def test_a_run_s_own_word_for_its_artifacts_leads_to_the_same_files(
    guarded: Any, tracking: Any, refused: Any
) -> None:
    """Registered as `runs:/…`, read as the run's artifacts."""
    run = tracking.run("visits")
    location = tracking.write(f"{tracking.artifacts(run)}/model", {"MLmodel": "flavors: {}"})
    guarded.create_model_version("risk", f"runs:/{run}/model", run)

    refused("bob", lambda: guarded.admit_reading(places_of(f"{location}/MLmodel")))


def test_a_version_that_merely_points_at_bytes_does_not_close_them(
    guarded: Any, register: Any, tracking: Any, asking: Any, refused: Any
) -> None:
    """Anybody may register a bare location; where it is known what went into the bytes, that decides."""
    public, unknown = register("maps"), tracking.model(None)
    nowhere = guarded.create_model_version("risk", public)
    guarded.create_model_version("risk", f"models:/{unknown}")

    with asking("bob"):
        guarded.admit_reading(places_of(public))
    refused("bob", lambda: guarded.get_model_version_download_uri("risk", nowhere.version))
    location = guarded.get_model_version_download_uri("risk", "3")
    refused("bob", lambda: guarded.admit_reading(places_of(location)))


def test_a_version_that_points_at_restricted_bytes_does_not_open_them(
    guarded: Any, register: Any, tracking: Any, asking: Any, refused: Any, policy_text: str
) -> None:
    """Where anybody may load the unknown, nobody may load through it what is known to be restricted."""
    known = "when: {unknown: false, confidentiality: {at_least: restricted}}"
    policy = policy_text.replace("when: {confidentiality: {at_least: restricted}}", known)
    (tracking.folder / "policy.yaml").write_text(policy, encoding="utf-8")
    location = register("visits")
    bare = guarded.create_model_version("risk", location).version

    assert "models:/risk/1" in refused("bob", lambda: guarded.get_model_version_download_uri("risk", bare))
    with asking("bob"):
        assert 2 == int(guarded.get_model_version("risk", bare).version)


def test_frozen_bytes_stay_restricted_when_their_version_is_deleted(
    guarded: Any, register: Any, asking: Any, refused: Any
) -> None:
    """The origin is nobody's then; what was frozen outlasts the version, and its label with it."""
    origin = register("visits")
    with asking("ada"):
        guarded.set_registered_model_alias("risk", "champion", "1")
    frozen = guarded.get_model_version_download_uri("risk", "1")
    guarded.delete_model_version("risk", "1")

    assert "models:/risk/1" in refused("bob", lambda: guarded.admit_reading(places_of(f"{frozen}/MLmodel")))
    with asking("bob"):
        guarded.admit_reading(places_of(f"{origin}/MLmodel"))
        guarded.admit_reading(places_of(str(Path(frozen).parent)))


def test_frozen_bytes_of_no_known_version_are_closed(guarded: Any, tracking: Any, refused: Any) -> None:
    """What nobody remembers freezing may be anything."""
    tree = str(tracking.folder / "frozen" / ("0" * 64) / "MLmodel")

    assert "for no known version" in refused("bob", lambda: guarded.admit_reading(places_of(tree)))
