"""The bytes of a model version as a list of files, and the one digest that stands for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from governance.canonical import digest


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file of an artifact tree: its relative POSIX path, size in bytes, and SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The sorted files of an artifact tree. Equal trees, and only they, have equal digests."""

    files: tuple[File, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(sorted(self.files)))

    @property
    def size(self) -> int:
        """Total size in bytes."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical list of (path, size, sha256)."""
        return digest(self.listing)

    @property
    def listing(self) -> list[list[str | int]]:
        """The (path, size, sha256) of every file: what `digest` is computed over."""
        return [[file.path, file.size, file.sha256] for file in self.files]

    @property
    def openssf_digest(self) -> str:
        """SHA-256 over all files' digests: the subject that OpenSSF model signing 1.1 puts its name to.

        It is what `model_signing` computes where it serialises by file with SHA-256 and ignores no path of
        ours, and it says nothing of paths: two files that change names keep it. Decisions go by `digest`.
        """
        # That library sorts by folder, then name: "a/b" stands before "a-b", other than in plain text.
        ordered = sorted(self.files, key=lambda file: file.path.split("/"))
        return hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in ordered)).hexdigest()


def differences(approved: Manifest, present: Manifest) -> tuple[str, ...]:
    """Every path that was added, removed or changed, sorted, each with what happened to it."""
    before = {file.path: file for file in approved.files}
    after = {file.path: file for file in present.files}
    return tuple(
        f"{path}: {'added' if path not in before else 'removed' if path not in after else 'changed'}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )
