"""House rules that no linter knows: small modules, telling names, reasons given, nothing left undone."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = ("governance", "plugins", "migrations", "tests", "benchmarks")
TEXT = (*CODE, "policies", "docs", ".ci")
TEXT_SUFFIXES = {
    "",
    ".cfg",
    ".css",
    ".html",
    ".ini",
    ".j2",
    ".js",
    ".json",
    ".mako",
    ".md",
    ".py",
    ".toml",
    ".txt",
    ".yaml",
}
LONGEST = 400
NAMES_THAT_SAY_NOTHING = {"base", "common", "helper", "helpers", "manager", "misc", "models", "util", "utils"}

# The patterns are written so that they do not match their own source.
UNDONE = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|NotImplemented[E]rror)\b")
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:Users|home|opt|root|work)/[\w.-]")
SUPPRESSION = re.compile(r"(?:ruff: )?noqa\b|type: ignore\b|mypy: |pragma: |nosec\b")
CODED = re.compile(r"(?:ruff: )?noqa: ?[A-Z]+\d+(?:, ?[A-Z]+\d+)*|type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\]")


def python_files() -> list[Path]:
    """Every Python file of ours."""
    return sorted(file for folder in CODE for file in (ROOT / folder).rglob("*.py"))


def text_files() -> list[Path]:
    """Every text file of ours, in the known folders and at the top."""
    found = [file for folder in TEXT for file in (ROOT / folder).rglob("*")] + list(ROOT.glob("*"))
    return sorted(f for f in found if f.is_file() and f.suffix in TEXT_SUFFIXES and f.name != "LICENSE")


def matches(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """Each line that matches, as file:line: text."""
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def unexplained(comment: str) -> bool:
    """Whether a comment suppresses a finding without naming its code or without a reason behind it."""
    if not SUPPRESSION.search(comment):
        return False
    rest = CODED.sub("", comment)
    return bool(SUPPRESSION.search(rest)) or not re.search(r"[A-Za-z]{3}", rest)


def test_no_module_is_too_long() -> None:
    """A module that passes 400 lines has more than one subject: split it."""
    lengths = {str(f.relative_to(ROOT)): len(f.read_text("utf-8").splitlines()) for f in python_files()}

    assert {} == {name: length for name, length in lengths.items() if length > LONGEST}


def test_every_name_says_something() -> None:
    """No module or package hides its subject behind a word like `utils`."""
    named = {part for f in python_files() for part in f.relative_to(ROOT).with_suffix("").parts}

    assert set() == named & NAMES_THAT_SAY_NOTHING


def test_nothing_is_left_undone() -> None:
    """No placeholder stands where code should."""
    assert [] == matches(UNDONE, python_files())


def test_no_path_of_somebody_s_machine() -> None:
    """Code, documents and settings work wherever they are put."""
    assert [] == matches(MACHINE_PATH, text_files())


def test_every_suppression_has_a_code_and_a_reason() -> None:
    """Whoever silences a tool says which finding, and why."""
    silent = [
        f"{file.relative_to(ROOT)}:{line}: {comment}"
        for file in python_files()
        for line, comment in comments(file.read_text("utf-8"))
        if unexplained(comment)
    ]

    assert [] == silent


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# why the obvious way is wrong", False),
        ("# noqa: S608  the name is a constant", False),
        ("# noqa: S608, E501 - the name is a constant", False),
        ("# type: ignore[misc]  # MLflow ships no types", False),
        ("# type: ignore[misc]  # noqa: S608  # MLflow ships no types", False),
        ("# noqa", True),
        ("# noqa: S608", True),
        ("# noqa because it is too long", True),
        ("# type: ignore", True),
        ("# type: ignore[misc]", True),
        ("# type: ignore  # MLflow ships no types", True),
        ("# type: ignore[misc]  # noqa", True),
        ("# pragma: no cover", True),
    ],
)
def test_what_counts_as_a_reason(comment: str, expected: bool) -> None:
    """A code in the tool's own form and a word behind it are needed, both."""
    assert expected is unexplained(comment)
