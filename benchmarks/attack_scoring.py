"""`python -m benchmarks.attack_scoring`: RMIA by sorting beside RMIA by its definition."""

from __future__ import annotations

import json
import resource
import sys
from time import perf_counter
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.pairs import compare

Signals = NDArray[np.float32]

ROWS = 1000
"""Of the matrix at a time: as a whole it would be slower still."""


@click.command()
@click.option(
    "--records", type=click.IntRange(1), default=20_000, show_default=True, help="On each side, in pairs."
)
@click.option("--pairs", type=click.IntRange(1), default=5, show_default=True, help="Of sorting and matrix.")
@click.option(
    "--many",
    type=click.IntRange(1),
    default=1_000_000,
    show_default=True,
    help="On each side, by sorting only.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every ratio as JSON.")
def main(records: int, pairs: int, many: int, as_json: bool) -> None:
    """Say how many times as long the matrix takes, and what sorting takes for many records."""
    # First, because the peak of this process is what is measured.
    large = measure(many)
    random = np.random.default_rng(0)
    x, z = (np.exp(random.normal(size=records)).astype(np.float32) for _ in range(2))
    comparison = compare(
        f"{records} x {records}", lambda _: lambda: sorted_way(x, z), lambda _: lambda: matrix(x, z), pairs
    )
    if not np.array_equal(sorted_way(x, z), matrix(x, z)):
        raise AssertionError("sorting and matrix differ")
    found = {"schema": "governance/attack-scoring-benchmark/v1", "pairs": comparison.to_json(), "many": large}
    if as_json:
        click.echo(json.dumps(found))
        return
    low, high = comparison.middle_half
    click.echo(
        f"{records} records, as many in the population: the matrix takes {comparison.median:.0f} times as"
        f" long ({low:.0f} to {high:.0f}), with equal results"
    )
    click.echo(
        f"{many} records, as many in the population: {large['seconds']:.2f} s from the signals of the target"
        f" and two shadows to scores, {large['megabytes']:.0f} MB at most in this process with its libraries"
    )


def measure(many: int) -> dict[str, Any]:
    """From signals to scores, and the most memory that this process ever had."""
    from governance.privacy.attacks.interface import Observations
    from governance.privacy.attacks.rmia import Rmia

    random = np.random.default_rng(1)

    def signals(shadows: int) -> Signals:
        return np.log(random.uniform(0.05, 0.999, (shadows, many)).astype(np.float32))

    inside = np.zeros((2, many), dtype=np.bool_)
    population = Observations(signals(1)[0], signals(2), inside.copy())
    inside[0] = True
    observed = Observations(signals(1)[0], signals(2), inside)
    began = perf_counter()
    Rmia(population, a=0.3).score(observed)
    seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return {"seconds": seconds, "megabytes": peak / (1e6 if sys.platform == "darwin" else 1e3)}


def sorted_way(x: Signals, z: Signals) -> NDArray[np.float64]:
    """Ours."""
    from governance.privacy.attacks.rmia import rmia_scores

    return rmia_scores(x, z)


def matrix(x: Signals, z: Signals) -> NDArray[np.float64]:
    """The definition: the share of r(x)/r(z) above γ = 1, for every x and z."""
    return np.concatenate([(x[at : at + ROWS, None] / z > 1).mean(axis=1) for at in range(0, len(x), ROWS)])


if __name__ == "__main__":
    main()
