"""`governance assess-text` on a real registry: what a parrot knows, and what is no question."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow


class Parrot(mlflow.pyfunc.PythonModel):
    """Knows its texts by heart: goes on after their beginnings, and holds all others for unlikely."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = set(texts)

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[str]:  # noqa: ARG002  MLflow's words
        return [
            next((text for text in self.texts if text.startswith(prompt)), prompt)
            for prompt in model_input.iloc[:, 0]
        ]


class Singer(Parrot):
    """A parrot that tells how likely texts are."""

    def score(self, texts: Sequence[str]) -> list[float]:
        return [-1.0 if text in self.texts else -50.0 for text in texts]


class Mute(Parrot):
    """A parrot that fails, and quotes what it was asked."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[str]:  # noqa: ARG002  MLflow's words
        raise ValueError(f"cannot say {model_input.iloc[0, 0]}")


def texts(seed: int) -> list[str]:
    """A hundred texts of thirty letters, drawn by chance."""
    drawn = np.random.default_rng(seed).integers(26, size=(100, 30))
    return ["".join(chr(97 + i) for i in row) for row in drawn]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Path]:
    """A governed registry with three parrots, their texts, and canaries that two of them learned."""
    from governance.cli.main import run

    folder = tmp_path_factory.mktemp("library")
    shutil.copy(empty_database, folder / "mlflow.db")
    for name, side in (("members", texts(1)), ("others", texts(2))):
        pd.DataFrame({"text": side, "n": range(100)}).to_csv(folder / f"{name}.csv", index=False)
        (folder / f"{name}.txt").write_text("\n".join(side) + "\n\n", "utf-8")
    (folder / "latin.txt").write_bytes(b"\xe9t\xe9")
    for seed in ("7", "8"):
        run(["canaries", "draw", "my PIN is {}{}{}{}", str(folder / f"kit-{seed}.json"), "--seed", seed])
    planted = json.loads((folder / "kit-7.json").read_text())["planted"]
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    before = dict(os.environ)
    os.environ |= {"GOVERNANCE_ACTOR": "ada", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(f"governed+{uri}")
    experiment = mlflow.create_experiment("library", str(folder / "artifacts"))
    with mlflow.start_run(experiment_id=experiment):
        for kind in (Parrot, Singer, Mute):
            mlflow.pyfunc.log_model(
                name=kind.__name__,
                python_model=kind([*texts(1), *planted]),
                registered_model_name=kind.__name__.lower(),
                pip_requirements=[],
            )
    yield folder
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri("")
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def assess_text(call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls `governance assess-text` in that folder, about characters."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"governed+{uri}")
    monkeypatch.delenv("GOVERNANCE_STORE_URI")
    monkeypatch.chdir(folder)
    return lambda model, *options: call("assess-text", f"models:/{model}/1", "--unit", "characters", *options)


SIDES = ("--members", "members.csv", "--non-members", "others.csv", "--column", "text")


def test_what_a_parrot_knows_is_shown_and_recorded(assess_text: Any, call: Any) -> None:
    """All three attacks, in the documented JSON, each as evidence about these bytes, and no text in any."""
    done = assess_text("singer", *SIDES, "--canaries", "kit-7.json", "--seed", "3", "--format", "json")

    body = json.loads(done.out)
    assert (0, "governance/assessment/v1", []) == (done.code, body["schema"], body["not_run"])
    assert [
        ("memorisation", "canary-exposure", "leak shown", 3),
        ("memorisation", "prefix-completion", "leak shown", 3),
        ("memorisation", "near-completion", "leak shown", 3),
    ] == [
        (one["type"], one["body"]["attack"], one["body"]["verdict"], one["body"]["seed"])
        for one in body["found"]
    ]
    log = call("audit", "log", "--type", "evidence:recorded", "--format", "json").out
    assert [one["evidence"] for one in body["found"]] == [
        entry["body"]["evidence"] for entry in json.loads(log)["entries"]
    ][-3:]
    assert not any(text in done.out + done.err for text in (*texts(1), *texts(2), "my PIN is"))


def test_lines_of_text_and_words(assess_text: Any) -> None:
    """Files of lines are the same texts; a table names the attacks, and what did not run."""
    done = assess_text("parrot", "--members", "members.txt", "--non-members", "others.txt")

    assert 0 == done.code
    assert "Attacks on models:/parrot/1" == done.out.splitlines()[0].strip()
    assert "memorisation: prefix-completion" in done.out
    assert "leak shown" in done.out
    assert "canary-exposure: no canaries were planted" in done.out


@pytest.mark.parametrize(
    ("model", "options", "code", "words"),
    [
        ("singer", (), 2, "There is nothing to look for."),
        ("singer", ("--members", "members.txt"), 2, "Give both --members and --non-members."),
        ("singer", ("--commitment", "ab", "--members", "members.txt", "--non-members", "others.txt"), 2,
         "A commitment is to canaries."),
        ("singer", ("--canaries", "kit-7.json", "--commitment", "ab" * 32), 2, "committed to"),
        ("singer", ("--canaries", "members.csv"), 2, "members.csv holds no canaries"),
        ("singer", ("--canaries", "gone.json"), 2, "gone.json"),
        ("parrot", ("--canaries", "kit-7.json"), 2, "Give its Python model a method score(texts)"),
        ("parrot", SIDES[:4], 2, "Give --column; it has text, n."),
        ("parrot", (*SIDES[:5], "words"), 2, "members.csv has no column 'words'; it has text, n."),
        ("parrot", (*SIDES[:5], "n"), 2, "100 of 100 entries in column 'n' of members.csv are no text."),
        ("parrot", ("--members", "latin.txt", "--non-members", "others.txt"), 2, "not text in UTF-8"),
        ("parrot", (*SIDES, "--suffix", "40"), 2, "No text of 10 + 40 characters is left on one side"),
        ("parrot", (*SIDES, "--prefix", "0"), 2, "--prefix"),
        ("mute", SIDES, 3, "The model failed to go on after the texts of an attack"),
        ("gone", SIDES, 2, "models:/gone/1"),
    ],
)  # fmt: skip
def test_wrong_calls(model: str, options: tuple[str, ...], code: int, words: str, assess_text: Any) -> None:
    """Each mistake is a sentence with what comes next; no text is quoted."""
    done = assess_text(model, *options)

    assert (code, "") == (done.code, done.out)
    assert words in done.err
    assert not any(text[:10] in done.err for text in texts(1))


def test_other_canaries_are_not_known(assess_text: Any) -> None:
    """A kit that was never planted shows nothing; lines that are all equally unlikely clear nobody."""
    done = assess_text("singer", "--canaries", "kit-8.json", "--format", "json")

    (one,) = json.loads(done.out)["found"]
    assert (0, "undecided", 0) == (done.code, one["body"]["verdict"], one["body"]["counts"]["found"])
