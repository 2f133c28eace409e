"""`governance audit log`: the entries themselves, or what they say of a moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from governance.cli import times
from governance.cli.options import format_option, open_desk, printable, write_json

if TYPE_CHECKING:
    from governance.auditing import Held
    from governance.desk import Desk
    from governance.domain.chain import Entry
    from governance.ports import AuditLog

OF_ENTRIES = ("types", "subject", "actor", "since", "after", "limit")
OF_A_MOMENT = ("place", "model")


@click.command()
@click.option(
    "--type", "types", multiple=True, metavar="TYPE", help="Only these, for example promotion:denied."
)
@click.option(
    "--subject", metavar="WORD", help="Only entries that name this uid, version, dataset or digest."
)
@click.option("--actor", metavar="NAME", help="Only what this person or service did.")
@click.option("--since", type=times.moment, metavar="TIME", help="Only entries of this time or later.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only entries behind this position.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many entries.")
@click.option(
    "--as-of",
    "moment",
    type=times.moment,
    metavar="TIME",
    help="Instead: what stood in the protected places then, by whose decision, under which policy.",
)
@click.option("--place", metavar="WORD", help="With --as-of: only this: @ALIAS, stage:STAGE, latest, name.")
@click.option("--model", metavar="NAME", help="With --as-of: only this registered model, by its name then.")
@format_option
@click.pass_context
def log(
    context: click.Context,
    types: tuple[str, ...],
    subject: str | None,
    actor: str | None,
    since: datetime | None,
    after: int,
    limit: int | None,
    moment: datetime | None,
    place: str | None,
    model: str | None,
    form: str,
) -> None:
    """Print the audit log, oldest first.

    TIME is ISO 8601, such as 2026-03-01T12:00+01:00; without a zone it is UTC, and a date is its first
    moment.
    """
    if moment is not None:
        _refuse(context, OF_ENTRIES, "does not go with --as-of, which reads the whole log.")
        _answer(moment, place, model, form)
        return
    _refuse(context, OF_A_MOMENT, "goes with --as-of TIME only.")
    _known(types)
    with reading() as chain:
        wanted = (
            entry
            for entry in chain.entries(after)
            if (not types or entry.type in types)
            and (actor is None or entry.actor == actor)
            and (since is None or entry.at >= since)
            and (subject is None or subject in entry.body.values())
        )
        write = _write_json if form == "json" else _write_text
        write(islice(wanted, limit))


@contextmanager
def reading() -> Iterator[AuditLog | Desk]:
    """The log in the database that the environment names, or behind the server that it names."""
    from governance import bootstrap

    settings = bootstrap.settings()
    if settings.behind_server:
        yield open_desk()
    else:
        with bootstrap.archive(settings).reading() as books:
            yield books.audit


def _refuse(context: click.Context, names: tuple[str, ...], why: str) -> None:
    """Refuse options that would be ignored."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if parameter.name in names and given:
            raise click.UsageError(f"{parameter.opts[0]} {why}")


def _known(types: tuple[str, ...]) -> None:
    from governance.domain.events import EVENTS

    known = sorted(event.name for event in EVENTS)
    for type in types:
        if type not in known:
            raise click.BadParameter(f"{type!r} is none of {', '.join(known)}", param_hint="--type")


def _write_text(entries: Iterable[Entry]) -> None:
    from governance.canonical import timestamp

    for entry in entries:
        body = json.dumps(dict(entry.body), ensure_ascii=False)
        words = (str(entry.position), timestamp(entry.at), entry.actor, entry.type, body)
        click.echo("  ".join(map(printable, words)))


def _write_json(entries: Iterable[Entry]) -> None:
    from governance.documents import entry_json

    # One entry at a time: a log is longer than memory should have to be.
    click.echo('{"schema": "governance/audit-log/v1", "entries": [', nl=False)
    separator = "\n"
    for entry in entries:
        click.echo(separator + json.dumps(entry_json(entry)), nl=False)
        separator = ",\n"
    click.echo("\n]}")


def _answer(moment: datetime, place: str | None, model: str | None, form: str) -> None:
    from governance import bootstrap
    from governance.auditing import as_of
    from governance.canonical import timestamp

    with bootstrap.archive(bootstrap.settings()).reading() as books:
        found = as_of(books, moment, place, model)
    if form == "json":
        write_json("as-of", {"at": timestamp(moment), "held": [held.to_json() for held in found]})
    elif found:
        click.echo("\n".join(map(_in_words, found)))
    else:
        click.echo("By the log, no version stood there then.")


def _in_words(held: Held) -> str:
    from governance.canonical import timestamp

    decision = held.decision
    lines = [
        f"{held.place.word} of {held.place.model}: {held.version}, uid {held.uid}",
        f"  since {timestamp(held.since)}, by {held.actor}, for target {decision.target}",
        f"  decision {decision.record_digest}",
        f"  policy {decision.policy_name}, digest {decision.policy_digest}",
        *(f"  {finding.status.value}: {finding.check}" for finding in decision.exceptional),
    ]
    return "\n".join(map(printable, lines))
