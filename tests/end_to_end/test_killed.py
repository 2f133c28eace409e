"""A promotion killed between any two steps: the next command says what is left and mends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PROMOTE = """
import os, signal, sys
from contextlib import contextmanager

import mlflow
from governance import freezing, promoting
from governance_mlflow.registry import governed_store

store = governed_store(os.environ["MLFLOW_REGISTRY_URI"])
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
gate, artifacts, step = store.gate, store.gate.artifacts, sys.argv[1]


class Dying:
    '''The artifacts of the store, killed at one step.'''

    def __getattr__(self, name):
        return getattr(artifacts, name)

    def manifest(self, uri):
        found = artifacts.manifest(uri)
        if step == "after the bytes are hashed":
            die()
        return found

    def freeze(self, uri):
        if step == "in the middle of the copy":
            freezing._make_read_only = lambda tree: die()
        frozen = artifacts.freeze(uri)
        if step == "after the bytes are frozen":
            die()
        return frozen


@contextmanager
def writing():
    with gate.writing() as books:
        if step == "after the lock is taken":
            die()
        yield books
        if step == "before the commit":
            die()
    if step == "after the commit":
        die()


def carry_out(uri):
    store.serve_from(subject, uri)
    if step == "before the alias moves":
        die()
    super(type(store), store).set_registered_model_alias("risk", "champion", 1)


subject = store.subject("risk", 1)
target = gate.policy.target("production")
change = promoting.Change(subject, store.location(subject), target, "alias @champion of risk", "nothing")
promoting.promote(
    change, gate.policy, gate.lineage.read(subject), gate.asking(),
    artifacts=Dying(), reading=gate.reading, writing=writing, carry_out=carry_out,
)
"""


def state(clinic: Any) -> tuple[list[str], list[str], list[str]]:
    """Who is champion, which promotions are on record, what the doctor finds."""
    aliases = clinic.client.get_registered_model("risk").aliases
    entries = json.loads(clinic.run("audit", "log", "--format", "json").stdout)["entries"]
    examined = json.loads(clinic.run("doctor", "--format", "json").stdout)["ailments"]
    return (
        sorted(aliases),
        [entry["type"] for entry in entries if entry["type"].startswith("promotion")],
        [ailment["kind"] for ailment in examined],
    )


NOTHING: tuple[list[str], list[str], list[str]] = ([], [], [])
LEFTOVER: tuple[list[str], list[str], list[str]] = ([], [], ["unfinished-freeze"])
DONE: tuple[list[str], list[str], list[str]] = (["champion"], ["promotion:allowed"], [])


@pytest.mark.parametrize(
    ("step", "left"),
    [
        ("after the bytes are hashed", NOTHING),
        ("in the middle of the copy", LEFTOVER),
        ("after the bytes are frozen", LEFTOVER),
        ("after the lock is taken", LEFTOVER),
        ("before the alias moves", LEFTOVER),
        ("before the commit", LEFTOVER),
        ("after the commit", DONE),
    ],
)
def test_a_killed_promotion_is_explained_and_mended(
    embedded: Any, step: str, left: tuple[list[str], list[str], list[str]]
) -> None:
    """Never a promotion without its decision, never a decision without its promotion; a retry ends well."""
    embedded.register()
    embedded.approve("models:/risk/1")

    killed = subprocess.run(
        [sys.executable, "-c", PROMOTE, step],
        env=embedded.environment,
        cwd=embedded.folder,
        capture_output=True,
        check=False,
        timeout=120,
    )

    assert -signal.SIGKILL == killed.returncode, killed.stderr.decode()
    assert left == state(embedded)
    embedded.run("doctor", "--repair")
    promoted = embedded.run("promote", "models:/risk/1", "--to", "champion")
    aliases, promotions, ailments = state(embedded)
    assert (0, ["champion"], {"promotion:allowed"}, []) == (
        promoted.returncode,
        aliases,
        set(promotions),
        ailments,
    )
    assert 0 == embedded.run("audit", "verify").returncode
