"""What is governed: a model version, known by a uid that its name cannot change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class VersionName:
    """What people call a version; names are reused after deletion, so nothing hangs on them."""

    name: str
    version: int
    workspace: str = "default"

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class Subject:
    """One registered model version, from its registration until after its deletion."""

    uid: str
    """Minted once, never reused."""
    named: VersionName
    source: str
    """The source URI that the caller gave."""
    run_id: str | None
    model_id: str | None
    registered_at: datetime
    registered_by: str
    adopted: bool = False
    """Whether it existed before governance did, so that nobody saw it being registered."""
