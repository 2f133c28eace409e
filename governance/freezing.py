"""Copying a tree of files to its content address, so that approved bytes stay approved.

Rules, besides those of hashing:
1. a frozen tree appears under its digest in one rename, complete, on the disk and read-only, or not at all;
2. a hard link is never made: writing through the other name would change the frozen file in place;
3. what is hashed is what was copied, whatever happens to the source meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from io import FileIO
from pathlib import Path

from governance.domain.manifest import File, Manifest, differences
from governance.errors import Undecided
from governance.hashing import BYSTANDERS, chunks_of, hash_of, hash_tree, in_parallel, open_plain, plain_files

INCOMING = ".incoming-"
"""How the folder of an unfinished freeze begins."""

FICLONE = 0x40049409
"""Linux's request to let one file share another's blocks, each keeping its own from the first write on."""

AHEAD = 1 << 25
"""Bytes after which the disk is told to begin writing, so that little is left to wait for at the end."""


def freeze_tree(root: Path, area: Path) -> tuple[Manifest, Path]:
    """Copy a tree to `area/<manifest digest>`, hashing each byte as it is copied.

    Freezing the same bytes again costs a check of what is there and leaves one tree.

    Raises:
        Undecided: as `hash_tree`; or the area has no room or cannot be written; or there is a tree of
            that digest already and its bytes are not the ones its name promises.
    """
    try:
        area.mkdir(parents=True, exist_ok=True)
        incoming = Path(tempfile.mkdtemp(prefix=INCOMING, dir=area))
    except OSError as error:
        raise _unwritable(area, error) from error
    try:
        manifest = _copy_tree(root, incoming)
        frozen = area / manifest.digest
        if frozen.exists():
            check_frozen(frozen, manifest)
        else:
            _make_read_only(incoming)
            _settle(incoming)
            _publish(incoming, frozen, manifest)
        return manifest, frozen
    except OSError as error:
        raise _unwritable(area, error) from error
    finally:
        # What cannot be removed now is swept later; the reason it failed is worth more.
        with suppress(OSError):
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


def leftovers(area: Path, keep: frozenset[str], before: datetime) -> tuple[Path, ...]:
    """Frozen trees whose digest is not in `keep`, and unfinished ones that nobody wrote to since `before`."""
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
            and (is_digest(entry.name) or _abandoned(entry, before.timestamp()))
        )
    )


def sweep(area: Path, keep: frozenset[str], before: datetime) -> tuple[Path, ...]:
    """Remove what `leftovers` finds and return it."""
    doomed = leftovers(area, keep, before)
    for entry in doomed:
        # Half removed, it must not pass for the tree its name promises.
        _remove(entry.rename(tempfile.mkdtemp(prefix=INCOMING, dir=area)))
    return doomed


def is_digest(name: str) -> bool:
    """Whether a name is a SHA-256 in lower-case hexadecimal, as those of frozen trees are."""
    return len(name) == 64 and set(name) <= set("0123456789abcdef")


def _abandoned(entry: Path, before: float) -> bool:
    return entry.name.startswith(INCOMING) and max(_written_at(entry)) < before


def _written_at(tree: Path) -> Iterator[float]:
    for path in (tree, *tree.rglob("*")):
        # It may be published or removed at any moment.
        with suppress(FileNotFoundError):
            yield path.lstat().st_mtime
    yield 0.0


def _unwritable(area: Path, error: OSError) -> Undecided:
    return Undecided(
        f"The bytes could not be frozen in {area}: {error}. Nothing was promoted.",
        "Make room or set GOVERNANCE_FROZEN_ROOT to a folder the server can write, then promote again.",
    )


def _copy_tree(root: Path, incoming: Path) -> Manifest:
    files = list(plain_files(root))
    for folder in sorted({(incoming / relative).parent for relative in files}):
        folder.mkdir(parents=True, exist_ok=True)
    return Manifest(tuple(in_parallel(lambda relative: _copy(root, incoming, relative), files)))


def _copy(root: Path, incoming: Path, relative: str) -> File:
    with open_plain(root, relative) as source, (incoming / relative).open("x+b", buffering=0) as copy:
        if _cloned(source, copy):
            size, sha256 = hash_of(chunks_of(copy))
        else:
            size, sha256 = hash_of(_written(copy, chunks_of(source)))
        # A decision must not outlive the bytes it is about: they are on the disk before it is.
        os.fsync(copy.fileno())
    return File(relative, size, sha256)


def _cloned(source: FileIO, copy: FileIO) -> bool:
    """Whether the file system could give the copy the blocks of the source."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(copy.fileno(), FICLONE, source.fileno())
    except OSError:
        return False
    return True


def _written(copy: FileIO, chunks: Iterable[memoryview]) -> Iterator[memoryview]:
    """Write each piece and pass it on."""
    told = size = 0
    for chunk in chunks:
        rest = chunk
        while rest:
            # A nearly full disk takes a part before it refuses.
            rest = rest[copy.write(rest) :]
        size += len(chunk)
        if size - told >= AHEAD and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(copy.fileno(), told, size - told, os.POSIX_FADV_DONTNEED)
            told = size
        yield chunk


def _make_read_only(tree: Path) -> None:
    for name in BYSTANDERS:
        # MLflow writes this file into the very folder it loads from; where the folder is read-only
        # it must exist already, or no user but root could load the approved model.
        bystander = tree / name
        bystander.touch()
        bystander.chmod(0o666)
    for folder, _, names in os.walk(tree, topdown=False):
        for path in (Path(folder) / name for name in names):
            if path.parent != tree or path.name not in BYSTANDERS:
                path.chmod(0o444)
        Path(folder).chmod(0o555)


def _settle(tree: Path) -> None:
    """Bring the folders of a tree to the disk; its files are there already."""
    for folder, _, _ in os.walk(tree, topdown=False):
        _sync(Path(folder))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(incoming: Path, frozen: Path, manifest: Manifest) -> None:
    try:
        incoming.rename(frozen)
    except OSError:
        # Another process froze the same bytes first; its tree serves as well if it is whole.
        if not frozen.exists():
            raise
        check_frozen(frozen, manifest)
    _sync(frozen.parent)


def _remove(tree: Path) -> None:
    if not tree.exists():
        return
    for folder, _, _ in os.walk(tree):
        Path(folder).chmod(0o755)
    shutil.rmtree(tree)
