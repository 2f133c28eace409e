"""`python -m benchmarks.calibration`: how often what the laboratory says is false, where we know."""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from scipy.stats import binom

from benchmarks.null_worlds import SCORE_STUDIES, Study
from benchmarks.untrained_worlds import MODEL_STUDIES
from governance.privacy.scoring import mean_tail

STUDIES = (*SCORE_STUDIES, *MODEL_STUDIES)

LEAST = 1e-3
"""A count fails when a statement false exactly as often as allowed would reach it more rarely than this."""

FEWEST = 200
"""Worlds behind every number on the page."""

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/attacks/calibration.md"
BEGIN, END = "<!-- made by benchmarks/calibration.py -->", "<!-- end of what it made -->"
LINE = re.compile(r"^\| (.+?) \| (.+?) \| ([\d.]+) of (\d+) \| ([\d.]+) % \| ([\d.]+) % \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """One statement in one kind of world."""

    world: str
    statement: str
    false: float
    """How often; a share of false discoveries counts as a part of one."""
    worlds: int
    nominal: float

    @property
    def passed(self) -> bool:
        """Whether it may well be false no more often than `nominal`."""
        if float(self.false).is_integer():
            return bool(binom.sf(self.false - 1, self.worlds, self.nominal) >= LEAST)
        mean = self.false / self.worlds
        return mean <= self.nominal or mean_tail(mean, self.worlds, self.nominal) >= LEAST

    def line(self) -> str:
        """As a row of the table."""
        share = f"{100 * self.false / self.worlds:.1f} % | {100 * self.nominal:.1f} %"
        return f"| {self.world} | {self.statement} | {self.false:g} of {self.worlds} | {share} |"


def measure(study: Study, worlds: int, seed: int, jobs: int = 1) -> list[Row]:
    """Make so many worlds of a kind and count; the number of jobs changes nothing but the time."""
    from joblib import Parallel, delayed

    # Each world's chance follows from the seed, the study's name and the world's number.
    root = np.random.SeedSequence([seed, *study.world.encode()])
    tasks = [delayed(_one)(study, sequence) for sequence in root.spawn(worlds)]
    found = Parallel(n_jobs=jobs, batch_size=10)(tasks) if jobs != 1 else [f(*a) for f, a, _ in tasks]
    return [
        Row(study.world, name, round(sum(float(one[name]) for one in found), 2), worlds, nominal)
        for name, nominal in study.nominal.items()
    ]


def _one(study: Study, sequence: np.random.SeedSequence) -> dict[str, float]:
    from threadpoolctl import threadpool_limits

    # Threads of tiny models wait for each other longer than they work.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return {name: float(false) for name, false in study.one(np.random.default_rng(sequence)).items()}


def table(rows: Sequence[Row]) -> str:
    """All rows as Markdown, between the marks."""
    head = "| world | statement | false | share | at most |\n|---|---|---|---|---|"
    return "\n".join([BEGIN, "", head, *(row.line() for row in rows), "", END])


def read(page: str) -> list[Row]:
    """The rows that stand on a page."""
    made = page.partition(BEGIN)[2].partition(END)[0]
    return [
        Row(world, statement, float(false), int(worlds), round(float(nominal) / 100, 6))
        for world, statement, false, worlds, _, nominal in LINE.findall(made)
    ]


def mistakes(page: str) -> list[str]:
    """What on a page is not as this script would write it."""
    rows = read(page)
    stated = [(row.world, row.statement, row.nominal) for row in rows]
    expected = [(s.world, name, round(nominal, 6)) for s in STUDIES for name, nominal in s.nominal.items()]
    found = [f"missing or out of order: {world}: {name}" for world, name, _ in set(expected) - set(stated)]
    found += [f"not of this script: {world}: {name}" for world, name, _ in set(stated) - set(expected)]
    found += [f"fewer than {FEWEST} worlds: {r.world}: {r.statement}" for r in rows if r.worlds < FEWEST]
    found += [f"false too often: {r.world}: {r.statement}" for r in rows if not r.passed]
    return sorted(found) if stated != expected or found else []


@click.command()
@click.option("--worlds", type=click.IntRange(1), default=FEWEST, show_default=True, help="Of each kind.")
@click.option(
    "--seed", type=click.IntRange(0), default=4, show_default=True, help="The only source of chance."
)
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes, as joblib has it.")
@click.option("--write", is_flag=True, help="Put the table on the page.")
@click.option(
    "--check", is_flag=True, help="Measure nothing; look whether the page's table is this script's."
)
@click.option("--json", "as_json", is_flag=True, help="Print every row as JSON.")
def main(worlds: int, seed: int, jobs: int, write: bool, check: bool, as_json: bool) -> None:
    """Count how often each bound, verdict and control is wrong; exit 1 if one is more often than it says."""
    if check:
        wrong = mistakes(PAGE.read_text("utf-8"))
        click.echo("\n".join(wrong) or "The page's table is this script's.")
        sys.exit(bool(wrong))
    rows: list[Row] = []
    for study in STUDIES:
        click.echo(f"{study.world}: {worlds} worlds", err=True)
        rows += measure(study, worlds, seed, jobs)
    if as_json:
        body = [{name: getattr(row, name) for name in (*Row.__slots__, "passed")} for row in rows]
        click.echo(json.dumps({"schema": "governance/calibration/v1", "rows": body}, indent=2))
    else:
        click.echo(table(rows))
    if write:
        page = PAGE.read_text("utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(before + table(rows) + rest.partition(END)[2], "utf-8")
    failed = [row for row in rows if not row.passed]
    for row in failed:
        click.echo(f"false too often: {row.line()}", err=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
