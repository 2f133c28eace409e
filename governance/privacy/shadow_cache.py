"""What finished shadows told, kept in a folder so that nothing is trained twice, not even after a kill.

A file's name is a SHA-256 of everything that its content follows from: records, labels, trainer with its
parameters and source, the shadow's records and seed, the code here, the libraries and Python. A file is
never unpickled; one that is damaged is trained anew. Whoever may write in the folder may forge what
shadows told, and per-record signals are personal data, so both belong to its user alone.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import pickletools
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.errors import Undecided
from governance.privacy.parcels import taken_apart

FORMAT = "governance/shadow/v1"

LIBRARIES = ("mlflow-governance", "numpy", "scipy", "scikit-learn", "torch", "xgboost", "lightgbm")

Told = tuple[NDArray[np.float32], float, str]
"""(n,) signals, accuracy, and how it was trained."""


class ShadowCache:
    """Files of one set of records and one trainer."""

    def __init__(self, folder: Path, content: Any) -> None:
        """Open or make the folder.

        Args:
            folder: Made if need be, for this user alone.
            content: Everything but the plan that decides what shadows tell: trainer, records, labels.

        Raises:
            Undecided: the folder cannot be made.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Undecided(
                f"The cache folder cannot be made: {error}.", "Name a folder that you may write in."
            ) from error
        self._folder = folder
        self._content = _digest_of(content)

    def path(self, inside: NDArray[np.bool_], seed: int) -> Path:
        """Where the shadow that was trained on these records, from this seed, is kept."""
        key = hashlib.sha256(self._content + int(seed).to_bytes(16, "little") + np.packbits(inside).tobytes())
        return self._folder / f"{key.hexdigest()}.npz"

    def load(self, inside: NDArray[np.bool_], seed: int) -> Told | None:
        """What the shadow told, or None if it is not there whole."""
        try:
            with np.load(self.path(inside, seed), allow_pickle=False) as parts:
                signals, accuracy, how = (parts[name] for name in ("signals", "accuracy", "how"))
        # A flipped bit may also ask for decompression, a password or a compression nobody has.
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
            return None
        if signals.shape != inside.shape or signals.dtype != np.float32 or not np.isfinite(signals).all():
            return None
        return signals, float(accuracy), str(how)

    def store(self, inside: NDArray[np.bool_], seed: int, told: Told) -> None:
        """Keep what the shadow told: all of it or nothing, readable by this user alone."""
        path = self.path(inside, seed)
        # mkstemp's files have mode 0600.
        handle, name = tempfile.mkstemp(prefix=f"{path.stem}.", suffix=".part", dir=self._folder)
        with os.fdopen(handle, "wb") as file:
            np.savez(file, signals=told[0], accuracy=np.float64(told[1]), how=np.str_(told[2]))
            file.flush()
            os.fsync(file.fileno())
        # Another run may have finished the same shadow and swept this file up; its own is equal.
        with suppress(FileNotFoundError):
            Path(name).replace(path)
        for left in self._folder.glob(f"{path.stem}.*.part"):
            left.unlink(missing_ok=True)


def _digest_of(content: Any) -> bytes:
    """SHA-256 of anything that can be pickled, of the source that it refers to, and of the versions."""
    head, arrays = _by_name(content) or taken_apart(content)
    found = hashlib.sha256()
    facts = (FORMAT.encode(), head, *_sources(_modules_in(head)), *_versions())
    for part in [*(memoryview(fact) for fact in facts), *arrays]:
        # With their lengths, no two sequences of parts are the same bytes.
        found.update(part.nbytes.to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def _by_name(content: Any) -> tuple[bytes, list[memoryview]] | None:
    """The pickle that names functions and classes, if all of them have a source to be looked up.

    Taken apart with their code, as for other processes, classes of a script would differ in every run.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        head = pickle.dumps(content, protocol=5, buffer_callback=buffers.append)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    if "__main__" in _modules_in(head) and not _is_own(sys.modules["__main__"]):
        return None
    return head, [buffer.raw() for buffer in buffers]


def _versions() -> Iterable[bytes]:
    yield sys.version.encode()
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}".encode()


def _modules_in(pickled: bytes) -> set[str]:
    """Modules whose functions and classes a pickle names without holding them; perhaps other words, too."""
    words = {arg for _, arg, _ in pickletools.genops(pickled) if isinstance(arg, str)}
    words |= {word.split(" ")[0] for word in words}
    # What trains and reads shadows decides what they told, though no trainer refers to it.
    return {word for word in words if word in sys.modules} | {__name__}


def _sources(names: set[str]) -> Iterable[bytes]:
    """The source of these modules, and of those that they use, as far as no version stands for it."""
    seen: set[str] = set()
    open_ = set(names)
    while open_:
        name = open_.pop()
        seen.add(name)
        module = sys.modules.get(name)
        if module is None or not _is_own(module):
            continue
        for value in vars(module).values():
            used = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(used, str) and used not in seen:
                open_.add(used)
    for name in sorted(seen):
        module = sys.modules.get(name)
        if module is not None and _is_own(module):
            yield name.encode()
            yield Path(str(module.__file__)).read_bytes()


def _is_own(module: ModuleType) -> bool:
    """Whether the module is source that no installed version stands for."""
    file = getattr(module, "__file__", None)
    if file is None or not file.endswith(".py") or not Path(file).is_file():
        return False
    installed = {"site-packages", "dist-packages"}
    within = Path(file).resolve()
    return not installed & set(within.parts) and Path(os.__file__).resolve().parent not in within.parents
