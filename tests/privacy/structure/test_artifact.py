from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from safetensors.numpy import save_file
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from governance.privacy.structure.examine import examine
from governance.privacy.verdict import Leakage


def frame(side: Any) -> pd.DataFrame:
    """Records with names for their columns."""
    return pd.DataFrame(side.X, columns=[f"feature {i}" for i in range(side.X.shape[1])])


def example(path: Path, table: pd.DataFrame) -> None:
    """Five records as MLflow writes an input example."""
    path.write_text(json.dumps({"columns": list(table.columns), "data": table[:5].to_numpy().tolist()}))


WRITERS: dict[str, tuple[Callable[[Path, pd.DataFrame], Any], int]] = {
    "train.csv": (lambda path, table: table.assign(label=1).to_csv(path), 300),
    "train.parquet": (lambda path, table: table.to_parquet(path), 300),
    "train.pkl": (lambda path, table: table.to_pickle(path), 300),
    "train.npy": (lambda path, table: np.save(path, table.to_numpy()), 300),
    "train.npz": (lambda path, table: np.savez_compressed(path, table.to_numpy()[:50]), 50),
    "train.pt": (lambda path, table: torch.save({"x": torch.tensor(table.to_numpy())}, path), 300),
    "train.safetensors": (lambda path, table: save_file({"x": np.array(table, order="C")}, path), 300),
    "input_example.json": (example, 5),
    "serving_input_example.json": (
        lambda path, table: path.write_text(json.dumps({"dataframe_split": table[:7].to_dict("split")})),
        7,
    ),
    "rows.json": (lambda path, table: path.write_text(table[:9].to_json(orient="records")), 9),
    "model.pkl": (
        lambda path, table: path.write_bytes(
            cloudpickle.dumps(KNeighborsClassifier().fit(table, table.index % 2))
        ),
        300,
    ),
    "model.joblib": (
        lambda path, table: joblib.dump(KNeighborsClassifier().fit(table, table.index % 2), path, compress=3),
        300,
    ),
    "model.skops": (
        lambda path, table: skops.io.dump(KNeighborsClassifier().fit(table, table.index % 2), path),
        300,
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_rows_in_files_are_recognised(name: str, patients: Any, tmp_path: Path) -> None:
    """Members' records are found in every kind of file, and no value of theirs is told."""
    members, others = (SimpleNamespace(X=frame(side), y=side.y) for side in patients)
    write, expected = WRITERS[name]
    write(tmp_path / name, members.X)

    found, _ = examine(None, members, others, artifact=tmp_path)

    assert Leakage.SHOWN is found.verdict
    assert expected == found.counts["members_recognised"]
    assert all(name in one["where"] for one in found.details["findings"])
    assert repr(float(members.X.iloc[0, 0])) not in repr(found)


@pytest.mark.parametrize("name", [name for name in WRITERS if "model" not in name])
def test_rows_of_others_are_not(name: str, patients: Any, tmp_path: Path) -> None:
    """The same files with non-members' records recognise nobody."""
    members, others = (SimpleNamespace(X=frame(side), y=side.y) for side in patients)
    WRITERS[name][0](tmp_path / name, others.X)

    found, _ = examine(None, members, others, artifact=tmp_path)

    assert (0, 0.0) == (found.counts["members_recognised"], found.estimate.point)
    # What a pickled frame holds is counted, not attributed.
    assert (Leakage.UNDECIDED if name == "train.pkl" else Leakage.NONE_SHOWN) is found.verdict


def test_leaves_are_read_from_a_pickle(patients: Any, tmp_path: Path) -> None:
    """A forest's small leaves are the same read from its file as from memory."""
    members, _ = patients
    model = RandomForestClassifier(5, random_state=0).fit(members.X, members.y)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))

    (_, loaded), (_, read) = examine(model), examine(None, artifact=tmp_path)

    assert 0 < loaded.estimate.point == read.estimate.point
    assert loaded.details["findings"][0]["count"] == read.details["findings"][0]["count"]


def test_a_usual_artifact_is_cleared(patients: Any, tmp_path: Path) -> None:
    """A scaled logistic regression beside its descriptions: nothing is found, and all was read."""
    members, others = patients
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(members.X, members.y)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    (tmp_path / "MLmodel").write_text("flavors: {}")
    (tmp_path / "requirements.txt").write_text("scikit-learn")
    (tmp_path / "metadata.json").write_text('{"a": [1, 2]}')

    found, groups = examine(model, members, others, artifact=tmp_path)

    assert [Leakage.NONE_SHOWN] * 2 == [found.verdict, groups.verdict]
    assert found.controls["everything_read"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("weights.h5", b"\x89HDF\r\n\x1a\n"),
        ("broken.pkl", b"\x80\x04\x95broken"),
        ("broken.npy", b"\x93NUMPYbroken"),
        ("broken.json", b"{"),
        ("broken.parquet", b"PAR1broken"),
        ("broken.joblib", b"\x1f\x8bbroken"),
        ("nested.json", b"[" * 100_000),
        ("store.db", b"SQLite format 3\0"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, content: bytes, patients: Any, tmp_path: Path) -> None:
    """A file of another format, or a broken one, leaves it undecided and stands in the findings."""
    members, others = patients
    (tmp_path / name).write_bytes(content)

    found, _ = examine(None, members, others, artifact=tmp_path)

    assert [("unread", name)] == [(one["kind"], one["where"]) for one in found.details["findings"]]
    assert Leakage.UNDECIDED is found.verdict


def test_links_are_not_followed(patients: Any, tmp_path: Path) -> None:
    """A link in an artifact may point anywhere, so nothing is read through it."""
    members, others = patients
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "artifact").mkdir()
    np.save(tmp_path / "elsewhere" / "x.npy", members.X)
    (tmp_path / "artifact" / "x.npy").symlink_to(tmp_path / "elsewhere" / "x.npy")

    found, _ = examine(None, members, others, artifact=tmp_path / "artifact")

    assert [] == found.details["findings"]
