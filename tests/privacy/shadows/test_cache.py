from __future__ import annotations

import importlib.util
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from governance.errors import Undecided
from governance.privacy.shadow_cache import ShadowCache
from governance.privacy.shadows import Shadows, pair_plan, sklearn_trainer, train

PROGRAM = Path(__file__).with_name("trainers.py")
X = np.random.default_rng(1).normal(size=(60, 3))
Y = np.arange(60) % 2
PLAN = pair_plan(Y, 4, 0)
TRAINER = sklearn_trainer(LogisticRegression())


class Counted:
    """How many shadows were trained, so stored, and not found."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.trained = 0

    def __call__(self, X: Any = X, trainer: Any = TRAINER, plan: Any = PLAN) -> Shadows:
        before = self._files()
        found = train(plan, X, Y, trainer, n_jobs=1, cache=self.cache)
        self.trained = len(self._files() - before)
        return found

    def _files(self) -> set[tuple[str, int]]:
        return {(file.name, file.stat().st_mtime_ns) for file in self.cache.glob("*")}


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    """Trains with a cache, and counts."""
    return Counted(tmp_path / "cache")


def test_nothing_is_trained_twice(counted: Counted) -> None:
    """The second run finds all four shadows and says the same."""
    first = counted()
    assert 4 == counted.trained

    again = counted()

    assert 0 == counted.trained
    assert first.signals.tobytes() == again.signals.tobytes()
    assert (first.accuracies.tolist(), first.how) == (again.accuracies.tolist(), again.how)


def test_more_shadows_find_fewer(counted: Counted) -> None:
    """Of eight, the four of an earlier run are found."""
    counted()
    counted(plan=pair_plan(Y, 8, 0))

    assert 4 == counted.trained


@pytest.mark.parametrize(
    "changed",
    [
        {"X": X + 1e-9},
        {"trainer": sklearn_trainer(LogisticRegression(C=1.0000001))},
        {"trainer": sklearn_trainer(RandomForestClassifier(2))},
        {"plan": pair_plan(Y, 4, 1)},
        {"plan": replace(PLAN, seeds=tuple(seed + 1 for seed in PLAN.seeds))},
    ],
    ids=["records", "parameter", "estimator", "halves", "seeds"],
)
def test_whatever_matters_is_part_of_the_key(counted: Counted, changed: dict[str, Any]) -> None:
    """Other records, parameters, halves or seeds find nothing."""
    counted()
    counted(**changed)

    assert 4 == counted.trained


def test_a_library_s_version_is_part_of_the_key(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version would have trained is not taken for this one's."""
    counted()
    monkeypatch.setattr("governance.privacy.shadow_cache.version", lambda name: f"{name}'s next")
    counted()

    assert 4 == counted.trained


def test_a_trainer_s_source_is_part_of_the_key(tmp_path: Path) -> None:
    """A module that is edited trains anew, and so does one that only uses the module edited."""
    keys = []
    for constant in ("1", "2"):
        for name, text in (
            ("inner_of_test", f"def half(X):\n    return X * {constant}\n"),
            ("outer_of_test", "from inner_of_test import half\ndef train(X, y, seed):\n    return half(X)\n"),
        ):
            (tmp_path / f"{name}.py").write_text(text, "utf-8")
            spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        trainer = sys.modules["outer_of_test"].train
        keys += [ShadowCache(tmp_path / "cache", trainer).path(PLAN.inside[0], 1) for _ in range(2)]
    for name in ("inner_of_test", "outer_of_test"):
        del sys.modules[name]

    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_files_are_their_user_s_alone(counted: Counted) -> None:
    """Per-record signals are personal data; no unfinished file is left."""
    counted()

    files = list(counted.cache.iterdir())

    assert 4 == len(files)
    assert {".npz"} == {file.suffix for file in files}
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}
    assert 0o700 == stat.S_IMODE(counted.cache.stat().st_mode)


def cut_short(file: Path) -> None:
    """The end is missing."""
    file.write_bytes(file.read_bytes()[:-30])


def flip_a_bit(file: Path) -> None:
    """One bit is another."""
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


def of_another_pool(file: Path) -> None:
    """Whole, and of three records."""
    np.savez(file, signals=np.zeros(3, np.float32), accuracy=0.5, how="one by one")


def not_numbers(file: Path) -> None:
    """Whole, and no number in it."""
    np.savez(file, signals=np.full(60, np.nan, np.float32), accuracy=0.5, how="one by one")


def pickled(file: Path) -> None:
    """An array of objects."""
    np.savez(file, signals=np.array([Poison()], dtype=object), accuracy=0.5, how="one by one")


class Poison:
    """Would end the process that unpickles it."""

    def __reduce__(self) -> Any:
        return os._exit, (66,)


@pytest.mark.parametrize(
    "damage", [cut_short, flip_a_bit, of_another_pool, not_numbers, pickled, lambda f: f.write_bytes(b"")]
)
def test_a_damaged_file_is_trained_anew(counted: Counted, damage: Callable[[Path], object]) -> None:
    """One shadow is trained again, nothing is unpickled, and the file is whole afterwards."""
    whole = counted()
    damage(next(counted.cache.iterdir()))

    mended = counted()
    assert 1 == counted.trained
    assert whole.signals.tobytes() == mended.signals.tobytes()
    counted()
    assert 0 == counted.trained


def test_what_a_killed_run_left_unfinished_is_swept_up(counted: Counted) -> None:
    """Its half of a file holds signals, too."""
    counted()
    file = next(counted.cache.iterdir())
    file.rename(file.with_suffix(".abc.part"))

    counted()

    assert [".npz"] * 4 == [file.suffix for file in counted.cache.iterdir()]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where a file stands already."""
    (tmp_path / "cache").touch()

    with pytest.raises(Undecided, match="The cache folder cannot be made"):
        Counted(tmp_path / "cache")()


@pytest.mark.slow
def test_a_killed_run_is_resumed(tmp_path: Path) -> None:
    """Killed after two of six shadows or more, it trains none of the finished ones again."""
    notes, cache = tmp_path / "notes", tmp_path / "cache"
    notes.mkdir()
    command = [sys.executable, str(PROGRAM), str(notes), str(cache)]
    with subprocess.Popen([*command, "0.4"]) as running:
        limit = time.monotonic() + 60
        while len(list(cache.glob("*.npz"))) < 2:
            assert time.monotonic() < limit
            assert running.poll() is None
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    finished = len(list(cache.glob("*.npz")))
    begun = len(list(notes.iterdir()))
    # The time a training takes is a parameter, and so part of the key.
    resumed = subprocess.run([*command, "0.4"], check=True, capture_output=True, timeout=60)

    assert b"" == resumed.stderr
    assert 2 <= finished < 6
    assert 6 - finished == len(list(notes.iterdir())) - begun
    assert (6, 50) == np.load(tmp_path / "signals.npy", allow_pickle=False).shape
