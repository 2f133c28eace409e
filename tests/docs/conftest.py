"""Runs the code on a documentation page as its reader would: in order, in one folder, in one session."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FENCE = re.compile(
    r"^```(?P<language>\w+)(?: (?P<rest>[^\n]+))?\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
RUN = {"python", "sh"}

TUTORIAL = {
    "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
    "MLFLOW_REGISTRY_URI": "governed+sqlite:///mlflow.db",
    "GOVERNANCE_POLICY": "policy.yaml",
    "GOVERNANCE_ACTOR": "alice",
}
"""What the tutorial exports, for pages that go on in its folder."""

# One interpreter a page, so that what an earlier block defined is there in a later one. Plain lines of
# `governance …` are run in it too: a new process imports MLflow for seconds.
SESSION = """
import contextlib, io, json, os, shlex, subprocess, sys, traceback
from governance.cli.main import run
sys.path.insert(0, "")
steps, names, results = json.load(sys.stdin), {"__name__": "__main__"}, []

def shell(code, out):
    lines = [line for line in code.splitlines() if line]
    if all(line.startswith(("governance ", "export ")) and not set("|&;<>$") & set(line) for line in lines):
        for line in lines:
            if line.startswith("governance ") and (left := run(shlex.split(line)[1:])):
                return int(left)
        return 0
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True)
    out.write(ran.stdout)
    sys.stderr.write(ran.stderr)
    return ran.returncode

for step in steps:
    os.environ.update(step["exports"])
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            if step["language"] == "sh":
                code = shell(step["code"], out)
            else:
                exec(compile(step["code"], step["place"], "exec"), names)
        except BaseException:
            traceback.print_exc()
            code = 1
    failed = code != step["exit"]
    text = out.getvalue() + (err.getvalue() if failed else "")
    results.append({"place": step["place"], "exit": code, "out": text})
    if failed:
        break
json.dump(results, open(sys.argv[1], "w"))
"""


@dataclass(frozen=True)
class Block:
    """A fenced block: `python` and `sh` are run, a file name makes a file, `output` is what is printed."""

    page: str
    line: int
    language: str
    rest: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def makes_file(self) -> bool:
        return "." in self.rest

    @property
    def runs(self) -> bool:
        return self.language in RUN or self.makes_file

    @property
    def exit(self) -> int:
        return int(self.rest.removeprefix("exit=")) if self.rest.startswith("exit=") else 0


@dataclass(frozen=True)
class Result:
    """What one block printed, and the block in which the page says what it prints."""

    block: Block
    out: str
    expected: Block | None


def read_blocks(page: Path) -> list[Block]:
    """Every fenced block of a page."""
    text, name = page.read_text("utf-8"), page.relative_to(ROOT).as_posix()
    return [
        Block(
            name,
            text.count("\n", 0, found.start()) + 1,
            found["language"],
            found["rest"] or "",
            found["code"],
        )
        for found in FENCE.finditer(text)
    ]


def run_page(page: Path, folder: Path, *, after_tutorial: bool = False, **extra: str) -> list[Result]:
    """Run a page in a folder; every block must leave with the exit code that the page says."""
    found = read_blocks(page)
    steps = [block for block in found if block.runs]
    report = folder.parent / f"{folder.name}-{page.stem}.json"
    session = subprocess.run(
        [sys.executable, "-c", SESSION, str(report)],
        input=json.dumps([_step(block) for block in steps]),
        cwd=folder,
        env=_environment() | (TUTORIAL if after_tutorial else {}) | extra,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert 0 == session.returncode, session.stderr
    ran = json.loads(report.read_text("utf-8"))
    for step, one in zip(steps, ran, strict=False):
        assert step.exit == one["exit"], f"{one['place']} left with {one['exit']}:\n{one['out']}"
    following = {}
    for block, after in pairwise(found):
        if after.rest == "output":
            following[block] = after
    return [Result(step, one["out"], following.get(step)) for step, one in zip(steps, ran, strict=True)]


def _step(block: Block) -> dict[str, object]:
    if block.makes_file:
        writing = f"open({block.rest!r}, 'w', encoding='utf-8').write({block.code!r})"
        block = replace(block, language="python", code=writing)
    return {
        "language": block.language,
        "code": block.code,
        "place": block.place,
        "exit": block.exit,
        "exports": _exports(block),
    }


def _exports(block: Block) -> dict[str, str]:
    """What a block exports; it holds for all later blocks, as in one terminal."""
    if block.language != "sh":
        return {}
    lines = [line.removeprefix("export ") for line in block.code.splitlines() if line.startswith("export ")]
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


def _environment() -> dict[str, str]:
    """The reader's environment: nothing set but what makes output the same everywhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "GOVERNANCE_", "_MLFLOW_"))}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "PYTHONWARNINGS": "ignore",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        # MLflow would load each model in another process to see what it imports, for many seconds.
        "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",
    }


OPAQUE = {
    "body": "governance/audit-log/v1",
    "checks": "governance/policy-test/v1",
    "document": "governance/policy-shown/v1",
}
"""Keys behind which another page says what there is, and the kind of result they stand in."""


def words(text: str) -> list[str]:
    """What a text says, whatever its numbers, digests, days, line breaks and the reader's folder."""
    elsewhere = re.sub(r'(?<=")/[^"]*(?=/frozen/)', "", text)
    return sorted(re.sub(r"[0-9a-f]{12,}|[\d.,-]*\d", "#", elsewhere).split())


def keys(value: object, opaque: set[str], path: str = "") -> set[str]:
    """Every path of keys in a JSON value, lists without their positions."""
    if isinstance(value, list):
        return {found for one in value for found in keys(one, opaque, f"{path}[]")}
    if not isinstance(value, dict):
        return set()
    behind = {
        k for key, one in value.items() if key not in opaque for k in keys(one, opaque, f"{path}.{key}")
    }
    return behind | {f"{path}.{key}" for key in value}


def check_page(results: list[Result]) -> None:
    """Hold what was printed against the page, and the keys of JSON against its tables."""
    for result in results:
        expected = result.expected
        if expected is None:
            continue
        if expected.language != "json":
            assert words(expected.code) == words(result.out), expected.place
            continue
        printed = json.loads(result.out)
        opaque = {key for key, kind in OPAQUE.items() if kind == printed.get("schema")} | {"versions"}
        assert keys(json.loads(expected.code), opaque) == keys(printed, opaque), expected.place
        said = (ROOT / expected.page).read_text("utf-8")
        if printed.get("schema") == "governance/assessment/v1":
            said += (ROOT / "docs/reference/evidence.md").read_text("utf-8")
        names = {re.split(r"[.\]]", path)[-1] for path in keys(printed, opaque)}
        assert set() == names - set(re.findall(r"`(\w+)`", said)), f"{expected.place}: not explained"


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def pages() -> list[Path]:
    """Every page for users."""
    return [ROOT / "README.md", ROOT / "policies/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="session")
def blocks() -> Callable[[Path], list[Block]]:
    """Reads the fenced blocks of a page."""
    return read_blocks


@pytest.fixture(scope="session")
def run() -> Callable[..., list[Result]]:
    """Runs a page."""
    return run_page


@pytest.fixture(scope="session")
def check() -> Callable[[list[Result]], None]:
    """Holds what a page printed against the page."""
    return check_page


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Result]]:
    """The folder in which the tutorial was followed to its end, and what was printed on the way."""
    folder = tmp_path_factory.mktemp("tutorial") / "here"
    folder.mkdir()
    return folder, run_page(ROOT / "docs/tutorial.md", folder)
