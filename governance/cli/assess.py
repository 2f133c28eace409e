"""`governance assess`: how much does this model tell about the people in its training data?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.cli.key import key_option, sign_statement
from governance.cli.measurements import stages, write_assessment
from governance.cli.options import actor_option, format_option, model_argument, open_desk, talk, write_json
from governance.cli.records import read_sides

if TYPE_CHECKING:
    from governance.desk import Desk
    from governance.domain.evidence import Evidence
    from governance.measuring import Asked, Assessment
    from governance.policy.document import Policy
    from governance.privacy.target import ShadowBudget
    from governance.privacy.verdict import Limits

table = click.Path(exists=True, dir_okay=False, path_type=Path)
folder = click.Path(file_okay=False, path_type=Path)


@click.command()
@model_argument
@click.option("--members", type=table, required=True, help="Records it was trained on: .csv or .parquet.")
@click.option("--non-members", type=table, required=True, help="Records like them that it never saw.")
@click.option("--target", required=True, metavar="COLUMN", help="The column that the model predicts.")
@click.option("--task", type=click.Choice(["classifier", "regressor"]), help="Where the model does not tell.")
@click.option(
    "--trainer",
    metavar="MODULE:FUNCTION",
    help="Trains a model of the same kind: (X, y, seed) → fitted model. Not needed for scikit-learn,"
    " LightGBM and XGBoost models that know their parameters.",
)
@click.option(
    "--attack",
    "attacks",
    multiple=True,
    metavar="CLASS",
    help="membership-inference, attribute-inference, reconstruction, model-inversion, extraction,"
    " property-inference, or all; again for more. Default: the first three.",
)
@click.option(
    "--sensitive", multiple=True, metavar="COLUMN", help="To be guessed from all others; again for more."
)
@click.option(
    "--beside",
    multiple=True,
    metavar="ATTACK",
    help="Another membership attack to be judged, such as lira-online; each makes all bounds wider.",
)
@click.option(
    "--slice", "slices", multiple=True, metavar="COLUMN", help="Whose groups are looked at one by one."
)
@click.option(
    "--subject", metavar="COLUMN", help="Whose record it is: whole persons are attacked, not records."
)
@click.option("--group", metavar="COLUMN=VALUE", help="The group whose share property inference tells.")
@click.option("--shadows", type=click.IntRange(2, 256), help="Exactly so many, an even number, in one look.")
@click.option(
    "--refits",
    type=click.IntRange(2, 256),
    default=16,
    show_default=True,
    help="Shadow models at most: 2, then 8, 16 and 64 while the verdict is open.",
)
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), help="No further look begins after so many."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Repeat with the same.")
@click.option("--jobs", type=int, default=-1, show_default=True, help="Processes; -1 is one a core.")
@click.option(
    "--backend",
    type=click.Choice(["processes", "dask", "ray"]),
    default="processes",
    show_default=True,
    help="Where shadow models are trained.",
)
@click.option(
    "--address", metavar="ADDRESS", help="Of a running Dask or Ray cluster; else one on this machine."
)
@click.option("--cache", type=folder, help="Keeps finished shadows there, for the next call; personal data.")
@click.option(
    "--worst",
    type=(click.IntRange(1), click.Path(path_type=Path)),
    metavar="N FILE",
    help="Write the N members most at risk to a new FILE that only you can read.",
)
@click.option("--plots", type=folder, help="Write the plots there, as PNG and SVG.")
@key_option
@format_option
@actor_option
def assess(
    model: str,
    members: Path,
    non_members: Path,
    target: str,
    subject: str | None,
    group: str | None,
    worst: tuple[int, Path] | None,
    plots: Path | None,
    key_file: Path | None,
    form: str,
    actor: str | None,
    **options: Any,
) -> None:
    """Attack MODEL's privacy and record the results as evidence about its bytes.

    The records stay here: evidence holds counts, curves and intervals, never a record.
    """
    from governance.measuring import assess as measure
    from governance.privacy.target import Workers

    if worst is not None:
        _insist_on_worst(worst[1], subject)
    sides = read_sides(members, non_members, target, subject, group)
    trainer = _trainer(options["trainer"]) if options["trainer"] else None
    desk = open_desk(actor)
    with desk.opened(model) as opened, stages() as begin:
        found = measure(
            opened.model,
            sides.members,
            sides.non_members,
            seed=options["seed"],
            task=options["task"],
            trainer=trainer,
            subjects=sides.subjects,
            budget=_budget(options),
            limits=_limits(desk.policy),
            workers=Workers(options["jobs"], options["backend"], options["address"], options["cache"]),
            asked=_asked(options, sides.group, 0 if worst is None else worst[0], opened.folder),
            stages=begin,
        )
        known = dict(opened.subject)
    if worst is not None:
        found = _write_worst(found, worst[1], known["digest"])
    recorded = hand_in(desk, model, found, known["digest"], key_file)
    if plots is not None and found.membership is not None:
        from governance.reports.attack_plots import write_plots

        plots.mkdir(parents=True, exist_ok=True)
        for path in write_plots(found.membership.body(), plots):
            talk(f"wrote {path}")
    write_found(known, found, recorded, form)


def hand_in(
    desk: Desk, model: str, found: Assessment, digest: str, key_file: Path | None
) -> tuple[Evidence, ...]:
    """Record everything that was found as evidence about the bytes `digest`, signed if there is a key."""
    from governance.bootstrap import clock

    recorded = found.evidence(digest, desk.actor, clock(), desk.policy.max_age_days)
    for evidence in recorded:
        statement = evidence.statement()
        desk.submit(model, statement, () if key_file is None else (sign_statement(statement, key_file),))
    return recorded


def write_found(known: dict[str, Any], found: Assessment, recorded: Sequence[Evidence], form: str) -> None:
    """Print the result of an assessment."""
    if form == "json":
        shown = [{"type": one.type.value, "evidence": one.digest, "body": one.body} for one in recorded]
        write_json("assessment", {"subject": known, "found": shown, "not_run": _not_run(found)})
    else:
        write_assessment(f"models:/{known['name']}/{known['version']}", found)


def _not_run(found: Assessment) -> list[dict[str, str]]:
    return [{"class": one.what, "reason": one.reason} for one in found.not_run]


def _budget(options: dict[str, Any]) -> ShadowBudget:
    from governance.privacy.target import ShadowBudget

    seconds = None if options["minutes"] is None else options["minutes"] * 60
    return ShadowBudget(options["refits"], seconds, options["shadows"])


def _asked(options: dict[str, Any], group: Any, worst: int, files: Path) -> Asked:
    from governance.measuring import Asked

    named = options["attacks"]
    return Asked(
        attacks="all" if "all" in named else list(named) or "auto",
        beside=options["beside"],
        slices=options["slices"],
        sensitive=options["sensitive"],
        group=group,
        artifact=files,
        worst=worst,
    )


def _limits(policy: Policy) -> Limits:
    """The strictest limit of any rule: looks go on until even that is kept."""
    from governance.privacy.verdict import Limits

    uses = [use for rule in policy.rules for use in rule.checks]
    auc = [use.parameters["max"] for use in uses if use.name == "membership-auc"]
    tpr: dict[float, float] = {}
    for use in uses:
        if use.name == "membership-tpr":
            fpr, most = use.parameters["fpr"], use.parameters["max"]
            tpr[fpr] = min(most, tpr.get(fpr, most))
    return Limits(min(auc, default=None), tuple(tpr.items()))


def _insist_on_worst(path: Path, subject: str | None) -> None:
    """Refuse now what would cost the whole assessment later."""
    from governance.errors import Conflict, UsageError

    if subject is not None:
        raise UsageError(
            "Only an attack on single records names the members most at risk.",
            "Leave --worst or --subject out.",
        )
    if path.exists() or path.is_symlink():
        raise Conflict(f"{path.name} is there already", "Name a new file.")


def _write_worst(found: Assessment, path: Path, digest: str) -> Assessment:
    from secrets import token_bytes

    from governance.errors import UsageError
    from governance.privacy.restricted import write_restricted

    if found.worst is None or found.membership is None:
        raise UsageError(
            "Only an attack on single records names the members most at risk.",
            "Leave --worst or --subject out.",
        )
    sha256 = write_restricted(path, found.worst, digest, token_bytes(32))
    talk(f"wrote {path}; it is personal data, and only you can read it")
    return replace(found, membership=replace(found.membership, worst_records=sha256))


def _trainer(words: str) -> Callable[..., Any]:
    import importlib
    import sys

    from governance.errors import UsageError

    module, colon, name = words.partition(":")
    # The command is installed elsewhere; a trainer lies where it is called.
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"{words!r} names no function: {error}.", "Write --trainer package.module:function"
        ) from error
    if not colon or not callable(found):
        raise UsageError(f"{words!r} names no function.", "Write --trainer package.module:function")
    return found
