"""The governed store where it is closed: every way in, every spelling, everybody at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from governance.domain.chain import verify

pytestmark = pytest.mark.slow

PROMPT_FLAG = "mlflow.prompt.is_prompt"


def denied(call: Any, *arguments: Any, **named: Any) -> str:
    """The message with which a call is refused."""
    with pytest.raises(MlflowException) as caught:
        call(*arguments, **named)
    assert "PERMISSION_DENIED" == caught.value.error_code, caught.value
    return str(caught.value.message)


def events(store: Any) -> list[str]:
    """The audit log's types, the chain verified on the way."""
    with store.reading() as books:
        entries = list(books.audit.entries())
    assert verify(entries).flaw is None
    return [entry.type for entry in entries]


@pytest.fixture
def alpha(store: Any) -> str:
    """A model of three versions whose bytes nobody here can read; returns its name."""
    store.create_registered_model("alpha")
    for version in range(3):
        store.create_model_version("alpha", f"nobody://knows/{version}")
    return "alpha"


def test_a_version_deleted_by_another_spelling_is_buried(store: Any, alpha: str) -> None:
    """MLflow takes "01" for 1; so does the record."""
    before = store.subject(alpha, 1).uid
    store.delete_model_version(alpha, "01")

    with store.reading() as books:
        assert [2, 3] == [subject.named.version for subject in books.subjects.living(alpha, "default")]
        assert before == books.subjects.get(before).uid
    assert "version:deleted" == events(store)[-1]


@pytest.fixture
def here(store: Any, tracking: Any) -> str:
    """A model whose bytes lie here and whose origin nobody knows; returns its name."""
    store.create_registered_model("here")
    store.create_model_version("here", tracking.write(str(tracking.folder / "bytes"), {"MLmodel": "{}"}))
    return "here"


def test_a_protected_alias_by_another_spelling_of_the_version(store: Any, here: str) -> None:
    """Neither the alias nor the number has a spelling that is not gated."""
    for version in (1, "1", "01"):
        assert "approval" in denied(store.set_registered_model_alias, here, "champion", version)
    assert ["promotion:denied"] * 3 == events(store)[-3:]


def test_a_protected_stage_by_another_spelling(store: Any, here: str) -> None:
    """MLflow takes stages in any case; the gate does too."""
    for stage in ("Production", "production", "PRODUCTION"):
        assert "approval" in denied(store.transition_model_version_stage, here, 1, stage, False)
    assert "None" == store.get_model_version(here, 1).current_stage


def test_a_stage_left_by_others_is_on_record(store: Any, known: Any) -> None:
    """Whoever enters with `archive_existing_versions` sends the others out, and both are written down."""
    for _ in range(2):
        known()
    store.transition_model_version_stage("risk", "1", "Production", False)
    store.transition_model_version_stage("risk", "2", "Production", True)

    assert ["Archived", "Production"] == [
        store.get_model_version("risk", v).current_stage for v in ("1", "2")
    ]
    assert ["promotion:allowed", "promotion:withdrawn", "promotion:allowed"] == events(store)[-3:]


def test_eight_at_once_get_eight_versions(store: Any) -> None:
    """Registering at the same time gives each its own number, record and event; the chain holds."""
    store.create_registered_model("busy")
    failures: list[MlflowException] = []

    def create(number: int) -> None:
        try:
            store.create_model_version("busy", f"s3://bucket/{number}")
        except MlflowException as error:
            failures.append(error)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
    with store.reading() as books:
        subjects = books.subjects.living("busy", "default")
    versions = {v.version: v for v in store.search_model_versions("name = 'busy'")}
    assert list(range(1, 9)) == [s.named.version for s in subjects] == sorted(map(int, versions))
    assert [versions[s.named.version].source for s in subjects] == [s.source for s in subjects]
    assert 8 == len({s.uid for s in subjects})
    assert ["version:registered"] * 8 == events(store)


