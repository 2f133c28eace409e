"""Where a process finds bytes and freezes them, and which places it guards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from governance.errors import Undecided
from governance_mlflow.artifacts.destinations import (
    FrozenArea,
    frozen_area,
    guarded_areas,
    guarded_spelling,
    local_folder,
    reached,
    trail_of,
    unguarded_destination,
)
from governance_mlflow.artifacts.frozen_paths import ANY


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes this process a server that proxies a destination."""

    def call(destination: str, serves: bool = True) -> None:
        monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db")
        monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", destination)
        monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true" if serves else "false")

    return call


@pytest.mark.parametrize(
    ("root", "database", "expected"),
    [
        ("/frozen", "postgresql://db/x", FrozenArea("/frozen", "/frozen")),
        ("s3://bucket/f", "postgresql://db/x", FrozenArea("s3://bucket/f", "s3://bucket/f")),
        ("file:///frozen", "sqlite:////a/b.db", FrozenArea("file:///frozen", "file:///frozen")),
        (None, "sqlite:////a/b.db", FrozenArea("/a/frozen", "/a/frozen")),
        (None, "sqlite:////a/b.db?timeout=5", FrozenArea("/a/frozen", "/a/frozen")),
    ],
)
def test_where_bytes_are_frozen(root: str | None, database: str, expected: FrozenArea) -> None:
    """As set, else beside the SQLite file."""
    assert expected == frozen_area(root, database)


@pytest.mark.parametrize(
    ("destination", "place"),
    [
        ("/srv/artifacts", "/srv/artifacts/frozen"),
        ("governed+file:///srv/artifacts/", "file:///srv/artifacts/frozen"),
        ("s3://bucket/a", "s3://bucket/a/frozen"),
    ],
)
def test_where_a_server_freezes(served: Any, destination: str, place: str) -> None:
    """Beside the artifacts that it proxies, under a URI that clients can read; what is set goes before."""
    served(destination)

    assert FrozenArea(place, "mlflow-artifacts:/frozen") == frozen_area(None, "postgresql://db/x")
    assert FrozenArea("/elsewhere", "/elsewhere") == frozen_area("/elsewhere", "postgresql://db/x")


def test_a_server_that_proxies_nothing(served: Any) -> None:
    """It freezes beside its SQLite file; with another database it must be told where."""
    served("/srv/artifacts", serves=False)

    assert FrozenArea("/a/frozen", "/a/frozen") == frozen_area(None, "sqlite:////a/b.db")
    with pytest.raises(Undecided, match="It is not known where") as undecided:
        frozen_area(None, "postgresql://db/x")
    assert "GOVERNANCE_FROZEN_ROOT" in undecided.value.remedy


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/a/b", "/a/b"),
        ("relative", "relative"),
        ("file:///a/b%20c", "/a/b c"),
        ("governed+file:///a", "/a"),
        ("s3://bucket/a", None),
        ("mlflow-artifacts:/a", None),
        ("shelf://a", None),
    ],
)
def test_what_lies_on_this_machine(uri: str, expected: str | None) -> None:
    """Paths and file URIs do; outside a server, what a server proxies does not."""
    assert (Path(expected) if expected else None) == local_folder(uri)


@pytest.mark.parametrize(
    ("destination", "uri", "expected"),
    [
        ("/srv", "mlflow-artifacts:/1/r/artifacts", "/srv/1/r/artifacts"),
        ("/srv", "mlflow-artifacts://host:5000/1/r", "/srv/1/r"),
        ("/srv", "mlflow-artifacts:/a%20b", "/srv/a b"),
        ("governed+file:///srv", "mlflow-artifacts:/a b", "file:///srv/a%20b"),
        ("file:///srv", "mlflow-artifacts:/a%20b", "file:///srv/a%20b"),
        ("s3://bucket/x/", "mlflow-artifacts:/1/r/artifacts", "s3://bucket/x/1/r/artifacts"),
        ("s3://bucket/x", "s3://other/y", "s3://other/y"),
        ("/srv", "/a/b", "/a/b"),
    ],
)
def test_a_server_reaches_what_it_proxies_directly(
    served: Any, destination: str, uri: str, expected: str
) -> None:
    """It goes to the destination instead of asking itself, whatever kind of store that is."""
    served(destination)

    assert expected == reached(uri)


