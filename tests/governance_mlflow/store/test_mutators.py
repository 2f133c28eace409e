"""The list of what MLflow's registry can do is whole, and what is not on it keeps the store closed."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from governance_mlflow.store.mutators import (
    HARMLESS,
    JUDGED,
    KNOWN,
    READS,
    TESTED,
    THROUGH,
    differences,
    insist_on_known,
)
from governance_mlflow.store.registry_store import GovernedStore


class Newer(WorkspaceAwareSqlAlchemyStore):
    """A store that has learned something, lost a parameter's name, and does one thing another way."""

    ANSWER = 42

    def promote_everything(self) -> None:
        """Nobody has judged it."""

    def set_registered_model_alias(self, name: str, label: str, version: Any) -> None:
        """An alias by another word."""

    def delete_prompt(self, name: str) -> None:
        """No longer by deleting the registered model."""

    def _tidy(self) -> None:
        """Nobody may call it."""


def test_the_installed_mlflow_is_known() -> None:
    """Every public method and every parameter that the gate stands before is as the gate expects it."""
    assert () == differences(WorkspaceAwareSqlAlchemyStore)


def test_every_method_is_on_one_list_with_its_reason() -> None:
    """None is read and judged at once, and each says why it is where it is."""
    lists = [READS, JUDGED, THROUGH, HARMLESS]
    public = {name for name in dir(AbstractStore) if not name.startswith("_")}

    assert sum(map(len, lists)) == len(KNOWN)
    assert public == KNOWN
    assert "" not in {*READS.values(), *HARMLESS.values(), *(why for _, why in JUDGED.values())}
    assert set(THROUGH.values()) <= set(JUDGED)


def test_every_judged_method_is_the_governed_store_s_own() -> None:
    """What is said to be judged does not go to MLflow unseen, and what is harmless does."""
    theirs = {name for name in KNOWN if getattr(GovernedStore, name) is getattr(AbstractStore, name, None)}
    ours = {
        name
        for kind in GovernedStore.__mro__
        if kind.__module__.startswith("governance_mlflow.")
        for name in vars(kind)
    }

    assert set() == set(JUDGED) - ours
    assert set() == (set(THROUGH) | set(HARMLESS)) & ours
    assert set(THROUGH) <= theirs


def test_each_difference_is_named() -> None:
    """A new method, another parameter, and a way that no longer leads through the gate."""
    assert (
        "delete_prompt no longer goes through delete_registered_model",
        "promote_everything is new",
        "set_registered_model_alias(name, label, version)"
        " was set_registered_model_alias(name, alias, version)",
    ) == differences(Newer)


def test_a_store_that_can_do_more_does_not_open() -> None:
    """The message names the methods, what was tested, and every way out."""
    with pytest.raises(MlflowException) as refused:
        insist_on_known(Newer, strict=True)

    assert "INVALID_STATE" == refused.value.error_code
    for words in ("promote_everything is new", TESTED, "newer mlflow-governance", "GOVERNANCE_STRICT=false"):
        assert words in refused.value.message


def test_it_opens_at_the_operator_s_risk(caplog: pytest.LogCaptureFixture) -> None:
    """Without strictness the same is a warning."""
    with caplog.at_level(logging.WARNING):
        insist_on_known(Newer, strict=False)
        insist_on_known(WorkspaceAwareSqlAlchemyStore, strict=False)

    (warning,) = caplog.messages
    assert "promote_everything is new" in warning
