"""`governance assess` on a real registry: a forest that leaks, and everything that is no measurement."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

pytestmark = pytest.mark.slow

N = 300
TRAINER = """\
from sklearn.ensemble import RandomForestClassifier

NOT_A_FUNCTION = 7


def forest(X, y, seed):
    return RandomForestClassifier(n_estimators=20, random_state=seed).fit(X, y)


def broken(X, y, seed):
    raise ValueError(f"cannot learn {X.iloc[0].to_dict()}")
"""


def people(seed: int) -> pd.DataFrame:
    """Records of one distribution, with an outcome that is hard to predict."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(N, 4)).round(6)
    return pd.DataFrame(X, columns=list("abcd")).assign(ill=(X[:, 0] + random.normal(size=N) > 0).astype(int))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Path]:
    """A governed registry with an over-fitted forest, `models:/risk/1`, and the tables."""
    folder = tmp_path_factory.mktemp("clinic")
    shutil.copy(empty_database, folder / "mlflow.db")
    (folder / "trainers.py").write_text(TRAINER)
    members, others = people(1), people(2)
    members.to_csv(folder / "members.csv", index=False)
    others.to_csv(folder / "others.csv", index=False)
    pd.concat([others, members.head(3)]).to_csv(folder / "overlapping.csv", index=False)
    others.head(40).to_csv(folder / "few.csv", index=False)
    others.assign(a="Ann Smith").to_csv(folder / "words.csv", index=False)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    before = dict(os.environ)
    os.environ |= {"GOVERNANCE_ACTOR": "ada", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(f"governed+{uri}")
    experiment = mlflow.create_experiment("clinic", str(folder / "artifacts"))
    with mlflow.start_run(experiment_id=experiment):
        model = RandomForestClassifier(n_estimators=20, random_state=0)
        model.fit(members.drop(columns="ill"), members["ill"])
        mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name="risk",
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=["scikit-learn"],
        )
    yield folder
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri("")
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def assess(call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls `governance assess` in that folder; whatever is not said is in order."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"governed+{uri}")
    monkeypatch.delenv("GOVERNANCE_STORE_URI")
    monkeypatch.chdir(folder)

    def calling(*options: str, model: str = "models:/risk/1", **tables: str) -> Any:
        given = {"members": "members.csv", "non_members": "others.csv", "target": "ill"} | tables
        named = [word for key, value in given.items() for word in (f"--{key.replace('_', '-')}", value)]
        return call("assess", model, *named, "--jobs", "1", *options)

    return calling


def evidence(call: Any) -> list[str]:
    """The digests of the evidence that the audit log knows."""
    done = call("audit", "log", "--type", "evidence:recorded", "--format", "json")
    return [entry["body"]["evidence"] for entry in json.loads(done.out)["entries"]]


def test_a_leak_is_measured_and_recorded(assess: Any, call: Any) -> None:
    """The documented JSON on standard output, the same as evidence about these bytes, repeatable."""
    before = evidence(call)
    first = assess("--format", "json")
    second = json.loads(assess("--format", "json").out)

    told = json.loads(first.out)
    assert (0, "governance/assessment/v1") == (first.code, told["schema"])
    assert {"name": "risk", "version": 1} == {k: told["subject"][k] for k in ("name", "version")}
    assert ["membership-inference", "reconstruction", "reconstruction"] == [
        one["type"] for one in told["found"]
    ]
    body = told["found"][0]["body"]
    assert ("leak shown", N, N, "log-ratio-online", 2) == (
        body["verdict"],
        body["n_members"],
        body["n_non_members"],
        body["attack"],
        body["shadows"],
    )
    assert 0.6 < body["auc"]["low"] < body["auc"]["point"]
    assert {"class": "attribute-inference", "reason": "no sensitive column was named"} == told["not_run"][0]
    assert told["not_run"] == body["not_run"]
    assert [one["body"] for one in told["found"]] == [one["body"] for one in second["found"]]
    digests = [one["evidence"] for answer in (told, second) for one in answer["found"]]
    assert [*before, *digests] == evidence(call)


def test_only_what_was_asked_for(assess: Any, folder: Path) -> None:
    """Classes of attack by name; plots and the restricted file where they were asked for."""
    worst = ("--worst", "3", "worst.json", "--plots", "plots")
    found = assess("--attack", "membership-inference", "--shadows", "2", "--format", "json", *worst)
    guessed = assess("--attack", "attribute-inference", "--sensitive", "d", "--format", "json")

    (membership,), (guess,) = (json.loads(answer.out)["found"] for answer in (found, guessed))
    assert ("membership-inference", "attribute-inference") == (membership["type"], guess["type"])
    assert ("imputation-lift", "d") == (guess["body"]["attack"], guess["body"]["details"]["attribute"])
    assert "membership-inference" in [one["class"] for one in json.loads(guessed.out)["not_run"]]
    assert 0o600 == (folder / "worst.json").stat().st_mode & 0o777
    assert 3 == len(json.loads((folder / "worst.json").read_text())["records"])
    assert 64 == len(membership["body"]["worst_records"])
    assert {"roc.png", "roc.svg", "records.svg"} <= {path.name for path in (folder / "plots").iterdir()}


def test_a_leak_in_words(assess: Any) -> None:
    """A table with both ends of each interval, and the verdict; talk goes to standard error."""
    answer = assess("--shadows", "4", "--trainer", "trainers:forest")

    lines = answer.out.splitlines()
    assert (0, "Membership inference on models:/risk/1") == (answer.code, lines[0].strip())
    assert ["measure", "found", "at", "least", "at", "most"] == lines[1].split()
    assert "AUC" == lines[2].split()[0]
    assert "TPR at 0.1% FPR (too few non-members)" in lines[3]
    assert "blend-online, 4 shadows, 300 members and 300 non-members, 95% intervals" in answer.out
    assert "verdict: leak shown" in lines
    assert "reconstruction: small-groups" in answer.out
    assert "  attribute-inference: no sensitive column was named" in lines


@pytest.mark.parametrize(
    ("options", "tables", "code", "words"),
    [
        (
            (),
            {"target": "outcome"},
            2,
            "members.csv: there is no column 'outcome'; the columns are a, b, c, d",
        ),
        (("--slice", "gone"), {}, 2, "There is no column 'gone' to slice by"),
        (("--subject", "gone"), {}, 2, "members.csv has no column 'gone'; it has a, b, c, d, ill."),
        (("--group", "a"), {}, 2, "'a' names no group."),
        (("--attack", "magic"), {}, 2, "There is no attack 'magic'"),
        ((), {"non_members": "overlapping.csv"}, 2, "members and non_members share 3 records"),
        ((), {"non_members": "few.csv"}, 2, "100"),
        ((), {"non_members": "members.csv"}, 2, "share 300 records"),
        ((), {"non_members": "words.csv"}, 2, "Column a is float64 in members and str in non_members"),
        ((), {"members": "gone.csv"}, 2, "gone.csv"),
        ((), {"model": "models:/risk/9"}, 2, "models:/risk/9"),
        ((), {"model": "risk"}, 2, "names no model version"),
        (("--shadows", "3"), {}, 2, "even"),
        (("--shadows", "1"), {}, 2, "--shadows"),
        (("--seed", "-1"), {}, 2, "--seed"),
        (("--trainer", "trainers"), {}, 2, "'trainers' names no function"),
        (("--trainer", "trainers:gone"), {}, 2, "'trainers:gone' names no function"),
        (("--trainer", "nowhere:forest"), {}, 2, "'nowhere:forest' names no function"),
        (("--trainer", ":forest"), {}, 2, "':forest' names no function"),
        (("--trainer", "trainers:NOT_A_FUNCTION"), {}, 2, "'trainers:NOT_A_FUNCTION' names no function"),
        (("--trainer", "trainers:broken"), {}, 3, "ValueError"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, (tuple, dict)) else None,
)
def test_what_is_no_measurement(
    assess: Any, call: Any, options: tuple[str, ...], tables: dict[str, str], code: int, words: str
) -> None:
    """A sentence that quotes no record, a code that says who must act, and no evidence."""
    before = evidence(call)

    answer = assess(*options, **tables)

    assert (code, "", True) == (answer.code, answer.out, words in answer.err), answer.err
    assert "Ann" not in answer.err
    assert "cannot learn" not in answer.err
    assert before == evidence(call)


@pytest.mark.slow
def test_a_file_that_is_there_is_told_before_anything_is_measured(assess: Any, folder: Path) -> None:
    """Half an hour of shadow models is not lost to a name that is taken."""
    taken = folder / "taken.json"
    taken.write_text("somebody's", "utf-8")

    done = assess("--worst", "3", "taken.json")

    assert (2, "") == (done.code, done.out)
    assert "taken.json is there already" in done.err
    assert "training shadow models" not in done.err
    assert "somebody's" == taken.read_text("utf-8")
