from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.slow


def denial(call: Any, *arguments: Any) -> str:
    """The message with which the registry refuses a call."""
    with pytest.raises(MlflowException) as caught:
        call(*arguments)
    assert "PERMISSION_DENIED" == caught.value.error_code
    return str(caught.value)


def log(clinic: Any) -> list[tuple[str, str]]:
    """The audit log as (actor, type)."""
    done = clinic.run("audit", "log", "--format", "json")
    return [(entry["actor"], entry["type"]) for entry in json.loads(done.stdout)["entries"]]


def test_a_version_without_lineage_is_denied_as_unknown(embedded: Any) -> None:
    """Nothing recorded is not nothing sensitive; the refusal says what to type."""
    embedded.register(log=False)

    message = denial(embedded.client.set_registered_model_alias, "risk", "champion", "1")

    assert "lineage-known [missing]: no dataset was logged as an input of its run" in message
    assert "governance_mlflow.log_input(...)" in message


def test_the_label_is_inherited_and_shown_as_tags(embedded: Any) -> None:
    """A version bears the label of the dataset that its run read."""
    embedded.register()

    tags = embedded.client.get_model_version("risk", "1").tags

    assert ["governance.digest", "governance.label"] == sorted(tags)
    assert "confidential · personal · health" == tags["governance.label"]


def test_the_label_is_shown_with_its_because(embedded: Any) -> None:
    """`governance label` traces each value to the dataset."""
    embedded.register()

    shown = json.loads(embedded.run("label", "models:/risk/1", "--format", "json").stdout)

    assert "governance/label/v1" == shown["schema"]
    assert ["health"] == shown["label"]["special_categories"]
    assert {"visits"} == {
        source.partition("@")[0]
        for cause in shown["because"]
        if cause["dimension"] == "special_categories"
        for source in cause["sources"]
    }


def test_denied_approved_allowed(embedded: Any) -> None:
    """The whole way: refused without approval, allowed with it, served from frozen bytes, all recorded."""
    embedded.register()
    message = denial(embedded.client.set_registered_model_alias, "risk", "champion", "1")
    assert "governance approve models:/risk/1 --for production --role dpo" in message

    embedded.approve("models:/risk/1")
    embedded.client.set_registered_model_alias("risk", "champion", "1")

    location = embedded.client.get_model_version_download_uri("risk", "1")
    digest = embedded.client.get_model_version("risk", "1").tags["governance.digest"]
    assert str(embedded.folder / "frozen" / digest) == location
    assert [
        ("alice", "dataset:catalogued"),
        ("alice", "version:registered"),
        ("alice", "promotion:denied"),
        ("dora", "approval:given"),
        ("alice", "promotion:allowed"),
    ] == log(embedded)


def test_the_command_line_answers_like_the_client(embedded: Any) -> None:
    """`check` and `promote` exit with 1 when denied and 0 when allowed, with the documented JSON."""
    embedded.register()

    checked = embedded.shell("check", "models:/risk/1", "--for", "production", "--format", "json")
    refused = embedded.shell("promote", "models:/risk/1", "--to", "champion", "--format", "json")
    embedded.approve("models:/risk/1")
    allowed = embedded.run("promote", "models:/risk/1", "--to", "production", "--format", "json")

    assert (1, 1, 0) == (checked.returncode, refused.returncode, allowed.returncode)
    body = json.loads(checked.stdout)
    assert {"schema", "subject", "target", "outcome", "findings", "policy"} == set(body)
    assert ("governance/decision/v1", "production", "denied") == (
        body["schema"],
        body["target"],
        body["outcome"],
    )
    assert [("approval", "missing")] == [
        (f["check"], f["status"]) for f in body["findings"] if f["status"] != "passed"
    ]
    assert {"check", "status", "observed", "required", "reason", "remedy"} == set(body["findings"][0])
    assert "allowed" == json.loads(allowed.stdout)["outcome"]


def test_checking_records_nothing(embedded: Any) -> None:
    """A question is not an attempt."""
    embedded.register()
    before = log(embedded)

    embedded.run("check", "models:/risk/1", "--for", "production")

    assert before == log(embedded)


