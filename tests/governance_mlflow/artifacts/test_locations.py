"""One spelling for where bytes lie, whatever URI leads there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governance_mlflow.artifacts.locations import containing, in_frozen_tree, places_of, recorded, spellings


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that this process, a server, keeps what it proxies in."""
    for name, value in {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{tmp_path}/mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"governed+file://{tmp_path}/Kept",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "Kept"


def test_all_ways_to_the_same_bytes_are_one(server: Path) -> None:
    """As it is proxied, from any host, and as the server reaches it; case, encoding and dots folded."""
    expected = ("mlflow-artifacts:/1/m a/model", f"file://{str(server).casefold()}/1/m a/model")

    assert {expected} == {
        spellings(uri)
        for uri in (
            "mlflow-artifacts:/1/m a/model",
            "mlflow-artifacts:/1/m%20a/model/",
            "mlflow-artifacts://elsewhere:5000/1/M%2520a//model",
            f"{server}/1/m a/./model",
            f"file://{server}/1/m%20a/x/../model",
            f"governed+file://{server}/1/m%20a/model",
        )
    }


@pytest.mark.usefixtures("server")
def test_unicode_forms_are_one() -> None:
    """A letter with its accent, and a letter and its accent."""
    assert spellings("mlflow-artifacts:/1/mod\u00e8le") == spellings("mlflow-artifacts:/1/mode\u0300le")


def test_links_are_followed(server: Path) -> None:
    """A destination may be reached through a link, and the bytes are where it leads."""
    server.mkdir()
    link = server.parent / "link"
    link.symlink_to(server)

    assert spellings(f"{server}/1/model") == spellings(f"{link}/1/model")


def test_a_client_spells_what_is_proxied_as_the_server_does() -> None:
    """Whoever adopts a version on another machine records what the server will look for."""
    assert ("mlflow-artifacts:/1/model",) == spellings("mlflow-artifacts://host:5000/1/Model")
    assert ("mlflow-artifacts:/1/model",) == spellings(
        "http://host:5000/prefix/api/2.0/mlflow-artifacts/artifacts/1/Model"
    )


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://Bucket/A/b%20c/", "s3://Bucket/a/b c"),
        ("governed+s3://bucket/a/b", "s3://bucket/a/b"),
        ("gs://Bucket/A/../b/c", "gs://bucket/b/c"),
        ("/srv/models/Risk", "file:///srv/models/risk"),
    ],
)
def test_other_places_are_written_as_they_are_reached(uri: str, expected: str) -> None:
    """Object stores, and folders of this machine."""
    assert (expected,) == spellings(uri) == recorded(uri)


def test_what_contains_a_place(server: Path) -> None:
    """Every folder around it, up to the root, by each spelling."""
    found = containing(places_of("mlflow-artifacts:/1/models/m-1/artifacts/MLmodel"))

    proxied = [spelling for spelling in found if spelling.startswith("mlflow-artifacts:")]
    assert [
        "mlflow-artifacts:/",
        "mlflow-artifacts:/1",
        "mlflow-artifacts:/1/models",
        "mlflow-artifacts:/1/models/m-1",
        "mlflow-artifacts:/1/models/m-1/artifacts",
        "mlflow-artifacts:/1/models/m-1/artifacts/mlmodel",
    ] == sorted(proxied)
    assert {f"file://{str(server).casefold()}/1/models", "file:///"} <= found
    assert frozenset({"s3://", "s3://b", "s3://b/m", "s3://b/m/x"}) == containing(places_of("s3://b/m/x"))


def test_whole_buckets_and_destinations_are_not_remembered(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else somebody could register the root, and every file would be one of that version."""
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "s3://bucket/team/root")
    everything = [
        *("mlflow-artifacts:/", str(server), str(server.parent), "/", f"file://{server}/"),
        *("s3://bucket", "s3://bucket/team", "s3://bucket/team/root", "s3://other"),
    ]

    assert [()] * len(everything) == [recorded(uri) for uri in everything]
    assert [("mlflow-artifacts:/1",), ("s3://bucket/team/root/1",)] == [
        recorded(uri) for uri in (f"{server}/1", "s3://bucket/team/root/1")
    ]


@pytest.mark.usefixtures("server", "tracking")
def test_what_leads_nowhere_is_nowhere() -> None:
    """A path out of what is proxied, and a run that does not exist."""
    for uri in ("mlflow-artifacts:/1/../../x", f"runs:/{'0' * 32}/model"):
        assert ((), ()) == (recorded(uri), places_of(uri))


def test_a_run_s_own_words_for_its_artifacts(tracking: Any) -> None:
    """`runs:/…` is where the run's artifacts lie."""
    run = tracking.run()

    assert recorded(f"runs:/{run}/model") == recorded(f"{tracking.artifacts(run)}/model") != ()


@pytest.mark.parametrize(
    ("uri", "frozen"),
    [
        ("mlflow-artifacts:/frozen/00/MLmodel", True),
        ("mlflow-artifacts:/frozen/00", True),
        ("mlflow-artifacts:/FROZEN/00", True),
        ("mlflow-artifacts:/workspaces/a/frozen/00/MLmodel", True),
        ("mlflow-artifacts:/frozen", False),
        ("mlflow-artifacts:/workspaces/frozen/1/x", False),
        ("mlflow-artifacts:/1/frozen/00/MLmodel", False),
    ],
)
@pytest.mark.usefixtures("server")
def test_frozen_trees(uri: str, frozen: bool) -> None:
    """A tree in a frozen area and what is in it, not the area itself."""
    assert frozen == in_frozen_tree(places_of(uri))
