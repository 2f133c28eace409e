"""What is not governed is as MLflow's own store has it: the same calls on both, the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore
from mlflow.utils.workspace_context import WorkspaceContext

pytestmark = pytest.mark.slow


@pytest.fixture
def own_file(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> str:
    """MLflow's tables in a file that nobody governs."""
    path = tmp_path_factory.mktemp("plain") / "mlflow.db"
    path.write_bytes(empty_database.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def plain(own_file: str) -> SqlAlchemyStore:
    """MLflow's own store."""
    return SqlAlchemyStore(own_file)


def shown(value: Any) -> Any:
    """A result without what must differ: times, random ids and the plugin's own tags."""
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if not hasattr(value, "__dict__"):
        return value
    return {
        name: {k: v for k, v in part.items() if not k.startswith("governance.")}
        if isinstance(part, dict)
        else shown(part)
        for name, part in vars(value).items()
        if "time" not in name and name not in ("_webhook_id", "webhook_id")
    }


def outcome(call: Callable[[Any], Any], store: Any) -> Any:
    """What a call gives: its result, or the code and words of its error."""
    try:
        return shown(call(store))
    except MlflowException as error:
        return error.error_code, error.message


def furnish(store: Any) -> None:
    """Three models with a few versions, tags, aliases and stages; nothing of it is protected."""
    for name in ("alpha", "beta", "gamma"):
        store.create_registered_model(name, [RegisteredModelTag("team", name)], f"about {name}")
    for name, number in (("alpha", 3), ("beta", 1)):
        for version in range(number):
            tag = ModelVersionTag("n", str(version))
            store.create_model_version(name, f"s3://bucket/{name}/{version}", "r1", [tag], "link", "words")
    store.set_registered_model_alias("alpha", "newest", 3)
    store.transition_model_version_stage("alpha", 2, "Staging", False)


def paged(store: Any) -> list[Any]:
    """All versions, one a page."""
    found, token = [], None
    while True:
        page = store.search_model_versions("", 1, ["version_number DESC"], token)
        found.append([(v.name, v.version) for v in page])
        token = page.token
        if not token:
            return found


def webhooks(store: Any) -> list[Any]:
    """Create, read, change, list and delete a webhook."""
    event = WebhookEvent(WebhookEntity.REGISTERED_MODEL, WebhookAction.CREATED)
    made = store.create_webhook("hook", "https://example.com/hook", [event], "about", "secret")
    changed = store.update_webhook(made.webhook_id, name="other", status=WebhookStatus.DISABLED)
    listed = store.list_webhooks(), store.list_webhooks_by_event(event)
    read = store.get_webhook(made.webhook_id)
    store.delete_webhook(made.webhook_id)
    return [made, changed, read, *map(list, listed), list(store.list_webhooks())]


def prompts(store: Any) -> list[Any]:
    """Everything that can be done with a prompt, wrong and right."""
    made = store.create_prompt("greeting", "about", {"team": "care"})
    first = store.create_prompt_version("greeting", "Hello {{name}}", "first", {"n": "1"})
    second = store.create_prompt_version("greeting", [{"role": "user", "content": "Hi"}], response_format={})
    store.set_prompt_alias("greeting", "champion", 2)
    store.set_prompt_tag("greeting", "kind", "short")
    store.set_prompt_version_tag("greeting", 1, "k", "v")
    store.transition_model_version_stage("greeting", "1", "Production", False)
    read = [
        store.get_prompt("greeting"),
        store.get_prompt("alpha"),
        store.get_prompt_version("greeting", 1),
        store.get_prompt_version_by_alias("greeting", "champion"),
        list(store.search_prompts("name LIKE 'g%'")),
        list(store.search_prompt_versions("greeting")),
        outcome(lambda s: s.search_prompt_versions("alpha"), store),
        outcome(lambda s: s.create_prompt("alpha"), store),
        outcome(lambda s: s.create_prompt("greeting"), store),
        outcome(lambda s: s.delete_prompt_version("greeting", "one"), store),
        list(store.search_registered_models()),
    ]
    store.delete_prompt_alias("greeting", "champion")
    store.delete_prompt_tag("greeting", "kind")
    store.delete_prompt_version_tag("greeting", 1, "k")
    store.delete_prompt_version("greeting", "2")
    left = list(store.search_prompt_versions("greeting"))
    store.delete_prompt("greeting")
    return [made, first, second, *read, left, store.get_prompt("greeting")]


def staged(store: Any) -> list[Any]:
    """Two versions through one stage, the first sent out by the second, as a REST client spells them."""
    moved = [store.transition_model_version_stage("alpha", n, "Staging", True) for n in ("1", "3")]
    latest = store.get_latest_versions("alpha", ["Staging"])
    return [*moved, latest, [stage for _, _, stage in everything(store, "alpha")]]


def everything(store: Any, name: str) -> list[tuple[str, int, str]]:
    """All versions of a model with their stages."""
    found = store.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])
    return [(version.name, version.version, version.current_stage) for version in found]