def test_overwritten_origin_is_not_served_and_is_found(embedded: Any) -> None:
    """Changing the original artifact changes nothing for users, and the doctor says so."""
    embedded.register()
    embedded.approve("models:/risk/1")
    embedded.client.set_registered_model_alias("risk", "champion", "1")
    (origin,) = (embedded.folder / "artifacts").rglob("MLmodel")
    origin.write_text("flavors: {}\n# evil\n", encoding="utf-8")

    served = Path(mlflow.artifacts.download_artifacts("models:/risk@champion"))
    examined = embedded.run("doctor", "--format", "json")

    assert "evil" not in (served / "MLmodel").read_text(encoding="utf-8")
    assert 1 == examined.returncode
    assert ["tampered-origin"] == [a["kind"] for a in json.loads(examined.stdout)["ailments"]]


def test_bytes_changed_after_approval_are_not_promoted(embedded: Any) -> None:
    """An approval is for exact bytes: those that replaced them need their own."""
    embedded.register()
    embedded.approve("models:/risk/1")
    (origin,) = (embedded.folder / "artifacts").rglob("MLmodel")
    origin.write_text(origin.read_text(encoding="utf-8") + "\n# other\n", encoding="utf-8")

    message = denial(embedded.client.set_registered_model_alias, "risk", "champion", "1")

    assert "approval [missing]" in message


def test_damaged_frozen_bytes_are_found(embedded: Any) -> None:
    """Whoever can write the frozen area is found out by the doctor, file by file."""
    embedded.register()
    embedded.approve("models:/risk/1")
    embedded.client.set_registered_model_alias("risk", "champion", "1")
    (frozen,) = (embedded.folder / "frozen").glob("*/MLmodel")
    frozen.chmod(0o644)
    frozen.write_text("evil", encoding="utf-8")

    found = json.loads(embedded.run("doctor", "--format", "json").stdout)["ailments"]

    assert ("tampered-frozen", "MLmodel: changed") in {(a["kind"], a["observed"]) for a in found}


def test_the_reserved_tags_cannot_be_written(embedded: Any) -> None:
    """No caller sets, changes or deletes what the plugin says of a version, and the try is recorded."""
    embedded.register()
    client = embedded.client

    denial(client.set_model_version_tag, "risk", "1", "governance.label", "public")
    denial(client.set_model_version_tag, "risk", "1", " Governance.LABEL", "public")
    denial(client.delete_model_version_tag, "risk", "1", "governance.label")
    denial(client.set_registered_model_tag, "risk", "governance.approved", "yes")
    denial(client.create_registered_model, "other", {"governance.label": "public"})

    assert [("alice", "change:refused")] * 5 == log(embedded)[-5:]
    client.set_model_version_tag("risk", "1", "team", "care")
    assert "care" == client.get_model_version("risk", "1").tags["team"]


def test_a_model_cannot_be_disguised_as_a_prompt(embedded: Any) -> None:
    """A model flagged as a prompt would vanish from every search."""
    embedded.register()

    message = denial(embedded.client.set_registered_model_tag, "risk", "mlflow.prompt.is_prompt", "true")

    assert "vanish" in message


def test_prompts_are_left_alone(embedded: Any) -> None:
    """Prompts are registered models too; nothing about them is gated."""
    mlflow.set_tracking_uri(embedded.tracking_uri)
    mlflow.set_registry_uri(embedded.registry_uri)

    mlflow.genai.register_prompt("greeting", "Hello {{name}}")
    mlflow.genai.set_prompt_alias("greeting", "champion", 1)

    assert "Hello {{name}}" == mlflow.genai.load_prompt("prompts:/greeting@champion").template


