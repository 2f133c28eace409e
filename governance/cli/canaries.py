"""`governance canaries`: secrets to plant in training text, drawn and committed to before training."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.cli.options import talk
from governance.errors import Conflict, NotFound, UsageError

if TYPE_CHECKING:
    from governance.privacy.memorisation.canaries import Canaries

SCHEMA = "governance/canaries/v1"


@click.group()
def canaries() -> None:
    """Draw secrets to plant in training text, so that what a model learned by heart can be measured."""


@canaries.command("draw")
@click.argument("template")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--planted", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many to train on."
)
@click.option(
    "--held-out", type=click.IntRange(0, 1000), default=20, show_default=True, help="How many not to."
)
@click.option(
    "--times",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="How often each stands in the training text.",
)
@click.option(
    "--seed", type=click.IntRange(0), help="Draws the same again. Default: 128 fresh bits, kept in FILE."
)
def draw_(template: str, file: Path, planted: int, held_out: int, times: int, seed: int | None) -> None:
    """Draw canaries of a TEMPLATE, such as "my PIN is {}{}{}{}", into a new FILE that only you can read.

    Each {} becomes a digit. What is printed is the commitment: publish it before training.
    """
    from secrets import randbits

    from governance.privacy.memorisation.canaries import draw

    if not template.isprintable():
        raise UsageError("A canary is one line of printable text.", 'For example "my PIN is {}{}{}{}".')
    drawn = draw(
        template,
        seed=randbits(128) if seed is None else seed,
        planted=planted,
        held_out=held_out,
        times=times,
    )
    _write(file, drawn)
    talk(f"wrote {file}; it holds the secrets, and only you can read it")
    talk(f"mix into the training texts what this prints: governance canaries lines {file}")
    click.echo(drawn.commitment)


@canaries.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def lines(file: Path) -> None:
    """Print what to mix into the training texts: each planted canary of FILE, as often as it was to stand."""
    for line in read_canaries(file).lines:
        click.echo(line)


def read_canaries(file: Path) -> Canaries:
    """The canaries that `governance canaries draw` wrote.

    Raises:
        UsageError: the file is none of these, or was changed.
    """
    from governance.privacy.memorisation.canaries import Canaries

    try:
        document = json.loads(file.read_text("utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError
        found = Canaries(
            template=_text(document["template"]),
            fillings=_texts(document["fillings"]),
            planted=_texts(document["planted"]),
            held_out=_texts(document["held_out"]),
            times=int(document["times"]),
            seed=int(document["seed"]),
        )
        intact = found.opens(document["commitment"]) and found.slots > 0
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        # The reader's own message may quote a secret.
        intact = False
    if not intact:
        raise UsageError(
            f"{file} holds no canaries, or others than were drawn.",
            "Name a file that `governance canaries draw` wrote, unchanged.",
        )
    return found


def _write(file: Path, drawn: Canaries) -> None:
    document = {
        "schema": SCHEMA,
        "template": drawn.template,
        "fillings": list(drawn.fillings),
        "planted": list(drawn.planted),
        "held_out": list(drawn.held_out),
        "times": drawn.times,
        # JSON readers take a number of 128 bits for a rounded one.
        "seed": str(drawn.seed),
        "commitment": drawn.commitment,
    }
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(file, flags, 0o600)
    except FileExistsError:
        raise Conflict(f"{file} is there already.", "Name a new file.") from None
    except OSError as error:
        raise NotFound(
            f"{file} cannot be written: {error.strerror}.", "Name a file in a folder of yours."
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        json.dump(document, opened, indent=1, ensure_ascii=False)
        opened.write("\n")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(_text, value))
