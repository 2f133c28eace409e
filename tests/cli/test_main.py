"""Exit codes and streams: what a script may rely on, whatever goes wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import pytest

from governance.cli.main import cli, run
from governance.errors import (
    Conflict,
    GovernanceError,
    Mistake,
    NotFound,
    PolicyInvalid,
    Undecided,
    UsageError,
)

HEAVY = {
    "alembic",
    "dp_accounting",
    "matplotlib",
    "mlflow",
    "numpy",
    "opacus",
    "pandas",
    "sqlalchemy",
    "torch",
}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Adds a command `act` that does what it is given."""

    def add(act: Any) -> None:
        monkeypatch.setitem(cli.commands, "act", click.Command("act", callback=act))

    return add


def raising(error: BaseException) -> Any:
    """Something that ends in an error."""

    def act() -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("That is wrong.", "Do this."), 2, "Error: That is wrong.\nDo this.\n"),
        (NotFound("There is none."), 2, "Error: There is none.\n"),
        (Conflict("It is there."), 2, "Error: It is there.\n"),
        (
            PolicyInvalid((Mistake("p.yaml", 9, "two"), Mistake("p.yaml", 3, "one"))),
            2,
            "Error: p.yaml:3: one\np.yaml:9: two\n"
            "Mend the lines above, then run: governance policy validate FILE\n",
        ),
        (Undecided("Unreadable.", "Mount it."), 3, "Error: Unreadable.\nMount it.\n"),
        (GovernanceError("Something else."), 3, "Error: Something else.\n"),
        (click.UsageError("No such option."), 2, "No such option."),
        (click.FileError("p.yaml", "gone"), 2, "p.yaml"),
        (click.Abort(), 3, "Interrupted."),
        (KeyboardInterrupt(), 3, "Interrupted."),
        (EOFError(), 3, "Interrupted."),
        (ZeroDivisionError("by zero"), 3, "Error: could not decide: ZeroDivisionError: by zero\n"),
        (MemoryError(), 3, "Error: could not decide: MemoryError: \n"),
        (OSError(28, "No space left"), 3, "Error: could not decide: OSError: [Errno 28] No space left\n"),
        (SystemExit(0), 0, ""),
        (SystemExit(1), 1, ""),
        (SystemExit(3), 3, ""),
        (SystemExit("in words"), 3, ""),
        (click.exceptions.Exit(1), 1, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_way_out_has_its_code(
    command: Any, call: Any, error: BaseException, code: int, text: str
) -> None:
    """0 done, 1 no, 2 called wrongly, 3 could not decide; a sentence on standard error, never a traceback."""
    command(raising(error))

    answer = call("act")

    assert (code, "", True) == (answer.code, answer.out, text in answer.err)


@pytest.mark.parametrize("result", [None, "words", 0])
def test_what_ends_well_is_done(command: Any, call: Any, result: Any) -> None:
    """Whatever a command returns."""
    command(lambda: result)

    assert (0, "", "") == call("act")


def test_for_whoever_mends_it(command: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With GOVERNANCE_DEBUG the unexpected comes through as it is; the expected is a sentence still."""
    command(raising(ZeroDivisionError()))
    assert "GOVERNANCE_DEBUG=1" in call("act").err
    monkeypatch.setenv("GOVERNANCE_DEBUG", "1")

    with pytest.raises(ZeroDivisionError):
        run(["act"])
    command(raising(Undecided("Unreadable.")))
    assert (3, "", "Error: Unreadable.\n") == call("act")


def test_nobody_forges_a_line_or_a_colour(command: Any, call: Any) -> None:
    """Names in a message were chosen by somebody else."""
    command(raising(NotFound("No model 'x\x1b[32m\rDone.' here.", "List them.")))

    assert "Error: No model 'x\\x1b[32m\nDone.' here.\nList them.\n" == call("act").err.replace("\\r", "\n")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group, by its words."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_every_command_explains_itself(call: Any, words: tuple[str, ...]) -> None:
    """`--help` says what it does, what each option is for, and leaves with 0."""
    answer = call(*words, "--help")

    assert (0, "") == (answer.code, answer.err)
    usage, _, rest = answer.out.partition("\n\n")
    assert usage.startswith(f"Usage: {' '.join(('governance', *words))}")
    assert rest.strip()
    context = click.Context(cli)
    found: click.Command = cli
    for word in words:
        assert isinstance(found, click.Group)
        found = found.commands[word]
    assert [] == [
        option.name
        for option in found.get_params(context)
        if isinstance(option, click.Option) and not option.help and not option.hidden
    ]


def test_help_has_a_short_form(call: Any) -> None:
    """`-h` is what many type first."""
    assert call("-h") == call("--help")


@pytest.mark.parametrize(
    "words",
    [
        ("frobnicate",),
        ("check",),
        ("check", "models:/m/1"),
        ("check", "models:/m/1", "--for", "production", "--format", "yaml"),
        ("assess", "models:/m/1", "--members", "gone.csv", "--non-members", "gone.csv", "--target", "y"),
        ("approve", "models:/m/1", "--for", "p", "--role", "dpo", "--reason", "r", "--days", "0"),
        ("dataset", "add", "x"),
        ("dataset", "frobnicate"),
        ("--frobnicate",),
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_told_what_is_right(call: Any, words: tuple[str, ...]) -> None:
    """Exit code 2, nothing on standard output, and a pointer to the help."""
    answer = call(*words)

    assert (2, "") == (answer.code, answer.out)
    assert "--help' for help." in answer.err


@pytest.mark.parametrize(
    "words", [("label", "models:/m/1"), ("doctor",), ("check", "models:/m/1", "--for", "p")]
)
def test_without_a_registry(call: Any, words: tuple[str, ...]) -> None:
    """Who has set nothing is told what to set."""
    answer = call(*words)

    assert (2, True) == (answer.code, "MLFLOW_REGISTRY_URI=governed+sqlite:///mlflow.db" in answer.err)


def test_the_version(call: Any) -> None:
    """As the installed distribution has it."""
    from importlib.metadata import version

    assert (0, f"governance, version {version('mlflow-governance')}\n", "") == call("--version")


def test_help_is_there_at_once() -> None:
    """Nothing heavy is imported to print a help text."""
    code = (
        "import sys; from governance.cli.main import run; run(['assess', '--help']);"
        f"print(sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stderr.strip()
