"""`python -m benchmarks.attack_speed`: shadows beside SACRO-ML, on one core and two, alone and stacked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.pairs import Comparison

FPR = 0.01
SHADOWS = 16
MODES = ("offline", "online-carlini", "online-carlini+fixed")
"""SACRO-ML's default first, the strongest of its others last."""
PARTS = ("forest", "torch", "cores", "dask")
RECORDS = ("rows", "distinct")


@dataclass(frozen=True, slots=True)
class Found:
    """What one assessment took and found."""

    who: str
    shadows: int
    seconds: float
    auc: float
    tpr: float


@click.command()
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS, help="Default: all.")
@click.option("--records", type=click.Choice(RECORDS), multiple=True, default=RECORDS, help="Default: both.")
@click.option("--pairs", type=click.IntRange(1), default=3, show_default=True, help="Of each comparison.")
@click.option("--shadows", type=click.IntRange(2), default=SHADOWS, show_default=True, help="An even number.")
@click.option(
    "--sacroml", metavar="PYTHON", help="Of an environment with sacroml. Default: one is made and kept."
)
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def main(
    parts: tuple[str, ...],
    records: tuple[str, ...],
    pairs: int,
    shadows: int,
    sacroml: str | None,
    as_json: bool,
) -> None:
    """Compare times in turns, so that what slows the machine slows both sides."""
    found: dict[str, Any] = {}
    if "forest" in parts:
        python = sacroml or _environment()
        for name in records:
            found[f"forest, {name}"] = beside_sacroml(name, python, pairs, shadows)
    if "torch" in parts:
        found["torch"] = {str(batch): stacked(batch, pairs, shadows) for batch in (32, 64, 128)}
    if "cores" in parts:
        found["cores"] = cores(pairs, shadows)
    if "dask" in parts:
        found["dask"] = dask_workers(pairs, shadows)
    if as_json:
        click.echo(json.dumps({"schema": "governance/attack-speed-benchmark/v1", "found": found}, indent=2))


def beside_sacroml(name: str, python: str, pairs: int, shadows: int) -> dict[str, Any]:
    """A whole assessment of a forest of 50 trees, by us and by SACRO-ML's LiRA."""
    X, y = _rand_hie(name)
    ours: list[Found] = []
    theirs: list[Found] = []
    few: dict[int, list[Found]] = {k: [] for k in (2, 4, 8) if k < shadows}
    _say(f"{len(y)} records of RAND HIE ({name}), forest of 50 trees, {shadows} shadows")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.npz"
        np.savez(path, X=X, y=y)
        for turn in range(pairs):
            theirs.append(_said(_sacroml(python, path, shadows, MODES[turn % len(MODES)])))
            ours.append(_said(_ours(X, y, shadows)))
            for k, runs in few.items():
                runs.append(_said(_ours(X, y, k)))
    goal = max(one.tpr for one in theirs)
    reached = next((runs for runs in [*few.values(), ours] if runs[0].tpr >= goal), ours)
    ratios = tuple(a.seconds / b.seconds for a, b in zip(theirs, ours, strict=True))
    quick = tuple(a.seconds / b.seconds for a, b in zip(theirs, reached, strict=True))
    _say(f"  SACRO-ML takes {_told(ratios)} as long at equal shadows")
    reaches = reached[0].tpr >= goal
    _say(
        f"  SACRO-ML takes {_told(quick)} as long to {'reach' if reaches else 'MISS'} TPR {goal:.4f}"
        f" as we with {reached[0].shadows} shadows"
    )
    runs = [*theirs, *ours, *(run for group in few.values() for run in group)]
    return {
        "runs": [asdict(one) for one in runs],
        "equal_shadows": ratios,
        "to_reach": quick,
        "reached_with": reached[0].shadows if reaches else None,
    }


