"""Servers on a database that a clinic has already, killed, cut off and crowded."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

INJECTED = Path(__file__).parent / "injected"


@pytest.fixture
def fault_points(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the fault points, in this process."""
    monkeypatch.syspath_prepend(str(INJECTED))
    import fault_points

    return fault_points


@pytest.fixture
def start_servers() -> Iterator[Callable[..., list[str]]]:
    """Starts governed servers on a clinic's database, all at once; returns their addresses."""
    running: list[subprocess.Popen[bytes]] = []

    def start(
        clinic: Any, count: int = 1, forking: bool = False, largest_file: int | None = None
    ) -> list[str]:
        """Start so many.

        Args:
            forking: Under gunicorn, whose master starts a process that died again at once.
            largest_file: In bytes, all that the servers' disk has room for in one file.
        """
        uris, logs = [], []
        for _ in range(count):
            port = free_port()
            uris.append(f"http://127.0.0.1:{port}")
            logs.append(clinic.folder / f"server-{port}.log")
            running.append(serve(clinic, port, forking, largest_file, logs[-1]))
        for uri, log, server in zip(uris, logs, running[-count:], strict=True):
            wait_for(uri, server, log)
        return uris

    yield start
    for server in running:
        os.killpg(server.pid, 9)
        server.wait()


def serve(
    clinic: Any, port: int, forking: bool, largest_file: int | None, log: Path
) -> subprocess.Popen[bytes]:
    """One server; it freezes beside the database, where the command line looks too."""
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", clinic.database_uri),
        *("--registry-store-uri", f"governed+{clinic.database_uri}", "--no-serve-artifacts"),
        *("--default-artifact-root", str(clinic.folder / "artifacts")),
        *(("--gunicorn-opts", "--preload") if forking else ()),
    ]
    environment = {
        name: value
        for name, value in clinic.environment.items()
        if name not in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
    }
    path = os.pathsep.join(filter(None, (str(INJECTED), environment.get("PYTHONPATH"))))
    environment |= {"PYTHONPATH": path, "FAULT_PLAN": str(clinic.folder / "plan")}

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    with log.open("wb") as written:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=clinic.folder,
            stdout=written,
            stderr=written,
            start_new_session=True,
            preexec_fn=limit,
        )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(uri: str, server: subprocess.Popen[Any], log: Path) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            if requests.get(f"{uri}/health", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
