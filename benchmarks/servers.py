"""A real MLflow server in a process of its own, for as long as something is measured through it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

STARTS_WITHIN = 120.0
"""Seconds."""


@contextmanager
def serving(backend: str, registry: str, folder: Path) -> Iterator[str]:
    """The address of a server over a database for runs and one for the registry; both may be one.

    Raises:
        RuntimeError: the server did not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "mlflow"), "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", backend]
    command += ["--registry-store-uri", registry, "--default-artifact-root", str(folder / "served")]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        environment.pop(name, None)
    with (folder / f"server-{port}.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)  # noqa: S603  # our own command
        try:
            _wait(server, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{address}/health", timeout=5):  # noqa: S310  # our own address
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("the server did not start; its log is in the benchmark's folder")