@pytest.mark.parametrize(
    ("destination", "spelling"),
    [
        ("/srv/artifacts", "governed+file:///srv/artifacts"),
        ("file:///srv/artifacts", "governed+file:///srv/artifacts"),
        ("s3://bucket/a", "governed+s3://bucket/a"),
    ],
)
def test_a_server_that_guards_nothing_is_noticed(served: Any, destination: str, spelling: str) -> None:
    """With the words that would guard it; nothing is to be said of a server that proxies nothing."""
    served(destination)
    assert (destination, spelling) == (unguarded_destination(), guarded_spelling(destination))

    served(spelling)
    assert unguarded_destination() is None
    served(destination, serves=False)
    assert unguarded_destination() is None


@pytest.mark.parametrize("destination", ["gs://bucket/a", "governed+s3://bucket/a"])
def test_there_is_no_advice_where_there_is_no_guard_to_advise(served: Any, destination: str) -> None:
    """A store for which no guard exists is not called unguarded, nor one that is guarded."""
    served(destination)

    assert unguarded_destination() is None


def test_outside_a_server_nothing_is_guarded() -> None:
    """A client's own folders are its own business."""
    assert (None, ()) == (unguarded_destination(), guarded_areas())


def test_all_frozen_areas_of_a_server_are_guarded(
    served: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Below the destination, in every workspace, and where the operator set one apart."""
    served("governed+s3://Bucket/A")
    root = ("s3:", "Bucket", "a")
    below = ((*root, "frozen"), (*root, "workspaces", ANY, "frozen"))
    assert below == guarded_areas()

    monkeypatch.setenv("GOVERNANCE_FROZEN_ROOT", str(tmp_path / "Approved"))
    assert (*below, trail_of(str(tmp_path / "approved"))) == guarded_areas()

    served(f"{tmp_path}/served", serves=False)
    monkeypatch.delenv("GOVERNANCE_FROZEN_ROOT")
    monkeypatch.setenv("_MLFLOW_SERVER_REGISTRY_STORE", f"governed+sqlite:///{tmp_path}/mlflow.db")
    assert (trail_of(str(tmp_path / "frozen")),) == guarded_areas()

    monkeypatch.setenv("_MLFLOW_SERVER_REGISTRY_STORE", "governed+postgresql://db/x")
    assert () == guarded_areas()


@pytest.mark.parametrize(
    ("uri", "trail"),
    [
        ("s3://bucket/A%20b//c/../d", ("s3:", "bucket", "a b", "d")),
        ("s3://bucket", ("s3:", "bucket")),
        ("governed+s3://bucket/x?version=1#top", ("s3:", "bucket", "x")),
        ("gs://bucket/x", None),
        ("mlflow-artifacts:/x", None),
    ],
)
def test_one_place_has_one_trail(uri: str, trail: tuple[str, ...] | None) -> None:
    """As MLflow reads the URI; a store that is not guarded has none."""
    assert trail == trail_of(uri)


def test_a_link_is_no_other_place(tmp_path: Path) -> None:
    """Folders are compared as the file system finds them."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert trail_of(str(tmp_path / "real" / "x")) == trail_of((tmp_path / "link" / "x").as_uri())


@pytest.mark.slow
def test_whichever_is_imported_first_the_guards_are_there() -> None:
    """MLflow drops a repository with a mere warning if what it needs is only half imported."""
    script = (
        "import governance_mlflow.artifacts.version_bytes\n"
        "from mlflow.store.artifact import artifact_repository_registry as registry\n"
        "found = registry.get_registered_artifact_repositories()\n"
        "print(sorted(name for name in found if 'governed' in name))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert "['governed+file', 'governed+s3']\n" == done.stdout, done.stderr
