"""`governance reconcile` as a person and as cron call it."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

pytestmark = pytest.mark.slow


def listed(done: Any) -> tuple[int, list[tuple[str, bool, bool]], dict[str, Any]]:
    """Exit code, the findings as (kind, harmful, mended), and the rest of the JSON."""
    told = json.loads(done.stdout)
    assert "governance/reconcile/v1" == told.pop("schema")
    findings = [(found["kind"], found["harmful"], found["mended"]) for found in told.pop("findings")]
    return int(done.returncode), findings, told


def test_found_mended_and_taken_out(embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reported first; then what can be mended is, and what may not stay leaves when somebody says so."""
    embedded.register()
    embedded.approve("models:/risk/1")
    embedded.client.set_registered_model_alias("risk", "champion", "1")
    clean = embedded.run("reconcile", "--bytes", "--lineage")
    assert (0, "Nothing is amiss.\n") == (clean.returncode, clean.stdout), clean.stderr
    assert "1 versions looked at, 0 harmful findings." in clean.stderr

    plain = SqlAlchemyStore(embedded.database_uri)
    source = plain.get_model_version("risk", 1).source
    for name in ("older", "gone"):
        plain.create_registered_model(name)
        plain.create_model_version(name, source)
    assert 0 == embedded.run("label", "models:/gone/1").returncode
    plain.delete_registered_model("gone")
    plain.set_registered_model_alias("older", "champion", 1)
    plain.delete_registered_model_alias("risk", "champion")

    unregistered, ungated = ("unregistered", False), ("ungated-promotion", True)
    unchanged, gone = ("decision-without-change", True), ("tombstone-mismatch", True)
    found = [(*kind, False) for kind in (unregistered, ungated, unchanged, gone)]
    rest = {"withdrawn": [], "versions": 3, "harmful": 3, "cursor": None}
    assert (1, found, rest) == listed(embedded.run("reconcile", "--format", "json"))

    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    kept = embedded.run("reconcile", "--repair", "--demote", "--as", "dora")
    assert 1 == kept.returncode
    assert ["mended unregistered", "HARMFUL ungated-promotion", "mended decision-without-change"] == [
        line.partition(":")[0] for line in kept.stdout.splitlines() if not line.startswith("  ")
    ][:3]
    assert "Nothing was taken out of service." in kept.stderr

    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert 1 == embedded.run("reconcile", "--demote").returncode, "nobody is there to answer: cron"
    demoted = embedded.run("reconcile", "--demote", "--yes", "--as", "dora", "--format", "json")
    place = "models:/older/1 as alias @champion of older"
    reason = "ungated-promotion: no decision ever allowed it"
    rest = {"withdrawn": [{"subject": place, "reason": reason}], "versions": 2, "harmful": 0, "cursor": None}
    assert (0, [("ungated-promotion", True, False)], rest) == listed(demoted)

    assert (0, [], {}) == (
        *listed(embedded.run("reconcile", "--format", "json"))[:2],
        embedded.client.get_registered_model("older").aliases,
    )
    log = json.loads(embedded.run("audit", "log", "--type", "promotion:withdrawn", "--format", "json").stdout)
    assert [
        ("dora", "alias @champion of risk", "the registry did not have it there"),
        ("dora", "alias @champion of older", reason),
    ] == [(e["actor"], e["body"]["change"], e["body"]["reason"]) for e in log["entries"]]
    assert 0 == embedded.run("audit", "verify").returncode


def test_a_part_at_a_time(embedded: Any) -> None:
    """A limited run says where it ended, and the next one goes on from there."""
    for name in ("a", "b b"):
        embedded.register(name)
    first = embedded.run("reconcile", "--limit", "1", "--format", "json")
    code, findings, rest = listed(first)
    assert (0, [], {"withdrawn": [], "versions": 1, "harmful": 0, "cursor": "rows/default/a/1"}) == (
        code,
        findings,
        rest,
    )

    second = embedded.run("reconcile", "--limit", "1", "--after", rest["cursor"])
    assert (0, "Nothing is amiss so far.\n") == (second.returncode, second.stdout)
    assert "To go on: governance reconcile --after 'rows/default/b b/1'" in second.stderr
    last = embedded.run("reconcile", "--after", "rows/default/b b/1", "--format", "json")
    assert (0, [], {"withdrawn": [], "versions": 0, "harmful": 0, "cursor": None}) == listed(last)

    wrong = embedded.run("reconcile", "--after", "b b")
    assert (2, True) == (wrong.returncode, "'b b' is no cursor." in wrong.stderr)


def test_bytes_only_when_they_are_asked_for(embedded: Any) -> None:
    """Whether frozen trees are there is always seen; what is in them when every byte is read."""
    embedded.register()
    embedded.approve("models:/risk/1")
    embedded.client.set_registered_model_alias("risk", "champion", "1")
    tree = Path(embedded.client.get_model_version_download_uri("risk", "1"))
    (tree / "MLmodel").chmod(0o644)
    (tree / "MLmodel").write_text("evil")

    quick, thorough = embedded.run("reconcile"), embedded.run("reconcile", "--bytes")
    assert [0, 1] == [quick.returncode, thorough.returncode]
    assert f"HARMFUL tampered-frozen: models:/risk/1 at {tree}" == thorough.stdout.splitlines()[0]

    tree.chmod(0o755)
    shutil.rmtree(tree)
    assert (
        f"HARMFUL lost-frozen: models:/risk/1 at {tree}" == embedded.run("reconcile").stdout.splitlines()[0]
    )


def test_behind_a_server(embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at the database itself; with a server's address alone it says so."""
    monkeypatch.setitem(embedded.extra, "MLFLOW_REGISTRY_URI", "http://127.0.0.1:9")

    done = embedded.run("reconcile")

    assert (2, True) == (done.returncode, "This command works on the registry's database." in done.stderr)
