from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from governance.domain.manifest import File, Manifest
from governance.errors import Undecided
from governance.freezing import freeze_tree, hash_tree, leftovers, sweep


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A model of two files, one of them larger than what is read at a time."""
    root = tmp_path / "model"
    (root / "data").mkdir(parents=True)
    (root / "MLmodel").write_bytes(b"flavors: {}\n")
    (root / "data" / "weights.bin").write_bytes(b"w" * 3_000_000)
    return root


def sha256(data: bytes) -> str:
    """The digest of a file's contents."""
    return hashlib.sha256(data).hexdigest()


def test_a_tree_is_hashed_file_by_file(tree: Path) -> None:
    """The manifest has every file with its size and SHA-256, sorted by path."""
    expected = Manifest(
        (
            File("MLmodel", 12, sha256(b"flavors: {}\n")),
            File("data/weights.bin", 3_000_000, sha256(b"w" * 3_000_000)),
        )
    )

    assert expected == hash_tree(tree)


def test_what_mlflow_leaves_beside_a_loaded_model_does_not_count(tree: Path) -> None:
    """Loading a version writes a file into its folder; its digest stays the same."""
    before = hash_tree(tree)
    (tree / "registered_model_meta").write_text("model_name: visits")

    assert before == hash_tree(tree)


def test_that_name_counts_anywhere_else(tree: Path) -> None:
    """Only at the root is the bystander ignored: elsewhere it would be a hiding place."""
    before = hash_tree(tree)
    (tree / "data" / "registered_model_meta").write_text("hidden")

    assert before != hash_tree(tree)


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
    _, frozen = freeze_tree(tree, tmp_path / "frozen")

    modes = {p.relative_to(frozen).as_posix(): stat.S_IMODE(p.stat().st_mode) for p in frozen.rglob("*")}

    assert {
        "MLmodel": 0o444,
        "data": 0o555,
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


def test_a_symbolic_link_is_refused(tree: Path) -> None:
    """What a link leads to can change without the tree changing."""
    (tree / "link").symlink_to("/etc/hostname")

    with pytest.raises(Undecided, match="link is a link or a special file"):
        hash_tree(tree)


def test_a_link_to_a_folder_is_refused(tree: Path, tmp_path: Path) -> None:
    """A linked folder is not walked, and not overlooked either."""
    (tree / "folder").symlink_to(tmp_path)

    with pytest.raises(Undecided, match="folder is a link or a special file"):
        hash_tree(tree)


def test_a_pipe_is_refused(tree: Path) -> None:
    """Reading a named pipe would wait for ever."""
    os.mkfifo(tree / "pipe")

    with pytest.raises(Undecided, match="pipe is a link or a special file"):
        hash_tree(tree)


def test_paths_equal_but_for_case_are_refused(tree: Path) -> None:
    """On a file system that folds case one would replace the other."""
    (tree / "mlMODEL").write_text("other")

    with pytest.raises(Undecided, match="one path where case does not count"):
        hash_tree(tree)


def test_a_missing_folder_is_undecided(tmp_path: Path) -> None:
    """Bytes that are not there are not an empty model."""
    with pytest.raises(Undecided, match="There is no folder of model bytes"):
        hash_tree(tmp_path / "gone")


def test_a_failed_freeze_leaves_nothing(tree: Path, tmp_path: Path) -> None:
    """A tree that cannot be frozen leaves no half copy behind."""
    (tree / "link").symlink_to("/etc/hostname")

    with pytest.raises(Undecided):
        freeze_tree(tree, tmp_path / "frozen")

    assert [] == list((tmp_path / "frozen").iterdir())


def test_sweep_removes_what_nothing_refers_to(tree: Path, tmp_path: Path) -> None:
    """Unfinished copies and unreferenced trees go; referenced ones and foreign files stay."""
    area = tmp_path / "frozen"
    kept_manifest, kept = freeze_tree(tree, area)
    (tree / "MLmodel").write_text("another")
    _, orphan = freeze_tree(tree, area)
    (area / ".incoming-killed").mkdir()
    (area / "README").write_text("not ours")
    keep = frozenset({kept_manifest.digest})

    found = leftovers(area, keep)

    assert (area / ".incoming-killed", orphan) == found == sweep(area, keep)
    assert {kept, area / "README"} == set(area.iterdir())
