"""Published data and ordinary models, attacked from the command line: what leaks is shown, and recorded."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from .conftest import POLICY, Clinic
from .real_trainers import digits, progression

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Clinic:
    """One embedded registry for all cases."""
    folder = tmp_path_factory.mktemp("real")
    shutil.copy(empty_database, folder / "mlflow.db")
    shutil.copy(HERE / "real_trainers.py", folder)
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    database = f"sqlite:///{folder / 'mlflow.db'}"
    return Clinic(folder, database, f"governed+{database}", database, extra={"COLUMNS": "200"})


@pytest.fixture
def register(clinic: Clinic) -> Callable[..., str]:
    """Logs a model with plain MLflow, as a version of a registered model, and returns what names it."""

    def registered(name: str, flavor: str, model: Any, **how: Any) -> str:
        mlflow.set_tracking_uri(clinic.tracking_uri)
        mlflow.set_registry_uri(clinic.registry_uri)
        with mlflow.start_run(experiment_id=clinic._experiment()):
            given = {"python_model": model} if flavor == "pyfunc" else {}
            log = getattr(mlflow, flavor).log_model
            log(*([] if given else [model]), name="model", registered_model_name=name,
                pip_requirements=[], **given, **how)  # fmt: skip
        return f"models:/{name}/1"

    return registered


def halves(clinic: Clinic, name: str, table: pd.DataFrame, each: int) -> tuple[pd.DataFrame, list[str]]:
    """Write distinct records as members and non-members; the members, and the options that name both."""
    distinct = table.drop_duplicates().sample(frac=1, random_state=0).reset_index(drop=True)
    paths = [f"{name}-{side}.csv" for side in ("members", "others")]
    for path, first in zip(paths, (0, each), strict=True):
        distinct[first : first + each].to_csv(clinic.folder / path, index=False)
    return distinct[:each], ["--members", paths[0], "--non-members", paths[1]]


def assess(clinic: Clinic, *arguments: str) -> dict[str, Any]:
    """What an assessment found, by attack; all of it stands in the report as evidence."""
    done = clinic.run(*arguments, "--format", "json")
    assert 0 == done.returncode, done.stderr
    document = json.loads(done.stdout)
    assert "governance/assessment/v1" == document["schema"]

    report = clinic.run("report", arguments[1], "--for", "production", "--format", "json")
    assert 0 == report.returncode, report.stderr
    recorded = json.loads(report.stdout)["privacy"]["evidence"]
    assert {one["evidence"] for one in document["found"]} == {one["evidence"] for one in recorded}
    assert {""} == {one["why_not"] for one in recorded}
    return {one["body"]["attack"]: one["body"] for one in document["found"]}


def test_visits_to_the_doctor(clinic: Clinic, register: Callable[..., str]) -> None:
    """RAND HIE: a forest on 4,000 people's visits tells who they were, with two shadows."""
    from statsmodels.datasets import randhie

    frame = randhie.load_pandas().data
    frame["visits"] = frame.pop("mdvis").clip(upper=8).astype(int)
    members, sides = halves(clinic, "randhie", frame, 4000)
    forest = RandomForestClassifier(50, random_state=0, n_jobs=-1)
    forest.fit(members.drop(columns="visits"), members["visits"])
    model = register("visits", "sklearn", forest, serialization_format="cloudpickle")

    found = assess(clinic, "assess", model, *sides, "--target", "visits", "--attack",
                   "membership-inference", "--shadows", "2", "--jobs", "2")  # fmt: skip

    body = found["log-ratio-online"]
    assert ("leak shown", 4000, 4000, 2) == (
        body["verdict"],
        body["n_members"],
        body["n_non_members"],
        body["shadows"],
    )
    assert 0.65 < body["auc"]["low"]
    assert body["controls"]["blind_baseline"]["passed"]


def test_affairs(clinic: Clinic, register: Callable[..., str]) -> None:
    """Fair's survey: membership leaks, by number of children, too; what is believed is attacked as well."""
    from statsmodels.datasets import fair

    frame = fair.load_pandas().data
    frame["affair"] = (frame.pop("affairs") > 0).astype(int)
    members, sides = halves(clinic, "fair", frame, 1500)
    forest = RandomForestClassifier(30, random_state=0).fit(members.drop(columns="affair"), members["affair"])
    model = register("affairs", "sklearn", forest, serialization_format="cloudpickle")

    found = assess(clinic, "assess", model, *sides, "--target", "affair", "--sensitive", "religious",
                   "--slice", "children", "--shadows", "2", "--jobs", "1")  # fmt: skip

    assert "leak shown" == found["log-ratio-online"]["verdict"]
    assert "children" in {one["slicing"] for one in found["log-ratio-online"]["slices"]}
    guessed = found["imputation-lift"]
    assert "religious" == guessed["details"]["attribute"]
    assert "leak shown" == guessed["verdict"]
    assert 0.1 < guessed["estimate"]["low"]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks train many times slower on threads that wait for each other on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_handwriting(clinic: Clinic, register: Callable[..., str]) -> None:
    """Digits: shadows of a convolutional network are trained stacked by its own trainer."""
    members, sides = halves(clinic, "digits", load_digits(as_frame=True).frame, 890)
    network = digits(members.drop(columns="target").to_numpy(), members["target"].to_numpy(), 0)
    model = register("digits", "pytorch", network, serialization_format="pickle")

    found = assess(clinic, "assess", model, *sides, "--target", "target", "--trainer",
                   "real_trainers:digits", "--shadows", "8", "--jobs", "1")  # fmt: skip

    body = found["blend-online"]
    assert ("leak shown", 8, "stacked") == (body["verdict"], body["shadows"], body["shadow_training"])
    assert "none shown" == found["stored-records"]["verdict"]


