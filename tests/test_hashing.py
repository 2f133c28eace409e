from __future__ import annotations

import hashlib
import os
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from governance.domain.manifest import File, Manifest
from governance.errors import Undecided
from governance.hashing import hash_of, hash_tree, in_parallel, open_plain, refuse_lookalikes

TEN_MEGABYTES = 10_000_000


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


def test_an_empty_file_has_a_digest(tree: Path) -> None:
    """Nothing is something: an emptied file is not the file it was."""
    (tree / "MLmodel").write_bytes(b"")

    assert File("MLmodel", 0, sha256(b"")) == hash_tree(tree).files[0]


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


def test_a_link_that_takes_a_file_s_place_is_not_followed(tree: Path) -> None:
    """Between listing and reading a file may be replaced; what it leads to is not read."""
    (tree / "MLmodel").unlink()
    (tree / "MLmodel").symlink_to("/etc/hostname")

    with pytest.raises(Undecided, match="The model bytes cannot be read"):
        open_plain(tree, "MLmodel")


def test_a_pipe_that_takes_a_file_s_place_is_not_waited_for(tree: Path) -> None:
    """Nor is a pipe opened that nobody writes to."""
    (tree / "MLmodel").unlink()
    os.mkfifo(tree / "MLmodel")

    with pytest.raises(Undecided, match="MLmodel is a link or a special file"):
        open_plain(tree, "MLmodel")


def test_paths_equal_but_for_case_are_refused(tree: Path) -> None:
    """On a file system that folds case one would replace the other."""
    (tree / "mlMODEL").write_text("other")

    with pytest.raises(Undecided, match="one path where case does not count"):
        hash_tree(tree)


@pytest.mark.parametrize(
    "paths",
    [
        ["weights", "Weights"],
        ["data/a", "Data/b"],
        ["a/data/x", "a/DATA/y"],
        ["data", "data/x"],
        ["straße", "STRASSE"],
        ["café", "cafe\N{COMBINING ACUTE ACCENT}"],
        ["\N{ANGSTROM SIGN}", "å"],
    ],
    ids=["file", "folder", "folder below", "file and folder", "expanding", "composed", "both"],
)
def test_paths_that_some_file_system_takes_for_one(paths: list[str]) -> None:
    """Folders too, in every form in which Unicode writes one letter."""
    with pytest.raises(Undecided, match="one path where case does not count"):
        refuse_lookalikes(paths)


def test_files_of_one_folder_share_its_name() -> None:
    """The same folder in the same spelling is no lookalike."""
    assert refuse_lookalikes(["data/a", "data/b", "data/sub/a", "a"]) is None


def test_a_name_that_is_no_text_is_refused(tree: Path) -> None:
    """A manifest is text; bytes that are none have no place in it."""
    (tree / "data" / os.fsdecode(b"weights-\xff")).write_text("w")

    with pytest.raises(Undecided, match="is no valid Unicode"):
        hash_tree(tree)


def test_a_missing_folder_is_undecided(tmp_path: Path) -> None:
    """Bytes that are not there are not an empty model."""
    with pytest.raises(Undecided, match="There is no folder of model bytes"):
        hash_tree(tmp_path / "gone")


def test_files_are_read_in_constant_memory(tree: Path) -> None:
    """A large file needs no more than a small one."""
    os.truncate(tree / "data" / "weights.bin", 5 * TEN_MEGABYTES)
    tracemalloc.start()

    hash_tree(tree)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < TEN_MEGABYTES


def test_what_comes_in_pieces_is_one_file() -> None:
    """How a file is cut does not show in its digest."""
    assert (7, sha256(b"weights")) == hash_of([b"we", b"", memoryview(b"ights")])


def test_several_files_are_worked_on_at_a_time() -> None:
    """Each of two waits for the other: one after the other they would wait for ever."""
    both = threading.Barrier(2, timeout=10)

    def meet(item: int) -> int:
        both.wait()
        return item * 2

    assert [2, 4] == in_parallel(meet, [1, 2])


def test_after_a_failure_nothing_new_is_begun() -> None:
    """A model that cannot be frozen is not copied to its end."""
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise Undecided("the first file is a link")
        time.sleep(0.001)

    with pytest.raises(Undecided, match="the first file is a link"):
        in_parallel(work, range(20_000))
    assert len(begun) < 20_000