def test_a_copy_inherits_the_label_and_not_the_approval(embedded: Any) -> None:
    """What was approved is that version; its copy is another, of the same sensitivity."""
    embedded.register()
    embedded.approve("models:/risk/1")
    source = embedded.client.get_model_version("risk", "1")

    copy = embedded.client.copy_model_version("models:/risk/1", "risk-copy")

    assert source.tags == copy.tags
    assert "approval [missing]" in denial(
        embedded.client.set_registered_model_alias, "risk-copy", "champion", "1"
    )


def test_copying_into_a_protected_name_is_a_promotion(embedded: Any) -> None:
    """Refused without an approval for that target; with it the copy serves frozen bytes."""
    embedded.register()
    message = denial(embedded.client.copy_model_version, "models:/risk/1", "released-risk")
    assert "--for released" in message

    done = embedded.run(
        *("approve", "models:/risk/1", "--for", "released", "--role", "dpo", "--as", "dora"),
        *("--reason", "reviewed"),
    )
    copied = embedded.client.copy_model_version("models:/risk/1", "released-risk")

    assert (0, "1") == (done.returncode, str(copied.version))
    location = embedded.client.get_model_version_download_uri("released-risk", "1")
    assert str(embedded.folder / "frozen") == str(Path(location).parent)


def test_creating_in_a_protected_name_is_denied(embedded: Any) -> None:
    """A version cannot be born approved."""
    embedded.client.create_registered_model("released-risk")
    with pytest.raises(MlflowException, match="may not become a version of released-risk"):
        embedded.register("released-risk")

    assert [] == embedded.client.search_model_versions("name = 'released-risk'")


def test_renaming_into_a_protected_name_is_refused(embedded: Any) -> None:
    """A name is no evidence."""
    embedded.register()

    message = denial(embedded.client.rename_registered_model, "risk", "released-risk")

    assert "one by one, with copy_model_version" in message


def test_a_name_that_imitates_a_protected_one_is_refused(embedded: Any) -> None:
    """Look-alike letters and case do not make another alias."""
    embedded.register()

    denial(embedded.client.set_registered_model_alias, "risk", "Champion", "1")
    message = denial(embedded.client.set_registered_model_alias, "risk", "сhampion", "1")  # Cyrillic

    assert "looks like the protected 'champion'" in message


def test_stages_are_gated_like_aliases(embedded: Any) -> None:
    """The stage Production is entered on evidence and left with a record."""
    embedded.register()
    move = embedded.client.transition_model_version_stage
    denial(move, "risk", "1", "Production")

    embedded.approve("models:/risk/1")
    entered = move("risk", "1", "Production").current_stage
    left = move("risk", "1", "Archived").current_stage

    assert ("Production", "Archived") == (entered, left)
    assert [("alice", "promotion:allowed"), ("alice", "promotion:withdrawn")] == log(embedded)[-2:]


def test_a_reused_name_inherits_no_approval(embedded: Any) -> None:
    """Delete and recreate gives the same name and version, and another subject."""
    embedded.register()
    embedded.approve("models:/risk/1")
    embedded.client.delete_registered_model("risk")

    embedded.register()

    assert "approval [missing]" in denial(embedded.client.set_registered_model_alias, "risk", "champion", "1")


def test_a_renamed_model_keeps_its_decisions(embedded: Any) -> None:
    """The uid follows the model, so what was approved stays approved under the new name."""
    embedded.register()
    embedded.approve("models:/risk/1")
    embedded.client.rename_registered_model("risk", "hazard")

    embedded.client.set_registered_model_alias("hazard", "champion", "1")

    assert "1" == str(embedded.client.get_model_version_by_alias("hazard", "champion").version)


def test_relabelling_a_dataset_reaches_models_in_service(embedded: Any) -> None:
    """When consent falls, the doctor names the version in service and the gate closes."""
    embedded.register()
    embedded.approve("models:/risk/1")
    embedded.client.set_registered_model_alias("risk", "champion", "1")
    label = (embedded.folder / "label.yaml").read_text(encoding="utf-8")
    (embedded.folder / "withdrawn.yaml").write_text(label.replace("consent: valid", "consent: invalid"))

    done = embedded.run("dataset", "relabel", "visits", "--label", "withdrawn.yaml", "--reason", "withdrawn")
    found = json.loads(embedded.run("doctor", "--format", "json").stdout)["ailments"]

    assert 0 == done.returncode
    assert [("stale", "the policy would refuse it today: approval, consent-valid")] == [
        (a["kind"], a["observed"]) for a in found
    ]
    assert "consent-valid [failed]" in denial(
        embedded.client.set_registered_model_alias, "risk", "champion", "1"
    )


