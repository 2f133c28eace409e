"""`governance demo`: the main job, on real data, in a folder."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="governance-demo")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=7, show_default=True, help="Repeat with the same."
)
def demo(folder: Path, seed: int) -> None:
    """Train, label, assess, deny, protect, approve, promote and report, in FOLDER.

    The data is real: the RAND Health Insurance Experiment, health data of people. It needs no server
    and under two minutes. Run again in the same folder, it continues where it was interrupted.
    """
    from governance.bootstrap import demonstrate

    demonstrate(folder, seed)
