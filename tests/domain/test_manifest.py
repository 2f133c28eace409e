"""The digests that stand for a tree; the OpenSSF one is held to the library that defines it."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.canonical import canonical
from governance.domain.manifest import File, Manifest
from governance.hashing import BYSTANDERS, hash_tree

TREES = {
    "one file": {"MLmodel": b"flavors: {}\n"},
    "an empty file": {"MLmodel": b"", "weights": b"w"},
    # In plain text "-" and "." come before "/", and every capital before every small letter.
    "a folder beside its likes": {
        "a/b": b"1",
        "a-b": b"2",
        "a.b": b"3",
        "a/c/d": b"4",
        "a/c-d": b"5",
        "B": b"6",
    },
    "letters beyond ASCII": {"ä/x": b"1", "z": b"2", "\N{GRINNING FACE}": b"3", "\uffff": b"4"},
    "files of a repository": {".gitattributes": b"1", ".gitignore": b"2", ".git/HEAD": b"3", "MLmodel": b"4"},
    "a bystander": {"MLmodel": b"1", "registered_model_meta": b"2", "data/registered_model_meta": b"3"},
    "equal files": {"a": b"same", "b": b"same"},
}


def write(root: Path, files: dict[str, bytes]) -> Path:
    """A folder of files."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def signed_digest(root: Path) -> str:
    """What OpenSSF model signing says of a folder when it signs it."""
    from model_signing._signing.signing import Payload
    from model_signing.hashing import Config

    ours_only = Config().set_ignored_paths(paths=sorted(BYSTANDERS), ignore_git_paths=False)
    (subject,) = Payload(ours_only.hash(root)).statement.pb.subject
    return str(subject.digest["sha256"])


@pytest.mark.parametrize("name", TREES)
def test_the_openssf_digest_is_that_of_model_signing(name: str, tmp_path: Path) -> None:
    """An admission controller that verifies such signatures finds the digest that our records hold."""
    root = write(tmp_path / "model", TREES[name])

    assert signed_digest(root) == hash_tree(root).openssf_digest


def test_the_listing_is_what_the_digest_stands_for() -> None:
    """Whoever has the listing can check the digest with any RFC 8785 library."""
    from hashlib import sha256

    manifest = Manifest((File("data/weights", 3, "b" * 64), File("MLmodel", 2, "a" * 64)))

    assert [["MLmodel", 2, "a" * 64], ["data/weights", 3, "b" * 64]] == manifest.listing
    assert sha256(canonical(manifest.listing)).hexdigest() == manifest.digest
