"""A promotion interrupted between any two of its steps: promoted with its decision, or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, text

from governance import promoting
from governance.storage.archive import open_archive

pytestmark = pytest.mark.slow


def move(uri: str, version: str = "1") -> requests.Response:
    """Ask a server to make a version champion."""
    wanted = {"name": "risk", "alias": "champion", "version": version}
    return requests.post(f"{uri}/api/2.0/mlflow/registered-models/alias", json=wanted, timeout=60)


def champion(clinic: Any) -> dict[str, int]:
    """Who is champion."""
    aliases = clinic.client.get_registered_model("risk").aliases
    return {alias: int(version) for alias, version in aliases.items()}


def promotions(clinic: Any) -> list[str]:
    """The log's entries about promotions."""
    archive = open_archive(clinic.database_uri)
    with archive.reading() as books:
        found = [entry.type for entry in books.audit.entries() if entry.type.startswith("promotion:")]
    archive.engine.dispose()
    return found


def ends_clean(clinic: Any) -> None:
    """Nothing harmful is found, an abandoned copy at most; the log holds."""
    mended = clinic.run("reconcile", "--repair", "--bytes", "--format", "json")
    assert 0 == mended.returncode, mended.stdout
    assert {"unfinished-freeze"} >= set(kinds(mended))
    assert 0 == clinic.run("audit", "verify").returncode


def kinds(done: Any) -> list[str]:
    """What `reconcile` found."""
    return [found["kind"] for found in json.loads(done.stdout)["findings"]]


def an_hour_passes(area: Path) -> None:
    """Until then, an unfinished copy may be another process's, at work."""
    for unfinished in area.glob(".incoming-*"):
        for path in (unfinished, *unfinished.rglob("*")):
            os.utime(path, (0, 0))


def test_killed_at_every_step(
    embedded: Any, start_servers: Callable[..., list[str]], fault_points: Any
) -> None:
    """A server's process dies by SIGKILL and is started again: all of it happened or nothing."""
    embedded.register()
    embedded.approve("models:/risk/1")
    (uri,) = start_servers(embedded, forking=True)
    plan, area = embedded.folder / "plan", embedded.folder / "frozen"
    first, *between, last = fault_points.STEPS
    for step in (first, *between, last):
        plan.write_text(step, encoding="utf-8")

        with pytest.raises(requests.ConnectionError):
            move(uri)

        assert not plan.exists(), step
        an_hour_passes(area)
        done = step == last
        assert ({"champion": 1} if done else {}, ["promotion:allowed"] if done else []) == (
            champion(embedded),
            promotions(embedded),
        ), step
        mended = embedded.run("reconcile", "--repair", "--format", "json")
        assert (0, ["unfinished-freeze"] if step in between else []) == (mended.returncode, kinds(mended)), (
            step
        )
        assert ([area / name for name in done_trees(embedded)]) == frozen(embedded.folder), step

    assert move(uri).ok
    assert ["promotion:allowed"] * 2 == promotions(embedded)
    ends_clean(embedded)


def done_trees(clinic: Any) -> list[str]:
    """The names of the trees that belong into the frozen area."""
    return (
        [clinic.client.get_model_version("risk", "1").tags["governance.digest"]] if champion(clinic) else []
    )


def test_the_database_is_cut_off_at_every_step(embedded_in_postgresql: Any, fault_points: Any) -> None:
    """Whatever was not committed is gone with the connection; what does not need it goes through."""
    clinic = embedded_in_postgresql
    clinic.register()
    clinic.approve("models:/risk/1")
    guillotine = create_engine(clinic.database_uri, isolation_level="AUTOCOMMIT")
    planned = [""]

    def cut(step: str) -> None:
        if step == planned[0]:
            planned[0] = ""
            with guillotine.connect() as connection:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                connection.execute(text(f"{others} datname = current_database() AND pid <> pg_backend_pid()"))

    disarm = fault_points.arm(promoting, cut)
    try:
        # Once frozen, bytes are not copied again.
        for step in sorted(fault_points.STEPS, key=lambda step: "copy" not in step):
            planned[0], before = step, promotions(clinic)
            try:
                clinic.client.set_registered_model_alias("risk", "champion", "1")
                done = True
            except MlflowException:
                done = False
            held = step in (
                "after the lock is taken",
                "before the change",
                "after the change",
                "before the commit",
            )
            assert (not held, "") == (done, planned[0]), step
            assert (["promotion:allowed"] if done else []) == promotions(clinic)[len(before) :], step
            assert ({"champion": 1} if done else {}) == champion(clinic), step
            clinic.client.delete_registered_model_alias("risk", "champion")
    finally:
        disarm()
        guillotine.dispose()

    clinic.client.set_registered_model_alias("risk", "champion", "1")
    ends_clean(clinic)


def test_the_disk_is_full(embedded: Any, start_servers: Callable[..., list[str]]) -> None:
    """The bytes cannot be frozen: nothing is promoted, nothing is left, and room is all it takes."""
    embedded.register()
    (model,) = (embedded.folder / "artifacts").rglob("MLmodel")
    (model.parent / "weights").write_bytes(b"\0" * (48 << 20))
    embedded.approve("models:/risk/1")
    # The limit of one file stands for that of a disk: Python sees EFBIG where it would see ENOSPC.
    (full,) = start_servers(embedded, largest_file=32 << 20)

    refused = move(full)

    assert 500 > refused.status_code >= 400, refused.text
    assert "could not be frozen" in refused.text
    assert "Make room" in refused.text
    assert ({}, [], []) == (champion(embedded), promotions(embedded), frozen(embedded.folder))
    ends_clean(embedded)

    embedded.client.set_registered_model_alias("risk", "champion", "1")
    assert ({"champion": 1}, 1) == (champion(embedded), len(frozen(embedded.folder)))
    ends_clean(embedded)


def frozen(folder: Path) -> list[Path]:
    """What lies in the frozen area."""
    return sorted((folder / "frozen").glob("*"))
