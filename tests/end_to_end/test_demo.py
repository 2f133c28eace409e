"""`governance demo` as a process of its own: told, told again, refused, killed, interrupted."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import mlflow
import pytest

from governance.cli.main import run
from governance.domain.budget import SpendState
from governance.domain.chain import verify
from governance.domain.subject import VersionName
from governance.freezing import hash_tree
from governance_mlflow.demo.story import DATASET, MODEL, Place
from governance_mlflow.operations.doctor import examine
from governance_mlflow.registry import governed_store

pytestmark = pytest.mark.slow

END: dict[str, Any] = {
    "decisions": {1: ["denied", "denied"], 2: ["allowed"]},
    "aliases": [(MODEL, "champion", 2)],
    "labels": dict.fromkeys((1, 2), "confidential · personal · health"),
    "evidence": {
        1: ["membership-inference", "reconstruction", "reconstruction"],
        2: ["dp-training", "membership-inference", "reconstruction", "reconstruction"],
    },
    "approvals": {1: [], 2: ["dpo", "privacy_reviewer"]},
    "spends": ["committed"],
    "chain": None,
    "ailments": ["tampered-origin"],
}
"""What the books say in the end, whatever happened on the way."""

DYING = """
import os, signal, sys
import mlflow.pytorch
from governance.cli.main import run
from governance_mlflow.ledger import RegistryLedger

die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "while its budget is reserved":
    RegistryLedger.commit = die
else:
    mlflow.pytorch.log_model = die
run(["demo", sys.argv[2]])
"""


@dataclass(frozen=True)
class Told:
    """A demonstration that ran to its end."""

    folder: Path
    stdout: str
    stderr: str


def environment() -> dict[str, str]:
    """A shell that knows nothing of MLflow, on a wide screen."""
    ours = ("MLFLOW_", "_MLFLOW_", "GOVERNANCE_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {"COLUMNS": "500"}


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    """Start the demonstration, in a process group of its own, as a terminal does."""
    # Where the tests run in the background, SIGINT is ignored, and children inherit that.
    return subprocess.Popen(
        [*(command or (str(Path(sys.executable).parent / "governance"), "demo")), str(folder)],
        env=environment(),
        cwd=folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    )


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def watch(demo: subprocess.Popen[str], words: str) -> None:
    """Wait until the demonstration says these words."""
    assert demo.stderr is not None
    heard = []
    for line in demo.stderr:
        heard.append(line)
        if words in line:
            return
    raise AssertionError(f"{words!r} was never said:\n{''.join(heard)}")


def finish(folder: Path) -> Told:
    """Run the demonstration to its end."""
    demo = start(folder)
    stdout, stderr = demo.communicate(timeout=200)
    assert 0 == demo.returncode, stderr
    return Told(folder, stdout, stderr)


def kill(demo: subprocess.Popen[str]) -> None:
    """End it as the kernel does when memory is short."""
    demo.kill()
    bury(demo)


def bury(demo: subprocess.Popen[str]) -> None:
    """Wait for its violent death, and end the workers that survive it for some minutes."""
    assert -signal.SIGKILL == demo.wait(timeout=100)
    with suppress(ProcessLookupError):
        os.killpg(demo.pid, signal.SIGKILL)
    demo.communicate(timeout=20)


def end_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the books and the doctor say."""
    enter(folder, monkeypatch)
    store = governed_store(os.environ["MLFLOW_REGISTRY_URI"])
    versions = {int(v.version): v for v in store.search_model_versions(f"name = '{MODEL}'")}
    found: dict[str, Any] = {key: {} for key in END}
    with store.reading() as books:
        for number, version in sorted(versions.items()):
            subject = books.subjects.find(VersionName(MODEL, number))
            assert subject is not None
            decisions = books.decisions.of(subject.uid)
            digest = decisions[-1].digest if decisions else ""
            found["decisions"][number] = [decision.outcome.value for decision in decisions]
            found["labels"][number] = version.tags["governance.label"]
            found["evidence"][number] = sorted(e.type.value for e in books.evidence.about(digest))
            found["approvals"][number] = sorted(a.role for a in books.approvals.of(subject.uid))
        spends = [s.state for s in books.ledger.spends(DATASET) if s.state is not SpendState.RELEASED]
        found["chain"] = verify(books.audit.entries()).flaw
    found["spends"] = [state.value for state in spends]
    found["aliases"] = store.aliases()
    now = datetime.now(timezone.utc)
    found["ailments"] = [ailment.kind for ailment in examine(store, now) if ailment.harmful]
    return found


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set this process up as the summary tells a user to."""
    for name, value in Place(folder).environment.items():
        monkeypatch.setenv(name, value)
    # What another test set in this process goes before the environment.
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    mlflow.set_registry_uri(os.environ["MLFLOW_REGISTRY_URI"])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The demonstration, once."""
    return finish(tmp_path_factory.mktemp("told") / "demo")


