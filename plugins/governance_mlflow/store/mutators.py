"""What MLflow's registry can do, and why each of it is judged, reaches what is judged, or needs no judge.

MLflow grows. A method that this page does not name could be a way past the gate, so that a store with
one does not open.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.version import VERSION

_logger = logging.getLogger(__name__)

TESTED = "3.14 to 3.17"
"""The MLflow releases whose methods are the ones below."""

READS: Mapping[str, str] = {
    "get_latest_versions": "reads",
    "get_model_version": "reads",
    "get_model_version_by_alias": "reads",
    "get_model_version_download_uri": "reads",
    "get_prompt": "reads",
    "get_prompt_version": "reads",
    "get_prompt_version_by_alias": "reads",
    "get_registered_model": "reads",
    "get_webhook": "reads",
    "list_webhooks": "reads",
    "list_webhooks_by_event": "reads",
    "search_model_versions": "reads",
    "search_prompt_versions": "reads",
    "search_prompts": "reads",
    "search_registered_models": "reads",
    "supports_workspaces": "says what the store can do",
}

JUDGED: Mapping[str, tuple[str, str]] = {
    "copy_model_version": ("src_mv dst_name", "the label travels, approvals do not"),
    "create_model_version": (
        "name source run_id tags run_link description local_model_path model_id",
        "gives the uid and the label; into a protected name it is a promotion",
    ),
    "create_registered_model": (
        "name tags description deployment_job_id",
        "no look-alikes of protected names",
    ),
    "delete_model_version": ("name version", "tombstone; leaving a protected place is on record"),
    "delete_model_version_tag": ("name version key", "the plugin's tags and the prompt flag stay"),
    "delete_registered_model": ("name", "tombstones; leaving a protected place is on record"),
    "delete_registered_model_alias": ("name alias", "leaving a protected place is on record"),
    "delete_registered_model_tag": ("name key", "the plugin's tags and the prompt flag stay"),
    "rename_registered_model": ("name new_name", "uids follow; nothing enters a protected place this way"),
    "set_model_version_tag": ("name version tag", "the plugin's tags and the prompt flag stay"),
    "set_registered_model_alias": ("name alias version", "a protected alias moves on evidence only"),
    "set_registered_model_tag": ("name tag", "the plugin's tags and the prompt flag stay"),
    "transition_model_version_stage": (
        "name version stage archive_existing_versions",
        "a protected stage is entered on evidence only",
    ),
    "update_model_version": ("name version description", "on record for what is in service"),
    "update_registered_model": ("name description deployment_job_id", "on record for what is in service"),
}
"""Methods that the governed store overrides: the parameters they must have, and what is judged."""

THROUGH: Mapping[str, str] = {
    "create_prompt": "create_registered_model",
    "create_prompt_version": "create_model_version",
    "delete_prompt": "delete_registered_model",
    "delete_prompt_alias": "delete_registered_model_alias",
    "delete_prompt_tag": "delete_registered_model_tag",
    "delete_prompt_version": "delete_model_version",
    "delete_prompt_version_tag": "delete_model_version_tag",
    "set_prompt_alias": "set_registered_model_alias",
    "set_prompt_tag": "set_registered_model_tag",
    "set_prompt_version_tag": "set_model_version_tag",
}
"""Methods that MLflow carries out with a judged one; they must be MLflow's general ones."""

HARMLESS: Mapping[str, str] = {
    "create_webhook": "tells others of changes and makes none",
    "delete_webhook": "tells others of changes and makes none",
    "link_prompt_version_to_model": "writes a tag of a logged model, which lineage does not read",
    "link_prompt_version_to_run": "writes a tag of a run, which lineage does not read",
    "link_prompts_to_trace": "writes a tag of a trace",
    "test_webhook": "tells others of changes and makes none",
    "update_webhook": "tells others of changes and makes none",
}

INNER: Mapping[str, str] = {
    "_get_active_workspace": "",
    "_get_model_version_tag": "session name version key",
    "_get_query": "session model",
    "_get_registered_model": "session name eager",
    "_get_registered_model_alias": "session name alias",
    "_get_sql_model_version": "session name version eager",
}
"""MLflow's own helpers that the governed store uses, with their parameters."""

KNOWN = READS.keys() | JUDGED.keys() | THROUGH.keys() | HARMLESS.keys()


def differences(store: type) -> tuple[str, ...]:
    """How a class of MLflow's differs from what is known here, each difference in a few words, sorted."""
    return tuple(sorted(_differences(store)))


def _differences(store: type) -> Iterator[str]:
    for name in _public(store) - KNOWN:
        yield f"{name} is new"
    wanted = {name: parameters for name, (parameters, _) in JUDGED.items()} | dict(INNER)
    for name, parameters in wanted.items():
        found = _parameters(store, name)
        if found != parameters.split():
            yield f"{name}({', '.join(found or ())}) was {name}({', '.join(parameters.split())})"
    for name, judged in THROUGH.items():
        owner = next((kind for kind in store.__mro__ if name in vars(kind)), None)
        if owner is not AbstractStore:
            yield f"{name} no longer goes through {judged}"


def _public(store: type) -> set[str]:
    """Methods and properties that anybody may call; constants are none."""
    members = inspect.getmembers(store, lambda member: callable(member) or isinstance(member, property))
    return {name for name, _ in members if not name.startswith("_")}


def _parameters(store: type, name: str) -> list[str] | None:
    method = getattr(store, name, None)
    return None if method is None else list(inspect.signature(method).parameters)[1:]


def insist_on_known(store: type, strict: bool) -> None:
    """Refuse a store that can do what nobody judged; without `strict`, warn of it.

    Raises:
        MlflowException: it differs from what is known here; each difference and the ways out are named.
    """
    found = differences(store)
    if not found:
        return
    said = (
        f"The registry of MLflow {VERSION} is not the one that the gate was tested with ({TESTED}), and "
        f"could be changed around it: {'; '.join(found)}."
    )
    if strict:
        raise MlflowException(
            f"{said}\nInstall an MLflow from {TESTED}, or a newer mlflow-governance; or set "
            "GOVERNANCE_STRICT=false and answer for what these methods do.",
            error_code=INVALID_STATE,
        )
    _logger.warning("%s GOVERNANCE_STRICT=false lets it start all the same.", said)
