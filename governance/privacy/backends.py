"""Where tasks run: processes of this machine, a Dask cluster or a Ray cluster; the tasks do not know.

On each of them what all tasks share is sent to a worker once, each worker computes on one thread, and
results come back in the order in which they are finished.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from governance.errors import Undecided, UsageError
from governance.privacy.parcels import pack, unpack

Work = Callable[[Any, Any], Any]
"""(what all tasks share, one task) → its result, which says whose it is; an importable function."""

NAMES = ("processes", "dask", "ray")

WAIT = 30.0
"""Seconds until a cluster without workers is given up."""


class WorkersLost(Exception):
    """Workers died; what is not finished can be run again."""


class Backend(Protocol):
    """Runs tasks, perhaps elsewhere."""

    def run(self, work: Work, shared: Any, tasks: Sequence[Any]) -> Iterator[Any]:
        """Each task's result, in any order; `WorkersLost` if the rest must be run again."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes on this machine, through joblib: another of its backends if `parallel_config` says so."""

    n_jobs: int | None = -1
    """As joblib has it: 1 for none but this process, −1 for one a core."""

    def run(self, work: Work, shared: Any, tasks: Sequence[Any]) -> Iterator[Any]:
        """See `Backend`."""
        from joblib import Parallel, delayed, effective_n_jobs
        from joblib.externals.loky.process_executor import BrokenProcessPool

        workers = min(effective_n_jobs(self.n_jobs), len(tasks))
        if workers <= 1:
            yield from (work(shared, task) for task in tasks)
            return
        with TemporaryDirectory(prefix="shadows-") as folder:
            parcel = pack(shared, Path(folder) / "parcel")
            claims = Path(folder) / "claims"
            claims.mkdir()
            with _starting_workers():
                results = Parallel(workers, return_as="generator_unordered", batch_size=1)(
                    delayed(_from_file)(work, parcel, claims / str(number), task)
                    for number, task in enumerate(tasks)
                )
            try:
                done = yield from _meanwhile(work, shared, tasks, claims)
                if done < len(tasks):
                    yield from (result for result in results if result is not None)
            except BrokenProcessPool:
                raise WorkersLost from None
            finally:
                # It ends workers that came too late to find anything to do, and warns that they did nothing.
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    results.close()


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads of this process: nothing to start and nothing to send, for work that leaves Python's lock."""

    n_jobs: int | None = -1
    """As joblib has it."""

    def run(self, work: Work, shared: Any, tasks: Sequence[Any]) -> Iterator[Any]:
        """See `Backend`."""
        from concurrent.futures import ThreadPoolExecutor, as_completed

        from joblib import effective_n_jobs
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1), ThreadPoolExecutor(effective_n_jobs(self.n_jobs)) as pool:
            begun = [pool.submit(work, shared, task) for task in tasks]
            try:
                yield from (future.result() for future in as_completed(begun))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _meanwhile(work: Work, shared: Any, tasks: Sequence[Any], claims: Path) -> Generator[Any, None, int]:
    """Until a worker is there, which takes a second or two, this process works; gives how much it did."""
    done = 0
    for number, task in enumerate(tasks):
        if len(list(claims.iterdir())) > done:
            break
        if _claim(claims / str(number)):
            yield _with_one_thread(work, shared, task)
            done += 1
    return done


def _claim(task: Path) -> bool:
    """Whether a task is this process's to do, because it asks first."""
    try:
        task.mkdir()
    except FileExistsError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Dask:
    """A Dask cluster: the one at `address`, else the client that is open, else a new one on this machine."""

    address: str | None = None
    """Of the scheduler, such as tcp://10.0.0.1:8786."""
    workers: int | None = None
    """Of a new cluster; None for one a core."""

    def run(self, work: Work, shared: Any, tasks: Sequence[Any]) -> Iterator[Any]:
        """See `Backend`."""
        distributed = _needed("distributed", "dask")
        lost = (distributed.KilledWorker, distributed.CancelledError, distributed.comm.CommClosedError)
        with ExitStack() as stack:
            client = self._client(distributed, stack)
            try:
                everywhere = client.scatter(shared, broadcast=True, hash=False)
                futures = [client.submit(_with_one_thread, work, everywhere, t, pure=False) for t in tasks]
                for future in distributed.as_completed(futures, loop=client.loop):
                    yield future.result()
            except lost:
                raise WorkersLost from None

    def _client(self, distributed: Any, stack: ExitStack) -> Any:
        if self.address is None:
            try:
                return distributed.default_client()
            except ValueError:
                cluster = distributed.LocalCluster(
                    n_workers=self.workers or os.cpu_count(),
                    threads_per_worker=1,
                    memory_limit=None,
                    dashboard_address="127.0.0.1:0",
                    silence_logs="CRITICAL",
                )
                where = stack.enter_context(cluster)
        else:
            where = self.address
        try:
            client = stack.enter_context(distributed.Client(where, set_as_default=False, timeout=WAIT))
            client.wait_for_workers(1, timeout=WAIT)
        except (OSError, TimeoutError):
            raise Undecided(
                f"No Dask cluster with a worker answers at {self.address}",
                "Start it, or correct the address.",
            ) from None
        return client