def test_the_story_ends_as_promised(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forest is denied twice, the private network allowed once; labels inherited, chain unbroken."""
    assert END == end_state(told.folder, monkeypatch)


def test_the_result_is_on_standard_output_and_the_talk_is_not(told: Told) -> None:
    """The summary can be piped away from the story."""
    rows = [line.split() for line in told.stdout.splitlines() if line.strip().startswith(f"{MODEL}/")]

    assert [["forest", "denied"], ["private", "allowed"]] == [row[1:3] for row in rows]
    assert ["none", True] == [rows[0][-1], 2.9 < float(rows[1][-1]) <= 3]
    assert list("abcdef") == re.findall(r"^([a-f])  ", told.stderr, re.MULTILINE)
    assert [] == re.findall(r"^[a-f]  |DENIED|ALLOWED", told.stdout, re.MULTILINE)
    assert 2 == told.stderr.count("DENIED")
    assert "still serves the approved bytes: yes" in told.stderr
    assert "doctor: tampered-origin models:/doctor-visits/2: MLmodel: changed" in told.stderr


def test_the_summary_s_next_steps_work(
    told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every `governance` command that it names does what its exit code says."""
    enter(told.folder, monkeypatch)
    commands = [line.split()[1:] for line in told.stdout.splitlines() if line.startswith("  governance ")]

    codes = {" ".join(command): run(command) for command in commands}

    assert {
        "check models:/doctor-visits/1 --for production": 1,
        "label models:/doctor-visits@champion": 0,
        "doctor": 1,
        "audit log": 0,
        "dataset show rand-hie": 0,
    } == codes
    assert "HARMFUL tampered-origin" in capsys.readouterr().out
    assert 0 == run(["audit", "verify"])


def test_approved_bytes_are_served_after_the_original_was_overwritten(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """@champion leads to the frozen tree, whose digest stands in the version's tags."""
    enter(told.folder, monkeypatch)

    version = mlflow.MlflowClient().get_model_version_by_alias(MODEL, "champion")
    served = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}@champion"))

    assert told.folder / "frozen" / version.tags["governance.digest"] == served
    assert version.tags["governance.digest"] == hash_tree(served).digest


def test_two_reports_are_written(told: Told) -> None:
    """Whole pages, named in the summary; nothing promises more than was measured."""
    pages = sorted((told.folder / "reports").iterdir())
    texts = [page.read_text(encoding="utf-8") for page in pages]

    assert [f"{MODEL}-1.html", f"{MODEL}-2.html"] == [page.name for page in pages]
    assert [True, True] == [str(page) in told.stdout for page in pages]
    assert [True, True] == [text.lower().startswith("<!doctype html>") for text in texts]
    promises = re.compile(r"\b(compliant|anonymous|safe)\b", re.IGNORECASE)
    assert [] == [found for text in (told.stdout, told.stderr, *texts) for found in promises.findall(text)]


def test_told_again_it_repeats_nothing(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run in the same folder trains nothing, decides nothing and ends the same."""
    again = finish(told.folder)

    assert told.stdout == again.stdout
    assert ("Created version" in told.stderr, "Created version" in again.stderr) == (True, False)
    assert END == end_state(told.folder, monkeypatch)


def test_another_seed_is_another_demonstration(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    """Results of two seeds are never mixed in one folder."""
    code = run(["demo", str(told.folder), "--seed", "8"])

    said = capsys.readouterr().err
    assert 2 == code
    assert f"Error: {told.folder} holds a demonstration with seed 7." in said
    assert f"governance demo {told.folder} --seed 7" in said


def test_foreign_files_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that somebody else uses is not written to."""
    (tmp_path / "thesis.tex").write_text("important", encoding="utf-8")

    code = run(["demo", str(tmp_path)])

    assert (2, True) == (code, "holds files that are not a demonstration's" in capsys.readouterr().err)
    assert ["thesis.tex"] == [file.name for file in tmp_path.iterdir()]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing can be written, the command says so and stops."""
    (tmp_path / "file").touch()

    code = run(["demo", str(tmp_path / "file" / "demo")])

    said = capsys.readouterr().err
    assert (2, True, False) == (code, "cannot be written" in said, "Traceback" in said)


def test_killed_at_any_step_it_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed where each step begins or ends, again and again: the next run takes up what is missing."""
    folder = tmp_path / "demo"
    for words in ("Created version '1'", "Recorded as decision"):
        demo = start(folder)
        watch(demo, words)
        kill(demo)
    for moment in ("while its budget is reserved", "after its budget was charged"):
        bury(start(folder, sys.executable, "-c", DYING, moment))
    for words in ("Created version '2'", "ALLOWED"):
        demo = start(folder)
        watch(demo, words)
        kill(demo)

    finish(folder)

    assert END == end_state(folder, monkeypatch)


def test_killed_at_random_it_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill hits between any two instructions, while tables are made and while bytes are copied, too."""
    folder, chance = tmp_path / "demo", random.Random(7)  # noqa: S311 - it has to repeat, not to be secret
    for delay in (*(chance.uniform(1.5, 5) for _ in range(3)), *(chance.uniform(4, 14) for _ in range(3))):
        demo = start(folder)
        time.sleep(delay)
        kill(demo)

    finish(folder)

    assert END == end_state(folder, monkeypatch)


def test_interrupted_it_says_a_sentence(tmp_path: Path) -> None:
    """Ctrl-C reaches every process of the group, workers that are starting too; none prints a traceback."""
    demo = start(tmp_path / "demo")
    watch(demo, "Recorded as decision")
    time.sleep(0.4)

    os.killpg(demo.pid, signal.SIGINT)
    _, said = demo.communicate(timeout=30)

    assert 3 == demo.returncode
    assert "Interrupted. What was recorded stays; run the command again to continue." in said
    assert "Traceback" not in said
