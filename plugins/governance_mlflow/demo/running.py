"""`governance demo`: claims a folder, points MLflow into it, and walks the steps."""

from __future__ import annotations

import logging
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

from governance.errors import UsageError
from governance_mlflow.demo.story import POLICY, Place


def demonstrate(folder: Path, seed: int) -> None:
    """Do the main job in a folder and say what was done.

    Raises:
        UsageError: the folder holds something else, a demonstration with another seed, or what the
            demonstration needs is not installed.
    """
    _insist_on_extras()
    place = Place(folder.resolve())
    _claim(place, seed)
    os.environ.update(place.environment)
    _quieten()
    _make_database(place)
    from rich.console import Console

    from governance_mlflow.demo.steps import Steps

    Steps(place, seed, Console(stderr=True, highlight=False)).run()


def _insist_on_extras() -> None:
    missing = [name for name in ("opacus", "statsmodels", "torch") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"The demonstration needs {', '.join(missing)}, which a registry does not.",
            "pip install 'mlflow-governance[demo]'",
        )


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
    try:
        # A stamp can be empty: whoever wrote it was killed before the first letter.
        claimed = stamp.read_text(encoding="utf-8").strip() if stamp.exists() else ""
        if not claimed and place.folder.exists() and {*place.folder.iterdir()} - {stamp}:
            raise UsageError(
                f"{place.folder} holds files that are not a demonstration's.",
                "Name an empty or new folder: governance demo FOLDER",
            )
        if claimed not in ("", str(seed)):
            raise UsageError(
                f"{place.folder} holds a demonstration with seed {claimed}.",
                f"Continue it: governance demo {place.folder} --seed {claimed}, or name another folder.",
            )
        place.folder.mkdir(parents=True, exist_ok=True)
        if not claimed:
            stamp.write_text(f"{seed}\n", encoding="utf-8")
        (place.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{place.folder} cannot be written: {error}.", "Name another folder.") from error


def _make_database(place: Place) -> None:
    """Make MLflow's tables under another name: its migrations of SQLite do not survive being killed."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    if place.database.exists():
        return
    unfinished = place.folder / "unfinished.db"
    for rest in place.folder.glob(f"{unfinished.name}*"):
        rest.unlink()
    engine = create_sqlalchemy_engine(f"sqlite:///{unfinished}")
    _initialize_tables(engine)
    engine.dispose()
    unfinished.rename(place.database)
