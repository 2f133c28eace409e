"""What an operator can set, all of it from the environment."""

from __future__ import annotations

import os
from functools import lru_cache
from getpass import getuser

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from governance.errors import UsageError


class Settings(BaseSettings):
    """The settings of one process, from the environment; arguments, by field name, go before it."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_ignore_empty=True,
        populate_by_name=True,
        extra="forbid",
        # A URI can hold a password.
        hide_input_in_errors=True,
    )

    policy: str = Field(
        default="baseline",
        validation_alias="GOVERNANCE_POLICY",
        description="The policy in force: the name of a shipped one, or the path of a YAML file.",
    )
    registry_uri: str | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "GOVERNANCE_REGISTRY_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI"
        ),
        repr=False,
        description=(
            "The governed registry, for example `governed+sqlite:///mlflow.db`. "
            "Falls back to MLFLOW_REGISTRY_URI, then to MLFLOW_TRACKING_URI."
        ),
    )
    store_uri: str | None = Field(
        default=None,
        validation_alias="GOVERNANCE_STORE_URI",
        repr=False,
        description=(
            "The database of the governance tables, for commands where the registry is behind a server: "
            "the registry's own database, SQLite or PostgreSQL. By default taken from the registry's URI."
        ),
    )
    tracking_uri: str | None = Field(
        default=None,
        validation_alias="MLFLOW_TRACKING_URI",
        repr=False,
        description="The MLflow tracking server that knows the runs; lineage is read from it.",
    )
    frozen_root: str | None = Field(
        default=None,
        validation_alias="GOVERNANCE_FROZEN_ROOT",
        description="Where promoted bytes are frozen, a path or URI. By default beside the registered ones.",
    )
    actor: str | None = Field(
        default=None,
        validation_alias="GOVERNANCE_ACTOR",
        description=(
            "Who acts where no server authenticates. By default the user of the operating system, "
            "on the command line only."
        ),
    )
    signing_key: str | None = Field(
        default=None,
        validation_alias="GOVERNANCE_SIGNING_KEY",
        description="The path of the private key that signs what is done here, evidence and approvals.",
    )
    trusted_user_header: str | None = Field(
        default=None,
        validation_alias="GOVERNANCE_TRUSTED_USER_HEADER",
        description=(
            "The header in which a reverse proxy names the user, for `--app-name governance`. "
            "It counts only from GOVERNANCE_TRUSTED_PROXIES."
        ),
    )
    trusted_groups_header: str | None = Field(
        default=None,
        validation_alias="GOVERNANCE_TRUSTED_GROUPS_HEADER",
        description="The header in which that proxy lists the user's groups, separated by commas.",
    )
    trusted_proxies: str | None = Field(
        default=None,
        validation_alias="GOVERNANCE_TRUSTED_PROXIES",
        description="The addresses and networks, separated by commas, from which these headers count.",
    )

    strict: bool = Field(
        default=True,
        validation_alias="GOVERNANCE_STRICT",
        description=(
            "Whether the registry refuses to open under an MLflow that can change it in ways nobody judged."
        ),
    )

    reconcile_minutes: float = Field(
        default=1440,
        ge=0,
        validation_alias="GOVERNANCE_RECONCILE_MINUTES",
        description="How often a governed server holds its registry against the records; 0 is never.",
    )

    @property
    def behind_server(self) -> bool:
        """Whether the registry can only be reached through a server's REST interface."""
        served = self.registry_uri is not None and self.registry_uri.startswith(("http://", "https://"))
        return served and self.store_uri is None

    @property
    def database_uri(self) -> str | None:
        """Where the governance tables are: the database set for them, else the registry's own."""
        own = self.store_uri or self.registry_uri
        return None if own is None else own.removeprefix("governed+")


def current() -> Settings:
    """The settings as the environment has them now; read anew only when it changed."""
    return _read(tuple((name, os.environ.get(name)) for name in _names()))


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    """The variables that settings are read from."""
    names: list[str] = []
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        names += [alias] if isinstance(alias, str) else map(str, getattr(alias, "choices", ()))
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=4)
def _read(environment: tuple[tuple[str, str | None], ...]) -> Settings:
    del environment  # It only tells one reading from another.
    return Settings()


def acting_user(settings: Settings) -> str:
    """Who acts on the command line: the actor that was set, else the user of the operating system.

    Raises:
        UsageError: the operating system knows no name for this user either.
    """
    if settings.actor is not None:
        return settings.actor
    try:
        return getuser()
    except (OSError, KeyError) as error:
        raise UsageError("Nobody can be named as the one who acts.", "Set GOVERNANCE_ACTOR") from error
