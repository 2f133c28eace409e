"""The one place where adapters are picked; everybody else asks for ports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from governance.domain.dossier import Asking
from governance.errors import UsageError

if TYPE_CHECKING:
    from governance.desk import Desk
    from governance.policy.document import Policy
    from governance.ports import Archive, Rim
    from governance.settings import Settings
    from governance.storage.archive import SqlArchive


def settings() -> Settings:
    """The settings as the environment has them; `UsageError` names the variables that are wrong."""
    from governance.settings import Settings

    return Settings()


def clock() -> datetime:
    """The time now, in UTC: the one clock that commands hand to the verbs."""
    return datetime.now(timezone.utc)


def archive(settings: Settings) -> Archive:
    """The books in the database that the settings name; nothing is opened before the first use."""
    return database(settings.database_uri)


def database(url: str | None) -> SqlArchive:
    """The archive at a URL, with what only a database has: a schema to ask about and to upgrade.

    Raises:
        UsageError: there is no URL, or governance cannot live there.
    """
    if url is None:
        raise UsageError(
            "No governance database is set.",
            "Set MLFLOW_REGISTRY_URI=governed+sqlite:///mlflow.db, or GOVERNANCE_STORE_URI",
        )
    from governance.storage.archive import open_archive

    return open_archive(url)


def policy(settings: Settings) -> Policy:
    """The policy in force.

    Raises:
        PolicyInvalid: it has mistakes; all of them are named.
        NotFound: there is no such file and no such shipped policy.
    """
    from governance.policy.parse import load

    return load(settings.policy)


def rim(settings: Settings) -> Rim:
    """The framework the registry lives in, from the one entry point of the group `governance.rim`.

    Raises:
        UsageError: no such entry point is installed, or more than one.
    """
    found = entry_points(group="governance.rim")
    if len(found) != 1:
        raise UsageError(
            f"Exactly one registry must be installed, found {len(found)}: "
            f"{', '.join(sorted(entry.value for entry in found)) or 'none'}.",
            "pip install --force-reinstall mlflow-governance",
        )
    (entry,) = found
    found_rim: Rim = entry.load()(settings)
    return found_rim


@dataclass(frozen=True)
class House:
    """Everything a command needs, wired once; nothing is opened before it is used."""

    settings: Settings
    actor: str

    @cached_property
    def archive(self) -> Archive:
        """The books."""
        return archive(self.settings)

    @cached_property
    def policy(self) -> Policy:
        """The policy in force."""
        return policy(self.settings)

    @cached_property
    def rim(self) -> Rim:
        """The registry, its bytes and its lineage."""
        return rim(self.settings)

    def asking(self) -> Asking:
        """Who acts, and the time now."""
        return Asking(self.actor, clock())


def house(actor: str | None = None) -> House:
    """The house as the environment describes it; an actor given goes before GOVERNANCE_ACTOR."""
    from governance.settings import acting_user

    found = settings()
    if actor is not None:
        found = found.model_copy(update={"actor": actor})
    return House(found, acting_user(found))


def desk(actor: str | None = None) -> Desk:
    """Where a command asks: beside the registry's own database, or at the server before it."""
    from governance.desk import LocalDesk

    found = house(actor)
    if found.settings.behind_server:
        remote: Desk = found.rim.remote_desk()
        return remote
    return LocalDesk(found.archive, found.rim, lambda: found.policy, found.asking)


def demonstrate(folder: Path, seed: int) -> None:
    """Run the demonstration that comes with the installed registry."""
    rim(settings()).demonstrate(folder, seed)