def stacked(batch: int, pairs: int, shadows: int) -> tuple[float, ...]:
    """Stacked and sequential training of the same networks, in one process on one thread."""
    import torch

    from governance.privacy.shadows import pair_plan, train
    from governance.privacy.torch_training import TorchTrainer

    X, y = _rand_hie("rows")
    X, y = (X - X.mean(axis=0)) / X.std(axis=0), y
    X, y = X[:4000], y[:4000]
    plan = pair_plan(y, shadows, 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(group: int) -> Any:
        trainer = TorchTrainer(_network, epochs=3, batch_size=batch, group=group)
        return train(plan, X, y, trainer, n_jobs=1)

    together, alone = run(shadows), run(1)
    away = float(np.abs(together.signals - alone.signals).max())
    ratios = _ratios(lambda: run(shadows), lambda: run(1), pairs)
    torch.set_num_threads(threads)
    _say(f"network 9-64-32-2, batches of {batch}, {shadows} shadows, one thread: {together.how}")
    _say(f"  one by one takes {_told(ratios)} as long as stacked; signals differ by at most {away:.1e}")
    return ratios


def cores(pairs: int, shadows: int) -> tuple[float, ...]:
    """Forests one after the other, and on as many threads as `train` chooses for two jobs."""
    from governance.privacy.shadows import pair_plan, sklearn_trainer, train

    X, y = _rand_hie("rows")
    plan = pair_plan(y, shadows, 0)
    trainer = sklearn_trainer(_forest())

    def run(n_jobs: int) -> None:
        _end_workers()
        train(plan, X, y, trainer, n_jobs=n_jobs)

    efficiency = tuple(ratio / 2 for ratio in _ratios(lambda: run(2), lambda: run(1), pairs))
    _say(f"{shadows} forests on two cores: efficiency {_told(efficiency, '')}")
    return efficiency


def dask_workers(pairs: int, shadows: int) -> tuple[float, ...]:
    """Forests on one Dask worker and on two, both clusters running."""
    import distributed

    from governance.privacy.backends import Dask
    from governance.privacy.shadows import pair_plan, sklearn_trainer, train

    X, y = _rand_hie("rows")
    plan = pair_plan(y, shadows, 0)
    trainer = sklearn_trainer(_forest())
    settings: dict[str, Any] = {
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
        "silence_logs": "CRITICAL",
    }
    cluster_of: Any = distributed.LocalCluster
    with cluster_of(n_workers=1, **settings) as one, cluster_of(n_workers=2, **settings) as two:

        def run(cluster: Any) -> None:
            train(plan, X, y, trainer, backend=Dask(cluster.scheduler_address))

        run(one)
        run(two)
        ratios = _ratios(lambda: run(two), lambda: run(one), pairs)
    _say(f"{shadows} forests: one Dask worker takes {_told(ratios)} as long as two")
    return ratios


def _ours(X: Any, y: NDArray[Any], shadows: int) -> Found:
    from governance.privacy.attacks.catalogue import headline
    from governance.privacy.attacks.interface import Observations
    from governance.privacy.scoring import auc, tpr_at_fpr
    from governance.privacy.shadows import pair_plan, sklearn_trainer, train
    from governance.privacy.signals import read

    half = len(y) // 2
    model = _forest().fit(X[:half], y[:half])
    _end_workers()
    began = perf_counter()
    target = read(model, X, y).likelihood()
    trained = train(pair_plan(y, shadows, 0), X, y, sklearn_trainer(model))
    observed = Observations(target, trained.signals, trained.plan.inside)
    attack = headline(observed)
    values = attack.score(observed).values
    rate = tpr_at_fpr(values[:half], values[half:], FPR)
    area = auc(values[:half], values[half:])
    return Found(f"ours, {attack.name}", shadows, perf_counter() - began, area.point, rate.tpr.point)


def _sacroml(python: str, records: Path, shadows: int, mode: str) -> Found:
    script = Path(__file__).with_name("sacro_lira.py")
    command = [python, str(script), str(records), str(shadows), mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own script
    told = json.loads(done.stdout.splitlines()[-1])
    return Found(f"SACRO-ML, {mode}", shadows, told["seconds"], told["auc"], told["tpr"])


def _environment() -> str:
    """The Python of an environment with sacroml, made the first time; that takes minutes."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mlflow-governance" / "sacroml"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / "ready").exists():
        click.echo("installing sacroml, once", err=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "sacroml", "torch==2.13.0"]
        subprocess.run(pip, check=True)  # noqa: S603  no word of it is anybody's input
        (folder / "ready").touch()
    return str(python)


def _rand_hie(name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Records of the RAND Health Insurance Experiment in random order; the first half are members.

    `rows`: 16,000 of its 20,190 rows, more than two visits or not; of these rows many are equal, on one
    side and across. `distinct`: the visits as nine classes, which makes 8,350 records, of which 8,000.
    """
    from statsmodels.datasets import randhie

    frame = randhie.load_pandas().data.astype(float)
    random = np.random.default_rng(0)
    if name == "rows":
        chosen = frame.iloc[random.permutation(len(frame))[:16_000]]
        return chosen.drop(columns="mdvis").to_numpy(), (chosen["mdvis"] > 2).to_numpy(np.int64)
    classes = frame.assign(visits=frame["mdvis"].clip(upper=8)).drop(columns="mdvis").drop_duplicates()
    chosen = classes.iloc[random.permutation(len(classes))[:8_000]]
    return chosen.drop(columns="visits").to_numpy(), chosen["visits"].to_numpy(np.int64)


def _forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=50, random_state=0)


def _network() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))


def _end_workers() -> None:
    """Processes that an earlier run left would start for free."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def _ratios(quick: Callable[[], Any], slow: Callable[[], Any], pairs: int) -> tuple[float, ...]:
    found = []
    for turn in range(pairs):
        times = {}
        for side in (quick, slow) if turn % 2 == 0 else (slow, quick):
            began = perf_counter()
            side()
            times[side] = perf_counter() - began
        found.append(times[slow] / times[quick])
    return tuple(found)


def _told(ratios: tuple[float, ...], unit: str = " times") -> str:
    low, high = Comparison("", ratios).middle_half
    return f"{median(ratios):.2f}{unit} ({low:.2f} to {high:.2f})"


def _said(one: Found) -> Found:
    rates = f"AUC {one.auc:.3f}, TPR@1 % {one.tpr:.4f}"
    _say(f"  {one.who}, {one.shadows} shadows: {one.seconds:.2f} s, {rates}")
    return one


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())
