"""Where access rules do not reach, somebody says so."""

from __future__ import annotations

from typing import Any

import pytest

from governance.policy.access import Access, AccessRule
from governance.policy.document import Policy
from governance_mlflow.access.exposed import exposure, gaps

RULES = "access:\n  - {name: patients, roles: [dpo], actions: [ACTIONS]}\n"


def policy(*actions: Access) -> Policy:
    """A policy with one access rule."""
    return Policy("clinic", {}, {}, (), access=(AccessRule("patients", ("dpo",), actions=actions),))


@pytest.fixture
def restricted(store: Any, tracking: Any) -> Any:
    """The registry under a policy that restricts downloads."""
    path = tracking.folder / "policy.yaml"
    path.write_text(path.read_text() + RULES.replace("ACTIONS", "download"), encoding="utf-8")
    return store


@pytest.mark.parametrize(
    ("destination", "served", "why"),
    [
        ("governed+file:///srv/artifacts", "true", None),
        ("governed+s3://bucket/prefix", "true", None),
        ("/srv/artifacts", "true", None),
        ("s3://bucket/prefix", "true", None),
        ("gs://bucket/prefix", "true", "there is no guard for artifacts in gs:, only for folders and S3"),
        (
            "governed+file:///srv/artifacts",
            "false",
            "it serves no artifacts, so clients read the artifact store themselves",
        ),
    ],
)
def test_what_a_server_cannot_guard(
    destination: str, served: str, why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that it has no guard for, and one that it does not stand before."""
    assert exposure(policy(Access.DOWNLOAD)) is None
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", "sqlite:///x.db")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", destination)
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", served)

    assert [why, why, None, None] == [
        exposure(policy(Access.DOWNLOAD)),
        exposure(policy(Access.LOAD)),
        exposure(policy(Access.SEE)),
        exposure(Policy("clinic", {}, {}, ())),
    ]


@pytest.mark.usefixtures("restricted")
def test_the_server_says_so_at_its_start(
    tracking: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In its log, with the reason and the page that says what to do."""
    from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry as registry

    from governance_mlflow.store.registry_store import open_store

    # A server guards what it opens by a plain path, too; that must not outlast this test.
    monkeypatch.setattr(registry, "_registry", dict(registry._registry))
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", tracking.uri)
    open_store(f"governed+{tracking.uri}")

    assert [
        "Access rules are not enforced on files: it serves no artifacts, so clients read the artifact store "
        "themselves. See docs/how-to/access.md"
    ] == [record.getMessage() for record in caplog.records if "Access rules" in record.getMessage()]


def test_versions_that_clients_read_by_themselves(restricted: Any, known: Any) -> None:
    """How many there are and one of them; prompts and deleted versions do not count."""
    for _ in range(3):
        known()
    restricted.create_prompt("greeting", "Hello")
    restricted.create_prompt_version("greeting", "Hello")
    restricted.delete_model_version("risk", "1")
    location = restricted.get_model_version_download_uri("risk", "2")

    (found,) = gaps(restricted, repair=False)

    assert ("unserved-bytes", "2 versions, for example models:/risk/2", False) == (
        found.kind,
        found.subject,
        found.harmful,
    )
    assert f"clients read {location} without the server" == found.observed


def test_versions_of_which_nobody_remembers_where_they_lie(restricted: Any, known: Any) -> None:
    """Registered by an older release: the doctor names them, and with `--repair` looks where they lie."""
    known()
    with restricted.transaction() as session:
        for name in (
            session.connection()
            .exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'governance_locations'"
            )
            .scalars()
            .all()
        ):
            session.connection().exec_driver_sql(f"DROP TRIGGER {name}")
        session.connection().exec_driver_sql("DELETE FROM governance_locations")

    def found(repair: bool) -> list[tuple[str, str, bool]]:
        ailments = gaps(restricted, repair)
        return [(a.subject, a.observed, a.harmful) for a in ailments if a.kind == "unlocated"]

    assert [("models:/risk/1", "nobody recorded where its bytes lie", True)] == found(repair=False)
    assert [("models:/risk/1", "where its bytes lie is recorded now", False)] == found(repair=True)
    assert [] == found(repair=False)


def test_without_rules_on_bytes_there_is_no_gap(store: Any, tracking: Any, known: Any) -> None:
    """Nor with rules on entries only."""
    known()
    assert [] == list(gaps(store, repair=False))
    path = tracking.folder / "policy.yaml"
    path.write_text(path.read_text() + RULES.replace("ACTIONS", "see"), encoding="utf-8")
    assert [] == list(gaps(store, repair=False))