def test_moving_an_alias_at_once(store: Any, known: Any) -> None:
    """Each move is decided and recorded, and the last one is who holds the alias."""
    versions = [known() for _ in range(4)]
    answers: list[str] = []

    def move(version: str) -> None:
        answers.append(store.promote_alias("risk", "champion", version).outcome.value)

    threads = [threading.Thread(target=move, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.reading() as books:
        decided = books.decisions.frozen()
        *_, last = (entry for entry in books.audit.entries() if entry.type == "promotion:allowed")
        holder = books.subjects.get(last.body["uid"]).named.version
    assert (["allowed"] * 4, {"1", "2", "3", "4"}) == (answers, {str(d.named.version) for d, _ in decided})
    assert holder == int(store.get_model_version_by_alias("risk", "champion").version)
    assert 4 == events(store).count("promotion:allowed")


def test_a_failed_change_leaves_no_decision(store: Any, known: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When MLflow's own method fails inside the transaction, the decision goes with it."""
    known()
    before = events(store)

    def fail(*_: Any) -> None:
        raise MlflowException("the disk is full")

    monkeypatch.setattr(SqlAlchemyStore, "set_registered_model_alias", fail)
    with pytest.raises(MlflowException, match="the disk is full"):
        store.set_registered_model_alias("risk", "champion", "1")

    assert (before, {}) == (events(store), store.get_registered_model("risk").aliases)
    assert "models/m-" in store.get_model_version_download_uri("risk", "1")


def test_bytes_with_an_unreadable_claim_are_not_registered(tracking: Any, store: Any) -> None:
    """A model that says it was trained privately and cannot say how is wrong usage."""
    claim = "metadata: {governance: {dp_training: {epsilon: 0.1}}}\n"
    model = tracking.model(tracking.run("visits"), {"MLmodel": claim})
    store.create_registered_model("risk")

    with pytest.raises(MlflowException, match="no usable DP training") as refused:
        store.create_model_version("risk", f"models:/{model}")
    assert ("INVALID_PARAMETER_VALUE", []) == (refused.value.error_code, store.search_model_versions())


def test_a_prompt_holds_no_model(tracking: Any, store: Any) -> None:
    """Nothing under a prompt's name is governed, so no bytes get there, and no flag is turned."""
    store.create_prompt("greeting")
    store.create_prompt_version("greeting", "Hello {{name}}")
    model = tracking.model(tracking.run("visits"))
    flag, unflag = RegisteredModelTag(PROMPT_FLAG, "true"), RegisteredModelTag(PROMPT_FLAG, "false")

    for source in (f"models:/{model}", "s3://evil/model", "models:/greeting/1"):
        assert "a prompt holds no model" in denied(store.create_model_version, "greeting", source)
    assert "vanishes" in denied(store.set_registered_model_tag, "greeting", unflag)
    assert "vanishes" in denied(store.delete_registered_model_tag, "greeting", PROMPT_FLAG)
    assert "vanishes" in denied(store.delete_model_version_tag, "greeting", 1, PROMPT_FLAG)
    store.set_registered_model_tag("greeting", flag)
    store.set_registered_model_alias("greeting", "champion", 1)
    assert ["change:refused"] * 6 == events(store)


def test_a_model_holds_no_prompt(store: Any, alpha: str) -> None:
    """One version flagged as a prompt would take all others out of every search."""
    flag = ModelVersionTag(PROMPT_FLAG, "true")

    assert "vanishes" in denied(store.create_model_version, alpha, "s3://x", tags=[flag])
    assert "vanishes" in denied(store.set_model_version_tag, alpha, 1, flag)
    assert "vanishes" in denied(store.create_prompt_version, alpha, "Hello")
    assert 3 == len(store.search_model_versions(f"name = '{alpha}'"))


def test_a_model_that_hides_in_an_old_prompt_is_gated(store: Any, tracking: Any) -> None:
    """Bytes that got under a prompt's name before governance came are judged like any other."""
    plain = SqlAlchemyStore(tracking.uri)
    plain.create_prompt("greeting")
    plain.create_model_version("greeting", str(tracking.folder))

    assert "approval" in denied(store.set_registered_model_alias, "greeting", "champion", 1)


def test_the_tags_of_the_plugin_cannot_be_brought_along(store: Any, alpha: str) -> None:
    """Not at the birth of a model, a version or a prompt's version."""
    store.create_prompt("greeting")
    tag = ModelVersionTag("governance.label", "public")

    for call, arguments in (
        (store.create_registered_model, ("new", [tag])),
        (store.create_model_version, (alpha, "s3://x", None, [tag])),
        (store.create_model_version, ("greeting", "dummy-source", None, [tag])),
    ):
        assert "tags that begin with 'governance.'" in denied(call, *arguments)


def test_another_database_for_the_books_is_refused(
    tracking: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In two databases a decision and its change could not stand or fall together."""
    from governance_mlflow.store.registry_store import open_store

    monkeypatch.setenv("GOVERNANCE_STORE_URI", "sqlite:////elsewhere/books.db")

    with pytest.raises(MlflowException, match="names another database"):
        open_store(f"governed+{tracking.uri}")
    monkeypatch.setenv("GOVERNANCE_STORE_URI", tracking.uri)
    assert type(store) is type(open_store(f"governed+{tracking.uri}"))


def test_a_copy_of_nothing(store: Any) -> None:
    """Here MLflow says that something inside went wrong; that there is no such version is more use."""
    store.create_registered_model("alpha")

    with pytest.raises(MlflowException, match=r"\(name=nobody, version=1\) not found") as caught:
        store.create_model_version("alpha", "models:/nobody/1")
    assert "RESOURCE_DOES_NOT_EXIST" == caught.value.error_code


def test_bytes_that_cannot_be_read_here(store: Any, alpha: str) -> None:
    """They can be registered and not be promoted: nobody can say what would be served."""
    with pytest.raises(MlflowException, match="cannot be read") as caught:
        store.set_registered_model_alias(alpha, "champion", 1)

    assert ("ABORTED", "version:registered") == (caught.value.error_code, events(store)[-1])
