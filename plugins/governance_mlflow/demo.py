"""`governance demo`: claims a folder, points MLflow into it, and walks the steps."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

from governance.errors import UsageError
from governance_mlflow.demo_story import POLICY, Place


def demonstrate(folder: Path, seed: int) -> None:
    """Do the main job in a folder and say what was done.

    Raises:
        UsageError: the folder holds something else, a demonstration with another seed, or what the
            demonstration needs is not installed.
    """
    place = Place(folder.resolve())
    _claim(place, seed)
    os.environ.update(place.environment)
    _quieten()
    try:
        from rich.console import Console

        from governance_mlflow.demo_steps import Steps
    except ImportError as error:
        raise UsageError(
            f"The demonstration needs {error.name}, which is not installed.",
            "pip install 'mlflow-governance[demo]'",
        ) from error
    Steps(place, seed, Console(stderr=True, highlight=False)).run()


def _quieten() -> None:
    """Keep the libraries' own progress and advice from hiding what the demonstration shows."""
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    # Before MLflow is imported: it sets its loggers up then.
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module="mlflow")


def _claim(place: Place, seed: int) -> None:
    stamp = place.folder / "seed"
    if place.folder.exists() and any(place.folder.iterdir()) and not stamp.exists():
        raise UsageError(
            f"{place.folder} holds files that are not a demonstration's.",
            "Name an empty or new folder: governance demo FOLDER",
        )
    if stamp.exists() and stamp.read_text(encoding="utf-8").strip() != str(seed):
        raise UsageError(
            f"{place.folder} holds a demonstration with seed {stamp.read_text(encoding='utf-8').strip()}.",
            "Use that seed to continue it, or name another folder.",
        )
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(f"{seed}\n", encoding="utf-8")
        (place.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{place.folder} cannot be written: {error}.", "Name another folder.") from error
