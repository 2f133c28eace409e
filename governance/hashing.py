"""Reading a tree of files into its manifest: each byte once, in constant memory, several files at a time.

Rules:
1. only plain files and folders are bytes: a symbolic link, socket or device is refused, because what
   it leads to can change without the tree changing;
2. two paths that are equal on a file system that folds case are refused: one would replace the other.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import NoReturn, TypeVar

from governance.domain.manifest import File, Manifest
from governance.errors import Undecided

CHUNK = 1 << 18
"""Bytes read at a time: few enough to stay in a processor's cache between reading, hashing and writing."""

WORKERS = 8
"""Files worked on at a time: hashing takes a processor, but disks and networks are mostly waited for."""

WORTH_THREADS = 1 << 22
"""Bytes from which on hashing takes longer than starting threads for it."""

BYSTANDERS = frozenset({"registered_model_meta"})
"""Files at the root that MLflow writes beside a model whenever it loads it; no part of the model."""

READING = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)

Item = TypeVar("Item")
Made = TypeVar("Made")


def hash_tree(root: Path) -> Manifest:
    """The manifest of the files below a folder, read in one pass and constant memory.

    Raises:
        Undecided: the folder does not exist, cannot be read, or holds something that is not a plain file.
    """
    files = plain_files(root)
    if sum(files.values()) < WORTH_THREADS:
        return Manifest(tuple(_hashed(root, path) for path in files))
    return Manifest(tuple(in_parallel(lambda path: _hashed(root, path), list(files))))


def hash_of(chunks: Iterable[bytes | memoryview]) -> tuple[int, str]:
    """Size in bytes and SHA-256 of what comes in pieces."""
    size, sha256 = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        sha256.update(chunk)
    return size, sha256.hexdigest()


def in_parallel(work: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
    """The result for each item, in order; after the first failure nothing new is begun."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(WORKERS, len(items))) as pool:
        begun = [pool.submit(work, item) for item in items]
        try:
            return [task.result() for task in begun]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def plain_files(root: Path) -> dict[str, int]:
    """The size in bytes of each file below a folder by its relative POSIX path, bystanders left out.

    Raises:
        Undecided: as `hash_tree`.
    """
    if not root.is_dir():
        raise Undecided(
            f"There is no folder of model bytes at {root}.",
            "Check that the artifact store of this version is mounted and readable here.",
        )
    found = {}
    for folder, subfolders, names in os.walk(root, onerror=unreadable, followlinks=False):
        subfolders.sort()
        for name in [*subfolders, *sorted(names)]:
            path = Path(folder) / name
            status = path.lstat()
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                raise _not_plain(path.relative_to(root).as_posix())
            if stat.S_ISREG(status.st_mode):
                found[path.relative_to(root).as_posix()] = status.st_size
    refuse_lookalikes(found)
    return {path: size for path, size in found.items() if path not in BYSTANDERS}


def refuse_lookalikes(paths: Iterable[str]) -> None:
    """Raise `Undecided` if files or their folders are one path where case does not count, or no text."""
    seen: dict[str, str] = {}
    for path in paths:
        if not _is_text(path):
            raise Undecided(f"{path!r} is no valid Unicode.", "Rename it and register the model again.")
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            # With the slash, a file is not taken for the folder of the same name.
            spelled = "/".join(parts[:depth]) + ("/" if depth < len(parts) else "")
            other = seen.setdefault(_folded(spelled.rstrip("/")), spelled)
            if other != spelled:
                raise Undecided(
                    f"{spelled} and {other} are one path where case does not count.",
                    "Rename one of them and register the model again.",
                )


def open_plain(root: Path, relative: str) -> FileIO:
    """A file of a tree, open for reading; a link that took its place meanwhile is not followed."""
    try:
        descriptor = os.open(root / relative, READING)
    except OSError as error:
        unreadable(error)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_plain(relative)
    return FileIO(descriptor)


def chunks_of(file: FileIO) -> Iterator[memoryview]:
    """What is left to read of a file, piece by piece; each piece holds only until the next."""
    buffer = memoryview(bytearray(CHUNK))
    while size := _read_into(file, buffer):
        yield buffer[:size]


def unreadable(error: OSError) -> NoReturn:
    """Raise `Undecided`: bytes that cannot be read are not judged."""
    raise Undecided(
        f"The model bytes cannot be read: {error}.", "Give the server read access to them."
    ) from error


def _hashed(root: Path, relative: str) -> File:
    with open_plain(root, relative) as file:
        return File(relative, *hash_of(chunks_of(file)))


def _read_into(file: FileIO, buffer: memoryview) -> int:
    try:
        return file.readinto(buffer) or 0
    except OSError as error:
        unreadable(error)


def _not_plain(relative: str) -> Undecided:
    return Undecided(
        f"{relative} is a link or a special file; a model is made of plain files.",
        "Replace it by the file it leads to and register the model again.",
    )


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _folded(path: str) -> str:
    """Unicode's canonical caseless form."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
