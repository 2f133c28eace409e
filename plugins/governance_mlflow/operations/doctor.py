"""Looks after what the gate relies on: plugins, settings, policy, tables, log; and sums up reconciling."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from governance.domain.chain import verify
from governance.domain.discrepancy import Discrepancy
from governance.inspecting import Inspection
from governance.ports import Ailment
from governance.reconciling import Cursor, reconcile
from governance.storage.guards import unguarded_tables
from governance_mlflow.access.exposed import gaps
from governance_mlflow.artifacts.destinations import (
    DESTINATION_OF_A_SERVER,
    GOVERNED,
    guarded_spelling,
    unguarded_destination,
)
from governance_mlflow.operations.reconcile import MlflowInventory
from governance_mlflow.operations.starting import REGISTRY_OF_JOBS, REINSTALL, not_loaded

if TYPE_CHECKING:
    from governance_mlflow.store.registry_store import GovernedStore

PAGE = 1_000


def examine(store: GovernedStore, now: datetime, repair: bool = False) -> tuple[Ailment, ...]:
    """Every ailment, in a fixed order; of what reconciling finds, one ailment a kind."""
    return (
        *_plugins(store),
        *_jobs(),
        *_destination(),
        *_policy(store),
        *_tables(store),
        *gaps(store, repair),
        *_chain(store),
        *_reconciled(store, now),
    )


def _plugins(store: GovernedStore) -> Iterator[Ailment]:
    destination = os.environ.get(DESTINATION_OF_A_SERVER, "").partition("://")[0]
    for plugin in not_loaded(f"{GOVERNED}{store.db_uri.partition('://')[0]}", destination):
        yield Ailment("plugin-not-loaded", plugin, "MLflow does not have it", "a loaded plugin", REINSTALL)


def _jobs() -> Iterator[Ailment]:
    reached = os.environ.get(REGISTRY_OF_JOBS)
    if reached is not None and not reached.startswith((GOVERNED, "http://", "https://")):
        yield Ailment(
            "ungoverned-jobs",
            REGISTRY_OF_JOBS,
            "it names the registry beside the gate, and background jobs of a server started here go by it",
            "the governed URI",
            f"Unset {REGISTRY_OF_JOBS}, or set it to the governed URI.",
        )


def _destination() -> Iterator[Ailment]:
    destination = unguarded_destination()
    if destination is not None:
        yield Ailment(
            "unguarded-destination",
            destination,
            "whoever may upload artifacts through this server can overwrite approved bytes",
            "a governed artifact destination",
            f"Start the server with --artifacts-destination {guarded_spelling(destination)}",
        )


def _policy(store: GovernedStore) -> Iterator[Ailment]:
    for warning in store.gate.policy.warnings:
        yield Ailment(
            "policy-warning",
            f"{warning.file}:{warning.line}",
            warning.message,
            "a policy that can be fulfilled",
            "Fill it in a policy that extends this one, and set GOVERNANCE_POLICY to that file.",
            harmful=False,
        )


def _tables(store: GovernedStore) -> Iterator[Ailment]:
    with store.engine.connect() as connection:
        unguarded = unguarded_tables(connection)
    if unguarded:
        yield Ailment(
            "unguarded-tables",
            ", ".join(unguarded),
            "the database would let what was recorded be changed or deleted",
            "the triggers that the migrations made",
            "Find out who dropped them; verify the log, and restore the tables from a backup.",
        )


def _chain(store: GovernedStore) -> Iterator[Ailment]:
    with store.reading() as books:
        found = verify(books.audit.entries())
    if found.flaw is not None:
        yield Ailment(
            "broken-chain",
            f"audit entry {found.flaw.position}",
            found.flaw.reason,
            "an unbroken chain",
            "Compare with the last checkpoint kept elsewhere: governance audit verify --from-checkpoint FILE",
        )


def _reconciled(store: GovernedStore, now: datetime) -> Iterator[Ailment]:
    """The first discrepancy of each kind, and how many more there are."""
    inspection = Inspection(MlflowInventory(store), store.gate.artifacts, store.gate.policy, now, True, True)
    first: dict[str, Discrepancy] = {}
    counts: dict[str, int] = {}
    for page in reconcile(inspection, Cursor(), PAGE):
        for found in page.found:
            kind = found.discrepancy.kind.value
            first.setdefault(kind, found.discrepancy)
            counts[kind] = counts.get(kind, 0) + 1
    for kind, one in first.items():
        more = counts[kind] - 1
        subject, remedy = one.subject, one.remedy
        if more:
            subject, remedy = f"{subject} and {more} more", "See all of them: governance reconcile --bytes"
        yield Ailment(kind, subject, one.observed, one.expected, remedy, one.harmful)
