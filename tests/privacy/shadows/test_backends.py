from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from governance.errors import Undecided, UsageError
from governance.privacy.backends import Processes, Ray, WorkersLost, open_backend
from governance.privacy.parcels import pack, unpack
from governance.privacy.shadows import Plan, Shadows, pair_plan, sklearn_trainer, train

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 4))
Y = (X[:, 0] + RANDOM.normal(size=400) > 0).astype(int)
PLAN = pair_plan(Y, 8, 3)
TRAINER = sklearn_trainer(RandomForestClassifier(60, n_jobs=-1))


@pytest.fixture(scope="module")
def here() -> Shadows:
    """The shadows of the plan, trained in this process."""
    return train(PLAN, X, Y, TRAINER, n_jobs=1)


class Murder:
    """Kills one worker after the first shadow."""

    def __init__(self, workers: Callable[[], list[int]]) -> None:
        self.workers = workers
        self.victims: list[int] = []

    def __call__(self, finished: int, every: int) -> None:  # noqa: ARG002  the words of `Progress`
        if not self.victims:
            self.victims.append(self.workers()[0])
            os.kill(self.victims[0], signal.SIGKILL)


def children_named(*words: str) -> list[int]:
    """Processes below this one whose command says one of the words."""
    import psutil

    below = psutil.Process().children(recursive=True)
    return [p.pid for p in below if any(word in " ".join(p.cmdline()) for word in words)]


def same(one: Shadows, other: Shadows) -> bool:
    """Whether two sets of shadows told exactly the same."""
    return np.array_equal(one.signals, other.signals) and np.array_equal(one.accuracies, other.accuracies)


@pytest.mark.slow
def test_a_killed_process_changes_nothing(here: Shadows) -> None:
    """What it had not finished is trained again, with the same result."""
    murder = Murder(lambda: children_named("popen_loky"))

    found = train(PLAN, X, Y, TRAINER, backend=Processes(2), progress=murder)

    assert same(here, found)
    assert 1 == len(murder.victims)


def test_forests_are_trained_in_threads(here: Shadows) -> None:
    """They need no processes, and tell the same; other estimators hold Python's lock."""
    assert TRAINER.in_threads
    assert not sklearn_trainer(LogisticRegression()).in_threads
    assert same(here, train(PLAN, X, Y, TRAINER, n_jobs=2))


@pytest.mark.slow
def test_a_killed_dask_worker_changes_nothing(here: Shadows) -> None:
    """Two workers on a running cluster, one of them killed, by the open client; and again by its address."""
    import distributed

    place: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with (
        distributed.LocalCluster(**place, silence_logs="CRITICAL") as cluster,
        distributed.Client(cluster) as client,
    ):
        murder = Murder(lambda: sorted(client.run(os.getpid).values()))

        open_client = train(PLAN, X, Y, TRAINER, backend="dask", progress=murder)
        by_address = train(
            PLAN, X, Y, TRAINER, backend=open_backend("dask", address=cluster.scheduler_address)
        )

    assert same(here, open_client)
    assert same(here, by_address)
    assert 1 == len(murder.victims)


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """Ray with two workers; it takes seconds to start."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_a_killed_ray_worker_changes_nothing(here: Shadows) -> None:
    """Two workers on a cluster that is running already, one of them killed."""
    murder = Murder(lambda: children_named("ray::_from_store"))

    found = train(PLAN, X, Y, TRAINER, backend=Ray(), progress=murder)

    assert same(here, found)
    assert 1 == len(murder.victims)


class Losing:
    """Runs one task a time and loses its workers after it, for as many times as it is told."""

    def __init__(self, times: int, finishing: int) -> None:
        self.times = times
        self.finishing = finishing

    def run(self, work: Any, shared: Any, tasks: Any) -> Iterator[Any]:
        for task in tasks[: self.finishing] if self.times else tasks:
            yield work(shared, task)
        if self.times:
            self.times -= 1
            raise WorkersLost


def test_nothing_finished_is_trained_again(here: Shadows) -> None:
    """Workers that die after each shadow cost nothing, as long as something is finished in between."""
    told: list[int] = []

    found = train(
        PLAN, X, Y, TRAINER, backend=Losing(7, finishing=1), progress=lambda done, _: told.append(done)
    )

    assert same(here, found)
    assert [*range(1, 9)] == told


def test_workers_that_always_die_end_it() -> None:
    """After three times without a shadow it is said what most often is the cause."""
    with pytest.raises(Undecided, match="Workers died 3 times") as caught:
        train(PLAN, X, Y, TRAINER, backend=Losing(9, finishing=0))

    assert "memory ran out" in caught.value.remedy


@pytest.mark.parametrize(("name", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_extra_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a backend that is not installed is told what to install."""
    monkeypatch.setitem(__import__("sys").modules, package, None)

    with pytest.raises(UsageError) as caught:
        open_backend(name)

    assert f"The backend {name} needs the package {package}, which is not installed" == caught.value.message
    assert f'Install it with: pip install "mlflow-governance[{name}]"' == caught.value.remedy


def test_backends_are_known_by_name() -> None:
    """Another name, and an address for processes, are refused."""
    assert Processes(3) == open_backend("processes", 3)
    with pytest.raises(UsageError, match="There is no backend 'spark'"):
        open_backend("spark")
    with pytest.raises(UsageError, match="Processes have no address"):
        open_backend("processes", address="tcp://10.0.0.1:8786")


def test_a_parcel_gives_back_what_was_packed(tmp_path: Path) -> None:
    """Arrays of any width, tables and functions; what a worker writes to its arrays stays its own."""
    import pandas as pd

    content = {
        "bytes": np.arange(3, dtype=np.int8),
        "numbers": np.arange(6.0).reshape(2, 3),
        "table": pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        "function": lambda x: x + 1,
        "empty": np.zeros((0, 4)),
    }
    parcel = pack(content, tmp_path / "parcel")

    first = unpack(parcel)
    first["numbers"][0, 0] = 99.0
    unpack(pack({}, tmp_path / "another"))
    again = unpack(parcel)

    assert content["numbers"].tolist() == again["numbers"].tolist()
    assert [0, 1, 2] == again["bytes"].tolist()
    assert (0, 4) == again["empty"].shape
    assert 2 == again["function"](1)
    pd.testing.assert_frame_equal(content["table"], again["table"])
    assert 0 == again["numbers"].__array_interface__["data"][0] % 64


def test_a_cluster_s_log_shows_no_record() -> None:
    """Clusters log the arguments of what failed."""
    from governance.privacy.shadows import _Job, _Unit

    job = _Job(TRAINER, np.array([[12345.0]]), np.array([1]), train)
    unit = _Unit((0,), np.array([[True]]), (1,))

    assert "12345" not in repr(job)
    assert "True" not in repr(unit)


def test_more_shadows_start_with_fewer() -> None:
    """The plan of 16 shadows begins with the plan of 2, so escalation trains nothing twice."""
    few, many = pair_plan(Y, 2, 5), pair_plan(Y, 16, 5)

    assert (few.seeds, few.inside.tolist()) == (many.seeds[:2], many.inside[:2].tolist())
    assert many.starts_with(few)
    assert not few.starts_with(many)
    assert not many.starts_with(pair_plan(Y, 2, 6))
    assert not many.starts_with(Plan(~few.inside, few.seeds))


def test_earlier_shadows_are_not_trained_again(here: Shadows) -> None:
    """Only the other six of eight are trained, and the whole is what training all of them gives."""
    told: list[tuple[int, int]] = []
    before = train(pair_plan(Y, 2, 3), X, Y, TRAINER, n_jobs=1)

    found = train(
        PLAN, X, Y, TRAINER, n_jobs=1, before=before, progress=lambda done, every: told.append((done, every))
    )

    assert same(here, found)
    assert [(n, 8) for n in range(2, 9)] == told


def test_shadows_of_another_plan_are_refused(here: Shadows) -> None:
    """They would be taken for trained on other halves than they were."""
    with pytest.raises(UsageError, match="not the first of this plan"):
        train(pair_plan(Y, 8, 4), X, Y, TRAINER, before=here)


def test_signals_are_narrow(here: Shadows) -> None:
    """Four bytes a record and shadow."""
    assert (np.dtype(np.float32), (8, 400)) == (here.signals.dtype, here.signals.shape)
    assert "one by one" == here.how
