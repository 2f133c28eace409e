"""`governance assess-text`: does this model say what stood in its training text?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.cli.assess import hand_in, write_found
from governance.cli.canaries import read_canaries
from governance.cli.key import key_option
from governance.cli.measurements import stages
from governance.cli.options import actor_option, format_option, model_argument, open_desk

if TYPE_CHECKING:
    from governance.measuring import Assessment

file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("assess-text")
@model_argument
@click.option("--canaries", type=file, help="What `governance canaries draw` wrote before training.")
@click.option("--commitment", metavar="SHA256", help="What was published of the canaries before training.")
@click.option("--members", type=file, help="Texts it was trained on: .csv or .parquet, or lines in .txt.")
@click.option("--non-members", type=file, help="Texts like them that it never saw.")
@click.option("--column", metavar="COLUMN", help="Where the texts stand in a .csv or .parquet file.")
@click.option(
    "--prefix",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How much of a text the model is given.",
)
@click.option(
    "--suffix", type=click.IntRange(1), default=10, show_default=True, help="How much it must go on with."
)
@click.option(
    "--unit",
    type=click.Choice(["words", "characters"]),
    default="words",
    show_default=True,
    help="Of both.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Repeat with the same.")
@key_option
@format_option
@actor_option
def assess_text(
    model: str,
    key_file: Path | None,
    form: str,
    actor: str | None,
    **options: Any,
) -> None:
    """Attack MODEL's memory of its training text and record the results as evidence about its bytes.

    Canaries need a model that says how likely a text is: a Python model with a method `score(texts)` that
    returns natural logarithms. Members and non-members need one whose `predict` goes on after prompts.
    """
    given = _given(**options)
    desk = open_desk(actor)
    with desk.opened(model) as opened, stages() as begin:
        found = _attack(opened.model, given, begin("asking about texts"))
        known = dict(opened.subject)
    recorded = hand_in(desk, model, found, known["digest"], key_file)
    write_found(known, found, recorded, form)


def _given(
    *,
    canaries: Path | None,
    commitment: str | None,
    members: Path | None,
    non_members: Path | None,
    column: str | None,
    **others: Any,
) -> dict[str, Any]:
    """What was asked, its files read; wrong combinations are told before a model is loaded."""
    from governance.cli.records import read_texts
    from governance.errors import UsageError

    if (members is None) != (non_members is None):
        raise UsageError("Texts are compared with others.", "Give both --members and --non-members.")
    if canaries is None and members is None:
        raise UsageError("There is nothing to look for.", "Give --canaries, or --members and --non-members.")
    if canaries is None and commitment is not None:
        raise UsageError("A commitment is to canaries.", "Give --canaries too.")
    kit = None if canaries is None else read_canaries(canaries)
    if kit is not None and commitment is not None and not kit.opens(commitment):
        raise UsageError(
            f"{canaries} holds others than the canaries that were committed to.",
            "Name the file that was written when the commitment was printed.",
        )
    sides = {
        "members": None if members is None else read_texts(members, column),
        "non_members": None if non_members is None else read_texts(non_members, column),
    }
    return {"canaries": kit, "commitment": commitment, **sides, **others}


def _attack(model: Any, given: dict[str, Any], progress: Any) -> Assessment:
    from governance.errors import UsageError
    from governance.measuring import Assessment
    from governance.privacy.memorisation.assessing import assess_text as measure
    from governance.privacy.memorisation.language import as_generator, as_scorer

    scorer = as_scorer(model)
    if scorer is None and given["members"] is None:
        raise UsageError(
            "The model does not say how likely a text is, so it cannot be asked about canaries.",
            "Give its Python model a method score(texts), or give --members and --non-members.",
        )
    outcomes, not_run = measure(scorer=scorer, generator=as_generator(model), progress=progress, **given)
    return Assessment(None, outcomes, not_run)
