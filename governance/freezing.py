"""Hashing a tree of files and copying it to its content address, so that approved bytes stay approved.

Rules:
1. only plain files and folders are bytes: a symbolic link, socket or device is refused, because what
   it leads to can change without the tree changing;
2. two paths that are equal on a file system that folds case are refused: one would replace the other;
3. a frozen tree appears under its digest in one rename, complete and read-only, or not at all;
4. a hard link is never made: writing through the other name would change the frozen file in place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from governance.domain.manifest import File, Manifest, differences
from governance.errors import Undecided

CHUNK = 1 << 20
"""Bytes read at a time."""

INCOMING = ".incoming-"
"""How the folder of an unfinished freeze begins."""

BYSTANDERS = frozenset({"registered_model_meta"})
"""Files at the root that MLflow writes beside a model whenever it loads it; no part of the model."""


def hash_tree(root: Path) -> Manifest:
    """The manifest of the files below a folder, read in one pass and constant memory.

    Raises:
        Undecided: the folder does not exist, cannot be read, or holds something that is not a plain file.
    """
    return Manifest(tuple(File(path, *_hash(root / path)) for path in _plain_files(root)))


def freeze_tree(root: Path, area: Path) -> tuple[Manifest, Path]:
    """Copy a tree to `area/<manifest digest>`, hashing each byte as it is copied.

    Freezing the same bytes again costs a check of what is there and leaves one tree.

    Raises:
        Undecided: as `hash_tree`; or there is a tree of that digest already and its bytes are not
            the ones its name promises.
    """
    try:
        area.mkdir(parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(prefix=INCOMING, dir=area))
    except OSError as error:
        raise _unwritable(area, error) from error
    try:
        manifest = Manifest(tuple(_copy(root, incoming, path) for path in _plain_files(root)))
        frozen = area / manifest.digest
        if frozen.exists():
            check_frozen(frozen, manifest)
        else:
            _make_read_only(incoming)
            _publish(incoming, frozen, manifest)
        return manifest, frozen
    except OSError as error:
        raise _unwritable(area, error) from error
    finally:
        _remove(incoming)


def check_frozen(frozen: Path, approved: Manifest) -> None:
    """Hold a frozen tree against its manifest.

    Raises:
        Undecided: some bytes are not the approved ones; every path that differs is named.
    """
    changed = differences(approved, hash_tree(frozen))
    if changed:
        raise Undecided(
            f"The frozen tree {frozen} does not hold the bytes its name promises: " + "; ".join(changed),
            "Run `governance doctor`; restore the tree from a backup, or move it away and promote again.",
        )


def leftovers(area: Path, keep: frozenset[str]) -> tuple[Path, ...]:
    """Unfinished freezes, and frozen trees whose digest is not in `keep`."""
    if not area.is_dir():
        return ()
    return tuple(
        sorted(
            entry
            for entry in area.iterdir()
            if entry.is_dir()
            and not entry.is_symlink()
            and entry.name not in keep
            # Anything else in the folder is not ours.
            and (entry.name.startswith(INCOMING) or _is_digest(entry.name))
        )
    )


def sweep(area: Path, keep: frozenset[str]) -> tuple[Path, ...]:
    """Remove what `leftovers` finds and return it."""
    doomed = leftovers(area, keep)
    for entry in doomed:
        _remove(entry)
    return doomed


def _is_digest(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _plain_files(root: Path) -> Iterator[str]:
    if not root.is_dir():
        raise Undecided(
            f"There is no folder of model bytes at {root}.",
            "Check that the artifact store of this version is mounted and readable here.",
        )
    seen: dict[str, str] = {}
    for folder, subfolders, names in os.walk(root, onerror=_unreadable, followlinks=False):
        subfolders.sort()
        for name in [*subfolders, *sorted(names)]:
            path = Path(folder) / name
            relative = path.relative_to(root).as_posix()
            kind = path.lstat().st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                raise Undecided(
                    f"{relative} is a link or a special file; a model is made of plain files.",
                    "Replace it by the file it leads to and register the model again.",
                )
            folded = unicodedata.normalize("NFC", relative).casefold()
            if seen.setdefault(folded, relative) != relative:
                raise Undecided(
                    f"{relative} and {seen[folded]} are one path where case does not count.",
                    "Rename one of them and register the model again.",
                )
            if stat.S_ISREG(kind) and relative not in BYSTANDERS:
                yield relative


def _unreadable(error: OSError) -> None:
    raise Undecided(f"The model bytes cannot be read: {error}.", "Give the server read access to them.")


def _unwritable(area: Path, error: OSError) -> Undecided:
    return Undecided(
        f"The bytes could not be frozen in {area}: {error}. Nothing was promoted.",
        "Make room or set GOVERNANCE_FROZEN_ROOT to a folder the server can write, then promote again.",
    )


def _hash(path: Path) -> tuple[int, str]:
    size, sha256 = 0, hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                size += len(chunk)
                sha256.update(chunk)
    except OSError as error:
        _unreadable(error)
    return size, sha256.hexdigest()


def _copy(root: Path, incoming: Path, relative: str) -> File:
    target = incoming / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    size, sha256 = 0, hashlib.sha256()
    with (root / relative).open("rb") as source, target.open("xb") as copy:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            sha256.update(chunk)
            copy.write(chunk)
        copy.flush()
        # A decision must not outlive the bytes it is about: they are on the disk before it is.
        os.fsync(copy.fileno())
    return File(relative, size, sha256.hexdigest())


def _make_read_only(tree: Path) -> None:
    for name in BYSTANDERS:
        # MLflow writes this file into the very folder it loads from; where the folder is read-only
        # it must exist already, or no user but root could load the approved model.
        bystander = tree / name
        bystander.touch()
        bystander.chmod(0o666)
    for folder, _, names in os.walk(tree, topdown=False):
        for name in names:
            if name not in BYSTANDERS:
                (Path(folder) / name).chmod(0o444)
        Path(folder).chmod(0o555)


def _publish(incoming: Path, frozen: Path, manifest: Manifest) -> None:
    try:
        incoming.rename(frozen)
    except OSError:
        # Another process froze the same bytes first; its tree serves as well if it is whole.
        if not frozen.exists():
            raise
        check_frozen(frozen, manifest)


def _remove(tree: Path) -> None:
    if not tree.exists():
        return
    for folder, _, _ in os.walk(tree):
        Path(folder).chmod(0o755)
    shutil.rmtree(tree)