def test_plain_log_input_is_recognised_by_source_name_and_digest(embedded: Any) -> None:
    """Nobody has to import the plugin to be recognised."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    mlflow.set_tracking_uri(embedded.tracking_uri)
    mlflow.set_registry_uri(embedded.registry_uri)
    frame = pd.read_csv(embedded.folder / "visits.csv")
    with mlflow.start_run(experiment_id=embedded._experiment()):
        mlflow.log_input(mlflow.data.from_pandas(frame, source="visits.csv", name="visits"))
        model = LogisticRegression().fit(frame[["age", "bmi"]], frame["ill"])
        mlflow.sklearn.log_model(
            model, name="model", registered_model_name="risk", pip_requirements=["scikit-learn"]
        )

    tags = embedded.client.get_model_version("risk", "1").tags

    assert "confidential · personal · health" == tags["governance.label"]


def test_an_ungated_alias_is_found(embedded: Any) -> None:
    """An alias written around the gate, with plain MLflow on the same database, is named by the doctor."""
    embedded.register()
    mlflow.MlflowClient(embedded.tracking_uri, embedded.database_uri).set_registered_model_alias(
        "risk", "champion", "1"
    )

    found = json.loads(embedded.run("doctor", "--format", "json").stdout)["ailments"]

    assert ["ungated-promotion"] == [a["kind"] for a in found]


def test_a_version_older_than_governance_is_adopted_and_judged(embedded: Any) -> None:
    """A version registered without the plugin gets a uid when it is first judged, and no favours."""
    import os

    os.environ.pop("MLFLOW_REGISTRY_URI", None)
    plain = mlflow.MlflowClient(embedded.tracking_uri, embedded.database_uri)
    plain.create_registered_model("old")
    plain.create_model_version("old", str(embedded.folder / "artifacts"))
    (embedded.folder / "artifacts").mkdir(exist_ok=True)
    (embedded.folder / "artifacts" / "MLmodel").write_text("flavors: {}\n")

    message = denial(embedded.client.set_registered_model_alias, "old", "champion", "1")

    assert "lineage-known [missing]: it was registered from a bare location, without a run" in message


def test_a_report_of_either_outcome_is_written(embedded: Any) -> None:
    """The report opens offline, states what was not tested, and its digest is in the audit log."""
    embedded.register()

    done = embedded.run("report", "models:/risk/1", "--for", "production", "-o", "report.html")

    page = (embedded.folder / "report.html").read_text(encoding="utf-8")
    assert 0 == done.returncode, done.stderr
    assert page.lower().startswith("<!doctype html>")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert ("alice", "report:rendered") == log(embedded)[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("check models:/nobody/1 --for production", "not found"),
        ("check risk --for production", "names no model version"),
        ("check models:/risk/1 --for moon", "has no target and no protected alias 'moon'"),
        ("approve models:/risk/1 --for production --role dpo --reason me", "does not hold"),
        ("approve models:/risk/1 --for production --role pope --reason me", "has no role"),
        ("dataset show nothing", "No dataset is catalogued as 'nothing'"),
        ("dataset add x visits.csv --label policy.yaml", "policy.yaml:"),
        ("frobnicate", "No such command"),
    ],
)
def test_wrong_calls_are_answered(embedded: Any, arguments: str, words: str) -> None:
    """Bad input gets a sentence and exit code 2, never a traceback, and changes nothing."""
    embedded.register()
    before = log(embedded)

    done = embedded.run(*arguments.split())

    assert (2, True, False) == (done.returncode, words in done.stderr, "Traceback" in done.stderr)
    assert before == log(embedded)