SAME: dict[str, Callable[[Any], Any]] = {
    "get": lambda s: s.get_registered_model("alpha"),
    "get version": lambda s: s.get_model_version("alpha", 2),
    "get version, spelled otherwise": lambda s: s.get_model_version("alpha", "02"),
    "latest": lambda s: s.get_latest_versions("alpha"),
    "by alias": lambda s: s.get_model_version_by_alias("alpha", "newest"),
    "by the alias latest": lambda s: s.get_model_version_by_alias("alpha", "latest"),
    "download location": lambda s: s.get_model_version_download_uri("alpha", 1),
    "search models": lambda s: s.search_registered_models("name LIKE 'a%'", 10, ["name DESC"]),
    "search models by tag": lambda s: s.search_registered_models("tag.team = 'beta'"),
    "search versions": lambda s: s.search_model_versions("name = 'alpha'", 10, ["version_number ASC"]),
    "search versions by tag": lambda s: s.search_model_versions("tag.n = '0'"),
    "search wrongly": lambda s: s.search_model_versions("nonsense ="),
    "pages": paged,
    "search models by a wrong word": lambda s: s.search_registered_models("colour = 'red'"),
    "search too many models": lambda s: s.search_registered_models(max_results=10**7),
    "search from a wrong page": lambda s: s.search_model_versions("", 1, None, "nonsense"),
    "search versions by run": lambda s: s.search_model_versions("run_id IN ('r1', 'r2')"),
    "search versions by source": lambda s: s.search_model_versions("source_path LIKE 's3://bucket/a%'"),
    "latest of stages": lambda s: s.get_latest_versions("alpha", ["staging", "None"]),
    "latest of a stage that does not exist": lambda s: s.get_latest_versions("alpha", ["Space"]),
    "get a version of no number": lambda s: s.get_model_version("alpha", None),
    "prompts": prompts,
    "stages with archiving": staged,
    "webhooks": webhooks,
    "no such webhook": lambda s: s.get_webhook("nobody"),
    "create twice": lambda s: s.create_registered_model("alpha"),
    "create without a name": lambda s: s.create_registered_model(""),
    "create in nothing": lambda s: s.create_model_version("nobody", "s3://x"),
    "create with too much": lambda s: s.create_model_version(
        "alpha", "s3://x", tags=[ModelVersionTag("k" * 300, "v")]
    ),
    "create another": lambda s: s.create_model_version("alpha", "s3://x"),
    "describe": lambda s: s.update_registered_model("alpha", "new words"),
    "describe a version": lambda s: s.update_model_version("alpha", 1, "new words"),
    "rename there and back": lambda s: (
        s.rename_registered_model("alpha", "delta"),
        s.get_model_version("delta", 3),
        s.rename_registered_model("delta", "alpha"),
    ),
    "rename onto another": lambda s: s.rename_registered_model("alpha", "beta"),
    "rename nothing": lambda s: s.rename_registered_model("nobody", "delta"),
    "alias": lambda s: (s.set_registered_model_alias("alpha", "b", 1), s.get_registered_model("alpha")),
    "alias of nothing": lambda s: s.set_registered_model_alias("nobody", "b", 1),
    "alias of no version": lambda s: s.set_registered_model_alias("alpha", "b", 99),
    "protected alias of no version": lambda s: s.set_registered_model_alias("alpha", "champion", 99),
    "protected alias of nothing": lambda s: s.set_registered_model_alias("nobody", "champion", 1),
    "alias with a bad name": lambda s: s.set_registered_model_alias("alpha", "v1", 1),
    "unalias": lambda s: (
        s.delete_registered_model_alias("alpha", "newest"),
        s.get_registered_model("alpha"),
    ),
    "unalias nothing": lambda s: s.delete_registered_model_alias("nobody", "b"),
    "unalias what is not set": lambda s: s.delete_registered_model_alias("alpha", "b"),
    "stage": lambda s: s.transition_model_version_stage("alpha", 1, "Staging", True),
    "stage in small letters": lambda s: s.transition_model_version_stage("alpha", 1, "archived", False),
    "stage that does not exist": lambda s: s.transition_model_version_stage("alpha", 1, "Space", False),
    "stage of no version": lambda s: s.transition_model_version_stage("alpha", 99, "Production", False),
    "tag": lambda s: (
        s.set_registered_model_tag("alpha", RegisteredModelTag("k", "v")),
        s.get_registered_model("alpha"),
    ),
    "tag nothing": lambda s: s.set_registered_model_tag("nobody", RegisteredModelTag("k", "v")),
    "tag a version": lambda s: (
        s.set_model_version_tag("alpha", 1, ModelVersionTag("k", "v")),
        s.get_model_version("alpha", 1),
    ),
    "tag no version": lambda s: s.set_model_version_tag("alpha", 99, ModelVersionTag("k", "v")),
    "untag": lambda s: (
        s.delete_registered_model_tag("alpha", "team"),
        s.get_registered_model("alpha"),
    ),
    "untag a version": lambda s: (
        s.delete_model_version_tag("alpha", 1, "n"),
        s.get_model_version("alpha", 1),
    ),
    "untag what is not set": lambda s: s.delete_model_version_tag("alpha", 1, "other"),
    "delete a version": lambda s: (s.delete_model_version("alpha", 2), s.get_model_version("alpha", 2)),
    "delete no version": lambda s: s.delete_model_version("alpha", 99),
    "delete a version of no number": lambda s: s.delete_model_version("alpha", "two"),
    "delete": lambda s: (s.delete_registered_model("beta"), s.get_registered_model("beta")),
    "delete nothing": lambda s: s.delete_registered_model("nobody"),
    "copy": lambda s: s.copy_model_version(s.get_model_version("alpha", 1), "copy"),
    "copy a copy": lambda s: s.copy_model_version(s.get_model_version("copy", 1), "copy"),
    "where a copy lies": lambda s: s.get_model_version_download_uri("copy", 2),
    "count on after deleting": lambda s: (
        s.delete_model_version("alpha", 4),
        s.create_model_version("alpha", "s3://x").version,
    ),
    "count from one after all is deleted": lambda s: (
        s.delete_registered_model("alpha"),
        s.create_registered_model("alpha"),
        s.create_model_version("alpha", "s3://x").version,
    ),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_is_not_governed_is_as_it_was(store: Any, plain: SqlAlchemyStore) -> None:
    """Results, order, pages, and the code and words of each error are those of MLflow's own store."""
    for one in (store, plain):
        furnish(one)

    theirs, ours = ({name: outcome(call, one) for name, call in SAME.items()} for one in (plain, store))

    assert theirs == ours


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_workspaces_are_as_they_were(
    request: pytest.FixtureRequest, own_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same calls in each of two workspaces, which see nothing of each other."""
    # Made before the switch, as by an upgrade: afterwards MLflow decides where artifacts lie.
    request.getfixturevalue("tracking")
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    answers = []
    for one in (WorkspaceAwareSqlAlchemyStore(own_file), request.getfixturevalue("store")):
        answers.append(list[Any]())
        for team in ("team-a", "team-b"):
            with WorkspaceContext(team):
                furnish(one)
                answers[-1].append({name: outcome(call, one) for name, call in SAME.items()})

    theirs, ours = answers
    assert theirs == ours
    assert theirs[0].keys() == theirs[1].keys()
