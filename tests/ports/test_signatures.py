"""The conformance suite of `ports.Signatures`."""

from __future__ import annotations

from typing import Any


def test_signatures_come_back_by_record(archive: Any, make: Any) -> None:
    """Oldest first, each once, and only those asked for."""
    first, second = make.signature(), make.signature(value="b3RoZXI=")
    with archive.writing() as books:
        for name, signature in (("a", first), ("a", second), ("a", first), ("b", second), ("c", first)):
            books.signatures.add(name, signature)

    with archive.reading() as books:
        assert {"a": (first, second), "b": (second,)} == books.signatures.of(["b", "a", "unsigned"])
        assert {} == books.signatures.of([])
