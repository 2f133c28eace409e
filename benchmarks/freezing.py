"""`python -m benchmarks.freezing`: freezing a tree beside `cp -r` and `sha256sum` of the copy, as ratios."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import click
import numpy as np

from benchmarks.pairs import Action, Comparison, compare
from governance.freezing import freeze_tree

SHAPES = {"in one file": 1, "in 16 files": 16, "in 500 files": 500}
BLOCK = 1 << 20


def measure(folder: Path, pairs: int, size: int) -> list[Comparison]:
    """Compare both ways over trees of `size` bytes, cut into few and into many files.

    Args:
        folder: An empty folder on the file system that is measured.
        pairs: How often each way is gone.
        size: Bytes of a tree.
    """
    return [_compare(folder / str(count), shape, count, pairs, size) for shape, count in SHAPES.items()]


def _compare(folder: Path, shape: str, count: int, pairs: int, size: int) -> Comparison:
    tree = _tree(folder / "model", count, size)
    name = f"{size / 1e6:g} MB {shape}"
    found = compare(name, partial(_copy_and_hash, tree), partial(_freeze, tree), pairs)
    shutil.rmtree(folder)
    return found


def _tree(root: Path, count: int, size: int) -> Path:
    """Files of the same size in folders of a hundred, no block like another."""
    random = np.random.default_rng(count)
    for number in range(count):
        path = root / f"{number // 100}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for begin in range(0, size // count, BLOCK):
                file.write(random.bytes(min(BLOCK, size // count - begin)))
    # Else the disk would still be busy with the tree while its first copies are made.
    os.sync()
    return root


def _copy_and_hash(tree: Path, number: int) -> Action:
    copy = _cleared(tree.parent / "copy")
    del number  # Each copy takes the place of the last.

    def act() -> None:
        subprocess.run(["cp", "-r", tree, copy], check=True)  # noqa: S603, S607 - the commands to be compared with
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)  # noqa: S603, S607 - as above

    return act


def _freeze(tree: Path, number: int) -> Action:
    del number  # Into an empty area each time: what is frozen already is only checked.
    return partial(freeze_tree, tree, _cleared(tree.parent / "frozen"))


def _cleared(path: Path) -> Path:
    """The same path, where nothing lies any more."""
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o755)
    shutil.rmtree(path, ignore_errors=True)
    return path


@click.command()
@click.option("--pairs", type=click.IntRange(min=1), default=5, show_default=True, help="Of each tree.")
@click.option(
    "--megabytes", type=click.FloatRange(0.01), default=1000, show_default=True, help="Of each tree."
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="On the file system to measure; default: where temporary files lie.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every ratio as JSON.")
def main(pairs: int, megabytes: float, folder: Path | None, as_json: bool) -> None:
    """Say how many times as long as `cp -r` and `sha256sum` freezing takes."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=folder) as place:
        found = measure(Path(place), pairs, round(megabytes * 1e6))
    if as_json:
        body = {"schema": "governance/freezing-benchmark/v1", "trees": [each.to_json() for each in found]}
        click.echo(json.dumps(body, indent=2))
        return
    click.echo("Time to freeze, `cp -r` and `sha256sum` = 1: median of the pairs, their middle half")
    for each in found:
        low, high = each.middle_half
        click.echo(f"  {each.name}: {each.median:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
