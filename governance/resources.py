"""Where the shipped data folders lie, in a wheel and in a checkout alike."""

from __future__ import annotations

from pathlib import Path


def folder(name: str) -> Path:
    """The folder `policies` or `migrations`: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
