"""What must hold before a governed server starts, and what its processes have to share."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from governance.errors import GovernanceError, UsageError
from governance.settings import Settings
from governance_mlflow.callers.proxies import trusted_header

GOVERNED = "governed+"
PLAIN = "governance"
WITH_ACCOUNTS = "governance-auth"

REGISTRY_OF_A_SERVER = "_MLFLOW_SERVER_REGISTRY_STORE"
DESTINATION_OF_A_SERVER = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
JOBS_OF_A_SERVER = "_MLFLOW_HUEY_STORAGE_PATH"
"""Set by MLflow in its servers' processes; the last one, their queue, only if jobs can run."""
REGISTRY_OF_JOBS = "MLFLOW_REGISTRY_URI"

STARTUP_FAILURE = 3
"""The exit code at which uvicorn and gunicorn stop, instead of starting another worker."""

REGISTRIES, ARTIFACTS, APPS = "mlflow.model_registry_store", "mlflow.artifact_repository", "mlflow.app"
LOCAL_ARTIFACTS = f"{GOVERNED}file"

REINSTALL = "Run `pip install --force-reinstall mlflow-governance`, then `governance doctor`."


def require_governed(registry_uri: str | None, destination: str | None) -> None:
    """Refuse to start a server in which anything could be promoted past the gate.

    Args:
        registry_uri: The registry that the server serves.
        destination: Where it keeps the artifacts that it serves, if it serves any.

    Raises:
        UsageError: the registry is not governed, a plugin was not loaded, jobs would reach the registry
            beside the gate, or the settings contradict each other.
    """
    if not (registry_uri or "").startswith(GOVERNED):
        raise UsageError(
            "The registry of this server is not governed: its URI does not begin with governed+.",
            "Start it with --registry-store-uri governed+sqlite:////absolute/path/mlflow.db, for example.",
        )
    if missing := not_loaded(_scheme(registry_uri), _scheme(destination)):
        raise UsageError(f"MLflow did not load these plugins: {', '.join(missing)}.", REINSTALL)
    trusted_header(Settings())
    reached = os.environ.setdefault(REGISTRY_OF_JOBS, str(registry_uri))
    if JOBS_OF_A_SERVER in os.environ and not reached.startswith((GOVERNED, "http://", "https://")):
        raise UsageError(
            f"{REGISTRY_OF_JOBS} is not governed, and the server's background jobs would go by it.",
            f"Unset it, or set {REGISTRY_OF_JOBS} to the governed URI, or set "
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false.",
        )


def _scheme(uri: str | None) -> str:
    return (uri or "").partition("://")[0]


def not_loaded(registry: str, destination: str) -> list[str]:
    """Which plugins MLflow does not have, and why: it only warns when it cannot load one."""
    from mlflow.store.artifact.artifact_repository_registry import get_registered_artifact_repositories
    from mlflow.tracking._model_registry.utils import _get_store_registry

    ours = {destination} if destination.startswith(GOVERNED) else {LOCAL_ARTIFACTS}
    needed = {
        REGISTRIES: ({registry}, _get_store_registry()._registry),
        ARTIFACTS: (ours, get_registered_artifact_repositories()),
        APPS: ({PLAIN, WITH_ACCOUNTS}, entry_points(group=APPS).names),
    }
    return [
        f"{name} of {group}{_why_not(group, name)}"
        for group, (wanted, loaded) in needed.items()
        for name in sorted(wanted - set(loaded))
    ]


def _why_not(group: str, name: str) -> str:
    for entry in entry_points(group=group, name=name):
        try:
            entry.load()
        except (ImportError, AttributeError) as error:
            return f" ({error})"
        return " (only while MLflow itself was starting)"
    return " (not installed)"


@contextmanager
def or_exit() -> Iterator[None]:
    """Say what is wrong and stop the whole server, instead of starting worker after worker."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (GovernanceError, MlflowException, ImportError) as error:
        print(f"The governed server does not start.\n{error}", file=sys.stderr)
        sys.exit(STARTUP_FAILURE)


def prepare_children() -> None:
    """Inside `mlflow server`, before it starts anything: check first, then share what its processes need.

    MLflow imports an app's module in that process, and nothing of ours runs in it later. It makes the
    administrator and the token of its jobs there for `basic-auth`, by that name alone.
    """
    import click
    from mlflow.exceptions import MlflowException

    context = click.get_current_context(silent=True)
    app_name = context.params.get("app_name") if context is not None else None
    if context is None or app_name not in (PLAIN, WITH_ACCOUNTS):
        return
    try:
        registry_uri = context.params.get("registry_store_uri") or context.params.get("backend_store_uri")
        require_governed(registry_uri, context.params.get("artifacts_destination"))
        if app_name == WITH_ACCOUNTS:
            _prepare_accounts()
    except (GovernanceError, MlflowException, ImportError) as error:
        raise click.ClickException(str(error)) from error


def _prepare_accounts() -> None:
    from mlflow import environment_variables, server
    from mlflow.server import auth  # noqa: F401  # what it lacks, it says when it is imported

    os.environ.setdefault(
        environment_variables._MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN.name, secrets.token_hex(32)
    )
    bootstrap: Any = getattr(server, "_bootstrap_basic_auth", None)
    if bootstrap is not None:
        # Older ones leave it to each worker, for basic-auth too.
        bootstrap()
        os.environ[environment_variables._MLFLOW_AUTH_ADMIN_BOOTSTRAPPED.name] = "true"