@dataclass(frozen=True, slots=True)
class Ray:
    """A Ray cluster: the one this process is connected to, else the one at `address`, else a new one here."""

    address: str | None = None
    """Such as `auto` or ray://10.0.0.1:10001."""
    workers: int | None = None
    """Of a new cluster; None for one a core."""

    def run(self, work: Work, shared: Any, tasks: Sequence[Any]) -> Iterator[Any]:
        """See `Backend`."""
        import numpy as np

        ray = _needed("ray", "ray")
        with ExitStack() as stack:
            self._connect(ray, stack)
            try:
                content = ray.put(np.frombuffer(_needed("cloudpickle", "ray").dumps(shared), np.uint8))
                remote = ray.remote(num_cpus=1, max_retries=3)(_from_store)
                waiting = [remote.remote(work, content.hex(), content, task) for task in tasks]
                while waiting:
                    (done,), waiting = ray.wait(waiting, num_returns=1)
                    yield ray.get(done)
            except (
                ray.exceptions.WorkerCrashedError,
                ray.exceptions.ObjectLostError,
                ray.exceptions.NodeDiedError,
                ray.exceptions.OutOfMemoryError,
            ):
                raise WorkersLost from None

    def _connect(self, ray: Any, stack: ExitStack) -> None:
        if ray.is_initialized():
            return
        # Ray reports to its makers what it is used for unless told not to; a privacy audit does not.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        new = {"num_cpus": self.workers or os.cpu_count(), "include_dashboard": False}
        try:
            ray.init(self.address, log_to_driver=False, **(new if self.address is None else {}))
        except (ConnectionError, ValueError):
            raise Undecided(
                f"No Ray cluster answers at {self.address}", "Start it, or correct the address."
            ) from None
        stack.callback(ray.shutdown)


def open_backend(name: str, n_jobs: int | None = -1, address: str | None = None) -> Backend:
    """The backend of that name.

    Args:
        name: One of `NAMES`.
        n_jobs: How many workers, where none are running yet; −1 or None for one a core.
        address: Of a running Dask or Ray cluster.

    Raises:
        UsageError: there is no such backend, or its extra is not installed.
    """
    if name not in NAMES:
        raise UsageError(f"There is no backend {name!r}", f"Name one of {', '.join(NAMES)}.")
    if name == "processes":
        if address is not None:
            raise UsageError("Processes have no address", "Add --backend dask or --backend ray.")
        return Processes(n_jobs)
    workers = n_jobs if n_jobs is not None and n_jobs > 0 else None
    _needed({"dask": "distributed"}.get(name, name), name)
    return Dask(address, workers) if name == "dask" else Ray(address, workers)


def _needed(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise UsageError(
            f"The backend {extra} needs the package {module}, which is not installed",
            f'Install it with: pip install "mlflow-governance[{extra}]"',
        ) from None


def _from_file(work: Work, parcel: tuple[str, tuple[int, ...]], claim: Path, task: Any) -> Any:
    return _with_one_thread(work, unpack(parcel), task) if _claim(claim) else None


def _from_store(work: Work, name: str, content: Any, task: Any) -> Any:
    return _with_one_thread(work, _unpickled(name, content), task)


def _with_one_thread(work: Work, shared: Any, task: Any) -> Any:
    """As many workers as cores, so more threads would only push each other aside."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return work(shared, task)


_held: tuple[str, Any] = ("", None)


def _unpickled(name: str, content: Any) -> Any:
    import pickle

    global _held  # what a worker holds is replaced by the next run's
    if _held[0] != name:
        # Ray's own copy is shared and cannot be written to, which some estimators insist on.
        _held = (name, pickle.loads(content.tobytes()))  # noqa: S301  written by the process that asks
    return _held[1]


@contextmanager
def _starting_workers() -> Iterator[None]:
    """Processes that start inside never see Ctrl-C: this one does, ends them, and none prints a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored stays ignored in a new process; a mask would not do, joblib lifts it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
