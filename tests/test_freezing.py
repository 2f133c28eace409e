from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from governance import freezing
from governance.errors import Undecided
from governance.freezing import FICLONE, freeze_tree, leftovers, sweep
from governance.hashing import hash_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A model of two files, one of them larger than what is read at a time."""
    root = tmp_path / "model"
    (root / "data").mkdir(parents=True)
    (root / "MLmodel").write_bytes(b"flavors: {}\n")
    (root / "data" / "weights.bin").write_bytes(b"w" * 3_000_000)
    return root


def test_freezing_copies_to_the_content_address(tree: Path, tmp_path: Path) -> None:
    """The frozen tree lies under the digest, holds the same bytes, and is no hard link."""
    manifest, frozen = freeze_tree(tree, tmp_path / "frozen")

    assert (tmp_path / "frozen" / manifest.digest, hash_tree(tree)) == (frozen, hash_tree(frozen))
    assert (tree / "MLmodel").stat().st_ino != (frozen / "MLmodel").stat().st_ino


def test_overwriting_the_origin_leaves_the_frozen_bytes(tree: Path, tmp_path: Path) -> None:
    """What was approved is what is served, whatever happens where it came from."""
    manifest, frozen = freeze_tree(tree, tmp_path / "frozen")
    (tree / "data" / "weights.bin").write_bytes(b"evil")

    assert manifest == hash_tree(frozen)


def test_frozen_files_are_read_only(tree: Path, tmp_path: Path) -> None:
    """No file of the model can be opened for writing, no name added beside it."""
    (tree / "data" / "registered_model_meta").write_text("a file of the model")
    _, frozen = freeze_tree(tree, tmp_path / "frozen")

    modes = {p.relative_to(frozen).as_posix(): stat.S_IMODE(p.stat().st_mode) for p in frozen.rglob("*")}

    assert {
        "MLmodel": 0o444,
        "data": 0o555,
        "data/registered_model_meta": 0o444,
        "data/weights.bin": 0o444,
        "registered_model_meta": 0o666,
    } == modes


def test_freezing_twice_leaves_one_tree(tree: Path, tmp_path: Path) -> None:
    """The same bytes have one address."""
    first = freeze_tree(tree, tmp_path / "frozen")
    second = freeze_tree(tree, tmp_path / "frozen")

    assert first == second
    assert [first[1]] == list((tmp_path / "frozen").iterdir())


def test_a_damaged_frozen_tree_is_not_taken_for_the_bytes(tree: Path, tmp_path: Path) -> None:
    """Freezing onto a tree whose bytes were changed is refused, naming the file."""
    _, frozen = freeze_tree(tree, tmp_path / "frozen")
    (frozen / "MLmodel").chmod(0o644)
    (frozen / "MLmodel").write_text("evil")

    with pytest.raises(Undecided, match="MLmodel: changed"):
        freeze_tree(tree, tmp_path / "frozen")


def test_a_failed_freeze_leaves_nothing(tree: Path, tmp_path: Path) -> None:
    """A tree that cannot be frozen leaves no half copy behind."""
    (tree / "link").symlink_to("/etc/hostname")

    with pytest.raises(Undecided):
        freeze_tree(tree, tmp_path / "frozen")

    assert [] == list((tmp_path / "frozen").iterdir())


def test_the_copy_is_hashed_and_not_the_source(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where blocks are shared, the source may change before anything is read: what was cloned counts."""
    before, requests = hash_tree(tree), []
    files = {path.stat().st_ino: path for path in tree.rglob("*")}

    def clone(copy: int, request: int, source: int) -> int:
        requests.append(request)
        status = os.fstat(source)
        os.pwrite(copy, os.pread(source, status.st_size, 0), 0)
        files[status.st_ino].write_bytes(b"evil")
        return 0

    monkeypatch.setattr(fcntl, "ioctl", clone)

    manifest, frozen = freeze_tree(tree, tmp_path / "frozen")

    assert [FICLONE] * 2 == requests
    assert before == manifest == hash_tree(frozen)
    assert {b"evil"} == {path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_copying_needs_constant_memory(tree: Path, tmp_path: Path) -> None:
    """A model larger than the memory can be frozen, and comes out whole."""
    os.truncate(tree / "data" / "weights.bin", 50_000_000)
    tracemalloc.start()

    manifest, frozen = freeze_tree(tree, tmp_path / "frozen")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    assert (manifest, 50_000_012) == (hash_tree(frozen), manifest.size)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let the kernel refuse to write more into a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_is_refused_leaves_nothing(tree: Path, tmp_path: Path) -> None:
    """In the middle of a file the disk takes no more: nobody decides, nothing is to be seen."""
    with files_no_larger_than(1_000_000), pytest.raises(Undecided, match="could not be frozen") as undecided:
        freeze_tree(tree, tmp_path / "frozen")

    assert "File too large" in undecided.value.message
    assert "Make room" in undecided.value.remedy
    assert [] == list((tmp_path / "frozen").iterdir())


def test_a_disk_found_full_at_the_end_leaves_nothing(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems say so only when the bytes go to the disk; then nothing was frozen either."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(Undecided, match=r"No space left on device\. Nothing was promoted"):
        freeze_tree(tree, tmp_path / "frozen")
    assert [] == list((tmp_path / "frozen").iterdir())


def test_an_area_that_cannot_be_made_is_undecided(tree: Path, tmp_path: Path) -> None:
    """A file in the place of the area is no place for a tree."""
    (tmp_path / "frozen").write_text("in the way")

    with pytest.raises(Undecided, match="could not be frozen"):
        freeze_tree(tree, tmp_path / "frozen")


def test_everything_is_on_the_disk_before_it_can_be_seen(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file and each folder, then the name: after a crash of the machine a frozen tree is whole."""
    synced: list[int] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)

    _, frozen = freeze_tree(tree, tmp_path / "frozen")

    inodes = {path.stat().st_ino: path.name for path in (frozen.parent, *frozen.parent.rglob("*"))}
    names = [inodes[inode] for inode in synced]
    assert ["MLmodel", "weights.bin"] == sorted(names[:2])
    assert ["data", frozen.name, "frozen"] == names[2:]


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
AN_HOUR_AGO = NOW - timedelta(hours=1)


def written(path: Path, at: datetime) -> Path:
    """The same path, last written to at that time."""
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def test_sweep_removes_what_nothing_refers_to(tree: Path, tmp_path: Path) -> None:
    """Abandoned copies and unreferenced trees go; referenced ones and foreign files stay."""
    area = tmp_path / "frozen"
    kept_manifest, kept = freeze_tree(tree, area)
    (tree / "MLmodel").write_text("another")
    _, orphan = freeze_tree(tree, area)
    abandoned = area / ".incoming-killed"
    abandoned.mkdir()
    written(abandoned, AN_HOUR_AGO - timedelta(seconds=1))
    (area / "README").write_text("not ours")
    (area / "folder").mkdir()
    (area / ("a" * 64)).symlink_to(tmp_path)
    keep = frozenset({kept_manifest.digest})

    found = leftovers(area, keep, AN_HOUR_AGO)

    assert (abandoned, orphan) == found == sweep(area, keep, AN_HOUR_AGO)
    assert {kept, area / "README", area / "folder", area / ("a" * 64)} == set(area.iterdir())
    assert () == leftovers(area, keep, AN_HOUR_AGO)


def test_a_freeze_that_may_still_run_is_left_alone(tmp_path: Path) -> None:
    """Another process may be copying: the newest file tells, the folder itself grows old meanwhile."""
    running = tmp_path / "frozen" / ".incoming-running"
    (running / "data").mkdir(parents=True)
    (running / "data" / "weights.bin").write_bytes(b"w")
    written(running / "data" / "weights.bin", NOW)
    for folder in (running / "data", running):
        written(folder, AN_HOUR_AGO - timedelta(hours=1))

    assert () == sweep(tmp_path / "frozen", frozenset(), AN_HOUR_AGO)
    assert (running / "data" / "weights.bin").is_file()
    assert (running,) == sweep(tmp_path / "frozen", frozenset(), NOW + timedelta(seconds=1))


def test_a_sweep_killed_half_way_leaves_no_half_tree(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of it does not bear the digest, so that the bytes can be frozen again."""
    area = tmp_path / "frozen"
    manifest, frozen = freeze_tree(tree, area)

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(freezing, "_remove", killed)
    with pytest.raises(KeyboardInterrupt):
        sweep(area, frozenset(), AN_HOUR_AGO)
    monkeypatch.undo()

    assert not frozen.exists()
    assert (manifest, frozen) == freeze_tree(tree, area)


def test_nothing_is_left_over_where_nothing_was_frozen(tmp_path: Path) -> None:
    """An area that was never made is clean."""
    assert (
        () == leftovers(tmp_path / "frozen", frozenset(), NOW) == sweep(tmp_path / "frozen", frozenset(), NOW)
    )
