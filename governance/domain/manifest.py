"""The bytes of a model version as a list of files, and the one digest that stands for them."""

from __future__ import annotations

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
        return digest([[file.path, file.size, file.sha256] for file in self.files])


def differences(approved: Manifest, present: Manifest) -> tuple[str, ...]:
    """Every path that was added, removed or changed, sorted, each with what happened to it."""
    before = {file.path: file for file in approved.files}
    after = {file.path: file for file in present.files}
    return tuple(
        f"{path}: {'added' if path not in before else 'removed' if path not in after else 'changed'}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )
