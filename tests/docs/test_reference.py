"""The reference pages and the code name the same things: nothing is missing there, nothing made up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from pydantic import AliasChoices

from governance.cli.main import ExitCode, cli
from governance.domain.decision import Status
from governance.domain.discrepancy import Kind
from governance.domain.events import EVENTS
from governance.domain.evidence import EvidenceType
from governance.domain.label import (
    DIMENSIONS,
    HIGHLY_PERSONAL,
    SPECIAL_CATEGORIES,
    VULNERABLE_SUBJECTS,
    Confidentiality,
    Consent,
    Identifiability,
    LegalBasis,
)
from governance.reports.gather import ReportFacts
from governance.settings import Settings

ELSEWHERE = {"policy": "policies/README.md", "report": "docs/reference/report.md"}
"""Kinds of JSON or YAML with a page of their own."""
NOT_JSON = {"fingerprint", "shadow"}


@pytest.fixture(scope="module")
def reference(root: Path) -> Path:
    """The reference pages."""
    return root / "docs/reference"


def sections(page: Path) -> dict[str, str]:
    """The text under every second-level heading."""
    found = re.split(r"^## (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {heading.strip("`"): text for heading, text in zip(found[1::2], found[2::2], strict=True)}


def rows(text: str) -> list[str]:
    """The first cell of every row of every table, without its backticks."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def commands(command: click.Command, name: str = "governance") -> Iterator[tuple[str, click.Command]]:
    """Every command and subcommand under its whole name."""
    yield name, command
    for word, part in getattr(command, "commands", {}).items():
        yield from commands(part, f"{name} {word}")


COMMANDS = dict(commands(cli))


def test_every_command_has_its_heading(reference: Path) -> None:
    """There is a heading for each command and subcommand, and for nothing else."""
    assert set(COMMANDS) == set(sections(reference / "commands.md"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_under_its_command(name: str, reference: Path) -> None:
    """All options and arguments of a command, and no others, stand under its heading."""
    text = sections(reference / "commands.md")[name]
    parameters = COMMANDS[name].params
    options = {flag for p in parameters if isinstance(p, click.Option) for flag in p.opts}
    named = [p.human_readable_name for p in parameters if isinstance(p, click.Argument)]
    arguments = {word for name in named for word in re.findall("[A-Z]+", name)}

    cells = (
        re.findall(r"^\| (.+?) \|", text, re.MULTILINE) if parameters and options != {"--version"} else [text]
    )
    words = {word for cell in cells for word in re.findall(r"`(--?[a-z][a-z-]*|[A-Z]+)\b", cell)}
    assert options | arguments == words


def test_exit_codes(reference: Path) -> None:
    """The table of exit codes has those that there are."""
    head = (reference / "commands.md").read_text("utf-8").partition("\n## ")[0]

    assert [str(int(code)) for code in ExitCode] == re.findall(r"^\| (\d) \|", head, re.MULTILINE)


def test_every_discrepancy_is_explained(reference: Path) -> None:
    """What reconciling can find stands under its command, in order, with whether it does harm."""
    text = sections(reference / "commands.md")["governance reconcile"]
    found = re.findall(r"^\| `([a-z-]+)` \| (yes|no) \|", text, re.MULTILINE)

    assert [(kind.value, "yes" if kind.harmful else "no") for kind in Kind] == found


def test_every_ailment_is_explained(reference: Path, root: Path) -> None:
    """What the doctor can find besides stands under its command."""
    folder = root / "plugins/governance_mlflow"
    kinds = {
        call.args[0].value
        for module in ("operations/doctor.py", "access/exposed.py")
        for call in ast.walk(ast.parse((folder / module).read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Ailment"
        if isinstance(call.args[0], ast.Constant)
    }

    found = rows(sections(reference / "commands.md")["governance doctor"])
    assert kinds == {row for row in found if not row.startswith("--")}


def test_every_setting_has_its_heading(reference: Path, root: Path) -> None:
    """Each variable that is read, and none besides."""
    aliases = [field.validation_alias for field in Settings.model_fields.values()]
    read = {name for a in aliases for name in (a.choices if isinstance(a, AliasChoices) else [a])}
    for folder in ("governance", "plugins"):
        for file in (root / folder).rglob("*.py"):
            read |= set(re.findall(r'environ\S*["\'](GOVERNANCE_\w+)', file.read_text("utf-8")))

    assert read == set(sections(reference / "settings.md"))


def test_every_event_has_its_heading(reference: Path) -> None:
    """Each event, in the order of a version's life, with its docstring and exactly its fields."""
    found = sections(reference / "events.md")

    assert [event.name for event in EVENTS] == list(found)
    for event in EVENTS:
        assert event.__doc__ in found[event.name]
        assert [field.name for field in fields(event)] == rows(found[event.name]), event.name


def test_every_kind_of_json_has_its_heading(reference: Path, root: Path) -> None:
    """Each schema that is written or read, and none besides."""
    kinds: set[str] = set()
    for folder in ("governance", "plugins"):
        for file in (root / folder).rglob("*.py"):
            source = file.read_text("utf-8")
            kinds |= set(re.findall(r"governance/([a-z-]+)/v1", source))
            kinds |= set(re.findall(r'write_json\(\s*"([a-z-]+)"', source))
    headings = {heading.split("/")[1] for heading in sections(reference / "json.md")}

    assert kinds - NOT_JSON == headings | set(ELSEWHERE)
    for kind, page in ELSEWHERE.items():
        assert f"governance/{kind}/v1" in (root / page).read_text("utf-8")


def test_every_route_has_its_heading(reference: Path) -> None:
    """The routes of the REST interface, each under its method and path."""
    from governance_mlflow.server.api import create_api

    document = create_api(lambda _: None).openapi()
    routes = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}

    assert routes == set(sections(reference / "api.md"))


def test_every_section_of_the_report_has_its_heading(reference: Path) -> None:
    """The sections of the JSON report, each under its key."""
    assert {f.name for f in fields(ReportFacts)} - {"rendered_at"} == set(sections(reference / "report.md"))


def test_every_type_of_evidence_is_named(reference: Path) -> None:
    """A type that nothing writes is named as such."""
    page = reference / "evidence.md"

    assert [kind.value for kind in EvidenceType if f"`{kind.value}`" not in page.read_text("utf-8")] == []


def test_every_status_is_explained(reference: Path) -> None:
    """How a check can end."""
    assert [status.value for status in Status] == rows((reference / "checks.md").read_text("utf-8"))


def test_every_dimension_and_word_of_a_label(root: Path) -> None:
    """The dimensions in their order, and all words that a label file may hold."""
    text = (root / "docs/labels.md").read_text("utf-8")
    chains = (Confidentiality, Identifiability, Consent, LegalBasis)
    words = SPECIAL_CATEGORIES | HIGHLY_PERSONAL | VULNERABLE_SUBJECTS | {m.word for c in chains for m in c}

    assert list(DIMENSIONS) == rows(text)
    assert set() == {word for word in words if f"`{word}`" not in text}
