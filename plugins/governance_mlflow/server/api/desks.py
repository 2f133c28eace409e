"""The desk that a request is answered at: the server's own, on behalf of whoever calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Query
from mlflow.exceptions import MlflowException
from pydantic import BaseModel, ConfigDict, Field

from governance.desk import LocalDesk
from governance.errors import Forbidden, GovernanceError
from governance.ports import Books
from governance.settings import Settings
from governance_mlflow.callers.accounts import Action
from governance_mlflow.callers.identity import Identity
from governance_mlflow.rim import MlflowRim
from governance_mlflow.server.api.who import Known, insist
from governance_mlflow.store.registry_store import GovernedStore

ModelUri = Annotated[
    str,
    Query(
        min_length=1,
        max_length=1024,
        description="`models:/name/3`, `models:/name@alias` or `models:/m-…`.",
    ),
]
TargetName = Annotated[
    str, Query(min_length=1, max_length=256, description="A policy target, or an alias that it protects.")
]


class Body(BaseModel):
    """A request's body; a field that nobody knows is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OfVersion(Body):
    """A request about one version on its way to a target."""

    model: str = Field(min_length=1, max_length=1024, description="`models:/name/3` and the like.")
    target: str = Field(min_length=1, max_length=256, description="A policy target, or an alias of one.")


class ServedArchive:
    """The books of the server's store; what goes wrong stays our own word, not MLflow's."""

    def __init__(self, store: GovernedStore) -> None:
        self._store = store

    @contextmanager
    def reading(self) -> Iterator[Books]:
        """Books for reading."""
        with _plain(), self._store.reading() as books:
            yield books

    @contextmanager
    def writing(self) -> Iterator[Books]:
        """Books for writing, one writer at a time."""
        with _plain(), self._store.writing() as books:
            yield books


@contextmanager
def _plain() -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        if isinstance(error.__cause__, GovernanceError):
            raise error.__cause__ from None
        raise


@lru_cache(maxsize=1)
def served_store() -> GovernedStore:
    """The store that MLflow's own routes use.

    Raises:
        TypeError: the server's registry is not governed; its app refuses to start before that.
    """
    from mlflow.server.handlers import _get_model_registry_store

    store = _get_model_registry_store()
    if not isinstance(store, GovernedStore):
        raise TypeError(f"the registry of this server is a {type(store).__name__}, not a governed one")
    return store


def _desk(identity: Known) -> LocalDesk:
    store = served_store()
    rim = MlflowRim(Settings(actor=identity.name), store)
    return LocalDesk(ServedArchive(store), rim, lambda: store.gate.policy, store.gate.asking)


ServedDesk = Annotated[LocalDesk, Depends(_desk)]
"""The desk of the server, for somebody known."""


def insist_on(desk: LocalDesk, identity: Identity, model: str, action: Action) -> None:
    """Answer 403 to whoever MLflow would not let do that to the registered model of a version."""
    insist(identity, desk.rim.registry.resolve(model).named.name, action)


def insist_on_role(desk: LocalDesk, identity: Identity, what: str) -> frozenset[str]:
    """The roles of whoever calls; `Forbidden` to somebody without any.

    Raises:
        Forbidden: they hold none.
    """
    held = desk.policy.roles_of(identity.name, identity.groups)
    if not held:
        raise Forbidden(
            f"{what} is for people with a role in policy {desk.policy.name!r}; {identity.name!r} has none.",
            "Ask a holder of a role, or be named under `roles` in the policy.",
        )
    return held
