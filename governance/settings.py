"""What an operator can set, all of it from the environment."""

from __future__ import annotations

from getpass import getuser
from typing import Any

from pydantic import AliasChoices, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from governance.errors import UsageError


class Settings(BaseSettings):
    """The settings of one process, from the environment; arguments, by field name, go before it.

    Raises:
        UsageError: a variable holds what it cannot hold; all such variables are named.
    """

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
            "The database of the governance tables: SQLite or PostgreSQL. "
            "By default the registry's own, which is what makes a decision and its change one transaction."
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
    strict: bool = Field(
        default=True,
        validation_alias="GOVERNANCE_STRICT",
        description=(
            "Whether what cannot be decided is refused. `false` only records it, for a trial beside "
            "a registry that is not governed yet."
        ),
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise UsageError(
                "\n".join(f"{_variable(flaw['loc'])}: {flaw['msg']}" for flaw in error.errors()),
                "Correct it or unset it.",
            ) from error

    @model_validator(mode="after")
    def _store_beside_registry(self) -> Settings:
        if self.store_uri is None and self.registry_uri is not None:
            # The instance is frozen for callers, not for its own validator.
            object.__setattr__(self, "store_uri", self.registry_uri.removeprefix("governed+"))
        return self


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


def _variable(place: tuple[int | str, ...]) -> str:
    """The environment variable behind the place of a mistake, which is a field or an alias."""
    name = str(place[0]) if place else "environment"
    field = Settings.model_fields.get(name)
    if field is None:
        return name
    alias = field.validation_alias
    return str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)