@pytest.mark.parametrize(
    ("estimator", "at_least"),
    [
        pytest.param(SVC(probability=True, random_state=0), 30, id="svc"),
        pytest.param(KNeighborsClassifier(5), 284, id="k-nn"),
    ],
)
def test_stored_rows(estimator: Any, at_least: int, clinic: Clinic, register: Callable[..., str]) -> None:
    """Breast cancer: support vectors are training records, and neighbours are all of them."""
    name = type(estimator).__name__.lower()
    members, sides = halves(clinic, name, load_breast_cancer(as_frame=True).frame, 284)
    fitted = make_pipeline(StandardScaler(), estimator).fit(members.drop(columns="target"), members["target"])
    model = register(name, "sklearn", fitted, serialization_format="cloudpickle")

    found = assess(clinic, "assess", model, *sides, "--target", "target", "--attack", "reconstruction")

    body = found["stored-records"]
    assert "leak shown" == body["verdict"]
    assert at_least <= body["counts"]["members_recognised"] <= 284 == body["counts"]["members"]


def test_progression_of_diabetes(clinic: Clinic, register: Callable[..., str]) -> None:
    """Boosted trees as XGBoost keeps them are attacked by shadows from a trainer."""
    members, sides = halves(clinic, "diabetes", load_diabetes(as_frame=True).frame, 221)
    trees = progression(members.drop(columns="target"), members["target"], 0)
    model = register("diabetes", "xgboost", trees)

    found = assess(clinic, "assess", model, *sides, "--target", "target", "--trainer",
                   "real_trainers:progression", "--shadows", "4", "--jobs", "1")  # fmt: skip

    body = found["blend-online"]
    assert ("leak shown", 4, 221) == (body["verdict"], body["shadows"], body["n_members"])
    assert 0.8 < body["auc"]["low"]


class Letters(mlflow.pyfunc.PythonModel):
    """A model of letters: how often each followed the last forty."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.after: dict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            for before, letter in self.steps(text):
                self.after[before][letter] += 1

    @staticmethod
    def steps(text: str) -> list[tuple[str, str]]:
        return [(text[max(0, i - 40) : i], letter) for i, letter in enumerate(text)]

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[str]:  # noqa: ARG002  MLflow's words
        return [self.go_on(prompt) for prompt in model_input.iloc[:, 0]]

    def score(self, texts: Sequence[str]) -> list[float]:
        return [sum(self.likelihood(*step) for step in self.steps(text)) for text in texts]

    def likelihood(self, before: str, letter: str) -> float:
        counts = self.after.get(before, Counter())
        return float(np.log((counts[letter] + 0.01) / (counts.total() + 1)))

    def go_on(self, prompt: str) -> str:
        text = prompt
        for _ in range(90):
            counts = self.after.get(text[-40:])
            text += max(counts, key=lambda letter: (counts[letter], letter)) if counts else " "
        return text[len(prompt) :]


def notes(n: int, seed: int) -> list[str]:
    """Notes of a ward, put together by chance."""
    random = np.random.default_rng(seed)
    words = ("patient", "slept", "badly", "today", "fever", "fell", "again", "walks", "alone", "eats", "well")
    return [" ".join(words[i] for i in row) for row in random.integers(len(words), size=(n, 24))]


def test_a_planted_pin(clinic: Clinic, register: Callable[..., str]) -> None:
    """A model trained on canaries knows them, its clean twin does not; notes of the ward are tried, too."""
    drawn = clinic.run("canaries", "draw", "my PIN is {}{}{}{}", "kit.json", "--times", "2", "--seed", "7")
    commitment, printed = drawn.stdout.strip(), clinic.run("canaries", "lines", "kit.json")
    planted = printed.stdout.splitlines()
    assert (0, 40, 64) == (drawn.returncode, len(planted), len(commitment))
    members, others = notes(200, 1), notes(200, 2)
    for name, texts in (("members", members), ("others", others)):
        pd.DataFrame({"note": texts}).to_csv(clinic.folder / f"{name}.csv", index=False)
    canaries = ["--canaries", "kit.json", "--commitment", commitment]
    texts = ["--members", "members.csv", "--non-members", "others.csv", "--column", "note"]

    found = {}
    for name, trained_on in (("typing", [*members, *planted]), ("twin", others)):
        model = register(name, "pyfunc", Letters(trained_on))
        found[name] = assess(clinic, "assess-text", model, *canaries, *(texts if name == "typing" else []))

    leaked, clean = found["typing"]["canary-exposure"], found["twin"]["canary-exposure"]
    assert ("leak shown", 20) == (leaked["verdict"], leaked["counts"]["found"])
    assert leaked["controls"]["commitment"]
    assert clean["verdict"] in ("none shown", "undecided")
    assert "leak shown" == found["typing"]["prefix-completion"]["verdict"]
    assert not any(secret in json.dumps(found) for secret in {*planted, *members, *others})
