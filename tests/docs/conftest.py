"""Runs the code on a documentation page as its reader would: in order, in one folder, in one session."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

FENCE = re.compile(r"^```(?P<language>\w+)(?: (?P<rest>[^\n]+))?\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = {"python", "sh"}

# One interpreter a page, so that what an earlier block defined is there in a later one.
SESSION = """
import contextlib, io, json, os, subprocess, sys, traceback
steps, names, results = json.load(sys.stdin), {"__name__": "__main__"}, []
for step in steps:
    os.environ.update(step["exports"])
    out, code = io.StringIO(), 0
    if step["language"] == "python":
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(step["code"], step["place"], "exec"), names)
        except BaseException:
            out.write(traceback.format_exc())
            code = 1
        text = out.getvalue()
    else:
        ran = subprocess.run(["bash", "-euo", "pipefail", "-c", step["code"]], capture_output=True, text=True)
        code, text = ran.returncode, ran.stdout if ran.returncode == step["exit"] else ran.stdout + ran.stderr
    results.append({"place": step["place"], "exit": code, "out": text})
    if code != step["exit"]:
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
    def runs(self) -> bool:
        return self.language in RUN and not self.makes_file

    @property
    def makes_file(self) -> bool:
        return "." in self.rest

    @property
    def is_output(self) -> bool:
        return self.rest == "output"

    @property
    def exit(self) -> int:
        return int(self.rest.removeprefix("exit=") or 0)


@dataclass(frozen=True)
class Result:
    """What one block printed, and what the page says it prints."""

    block: Block
    out: str
    expected: Block | None


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page."""
    text = page.read_text("utf-8")
    name = page.relative_to(ROOT).as_posix()
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


def run_page(page: Path, folder: Path, **extra: str) -> list[Result]:
    """Run a page in a folder; every block must end with the exit code that the page says."""
    found = blocks(page)
    results: list[Result] = []
    steps = []
    for position, block in enumerate(found):
        if block.makes_file:
            steps.append(replace(block, language="python", rest="", code=_writing(block)))
        elif block.runs:
            following = found[position + 1] if position + 1 < len(found) else None
            steps.append(block)
            results.append(Result(block, "", following if following and following.is_output else None))
    wanted = [
        {"language": s.language, "code": s.code, "place": s.place, "exit": s.exit, "exports": _exports(s)}
        for s in steps
    ]
    report = folder.parent / f"{folder.name}-{page.stem}.json"
    session = subprocess.run(
        [sys.executable, "-c", SESSION, str(report)],
        input=json.dumps(wanted),
        cwd=folder,
        env=_environment() | extra,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert 0 == session.returncode, session.stderr
    ran = json.loads(report.read_text("utf-8"))
    for step, one in zip(steps, ran, strict=False):
        assert step.exit == one["exit"], f"{one['place']} left with {one['exit']}:\n{one['out']}"
    printed = {one["place"]: one["out"] for one in ran}
    return [replace(result, out=printed[result.block.place]) for result in results]


def _writing(block: Block) -> str:
    return f"open({block.rest!r}, 'w', encoding='utf-8').write({block.code!r})"


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
    }


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Result]]:
    """The folder in which the tutorial was followed to its end, and what was printed on the way."""
    folder = tmp_path_factory.mktemp("tutorial") / "here"
    folder.mkdir()
    return folder, run_page(DOCS / "tutorial.md", folder)
