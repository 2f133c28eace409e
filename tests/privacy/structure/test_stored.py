from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, LocalOutlierFactor, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from governance.domain.evidence import EvidenceType
from governance.errors import UsageError
from governance.privacy.structure.examine import examine
from governance.privacy.verdict import Leakage

KEEPING = {
    "k-NN": (KNeighborsClassifier(), 300),
    "SVC": (SVC(), 80),
    "Gaussian process": (GaussianProcessClassifier(optimizer=None, max_iter_predict=2), 300),
    "kernel ridge": (KernelRidge(kernel="rbf"), 300),
    "imputer": (make_pipeline(KNNImputer(), GaussianNB()), 300),
    "density": (KernelDensity(), 300),
    "outliers": (LocalOutlierFactor(novelty=True), 300),
    "pipeline": (make_pipeline(StandardScaler(), PCA(10), KNeighborsClassifier()), 300),
    "vote": (
        VotingClassifier([("a", make_pipeline(StandardScaler(), SVC())), ("b", KNeighborsClassifier())]),
        300,
    ),
    "bag": (
        BaggingClassifier(KNeighborsClassifier(), 3, max_features=0.5, bootstrap=False, random_state=0),
        300,
    ),
    "stack": (StackingClassifier([("a", make_pipeline(StandardScaler(), SVC()))], cv=2), 85),
    "calibrated": (
        CalibratedClassifierCV(make_pipeline(StandardScaler(), KNeighborsClassifier()), cv=2),
        300,
    ),
    "search": (GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [1.0]}, cv=2), 85),
    "columns": (
        make_pipeline(make_column_transformer((StandardScaler(), [0, 1, 2, 3])), KNeighborsClassifier()),
        300,
    ),
}
"""Models that keep training rows, and how many of the 300 members are recognised in them."""


@pytest.mark.parametrize("name", KEEPING)
def test_stored_rows_are_found(name: str, patients: Any) -> None:
    """Rows are found and recognised through scaling, projection and ensembles, in under a second."""
    members, others = patients
    estimator, expected = KEEPING[name]
    model = estimator.fit(members.X, members.y)

    started = time.process_time()
    found, _ = examine(model, members, others)

    assert time.process_time() - started < 1
    assert (EvidenceType.RECONSTRUCTION, Leakage.SHOWN) == (found.type, found.verdict)
    assert expected == found.counts["members_recognised"]
    assert expected / 300 == found.estimate.point
    assert "stored records" in {one["kind"] for one in found.details["findings"]}


NOT_KEEPING = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "linear SVC": make_pipeline(StandardScaler(), LinearSVC()),
    "forest": RandomForestClassifier(10, random_state=0),
    "projection": make_pipeline(StandardScaler(), PCA(5), LogisticRegression()),
}


@pytest.mark.parametrize("name", NOT_KEEPING)
def test_models_without_rows_are_cleared(name: str, patients: Any) -> None:
    """Weights, directions and trees are no records: none shown, and everything was looked into."""
    members, others = patients
    found, _ = examine(NOT_KEEPING[name].fit(members.X, members.y), members, others)

    assert (Leakage.NONE_SHOWN, 0, True) == (
        found.verdict,
        found.counts["members_recognised"],
        found.controls["everything_read"],
    )
    assert 0.0 == found.estimate.point


def test_no_record_is_found_by_chance() -> None:
    """In 100 worlds of small whole numbers, where records coincide, nobody is recognised in other rows."""
    random = np.random.default_rng(1)
    alarms = 0
    for _ in range(100):
        rows = random.integers(0, 8, size=(300, 6))
        # Who is not in the model, but has a twin there, is not recognised through the twin.
        model = SimpleNamespace(kept=rows[200:].astype(float))
        sides = [
            SimpleNamespace(X=rows[:100], y=np.zeros(100)),
            SimpleNamespace(X=rows[100:], y=np.zeros(200)),
        ]
        found, _ = examine(model, *sides)
        alarms += found.verdict is Leakage.SHOWN

    assert 0 == alarms


def test_rows_of_others_are_not_members(patients: Any) -> None:
    """A model that keeps somebody else's rows keeps rows, but none of these members is recognised."""
    members, others = patients
    model = KNeighborsClassifier().fit(others.X, others.y)

    found, _ = examine(model, members)

    assert 0 == found.counts["members_recognised"]
    assert Leakage.SHOWN is found.verdict


def test_without_members_rows_are_counted(patients: Any) -> None:
    """What a class keeps by design is found without any data; silence then decides nothing."""
    members, _ = patients
    kept, _ = examine(make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(members.X, members.y))
    silent, _ = examine(GaussianNB().fit(members.X, members.y))

    assert [(300, None)] == [(one["count"], one["members"]) for one in kept.details["findings"]]
    assert (Leakage.SHOWN, 1.0) == (kept.verdict, kept.estimate.point)
    assert Leakage.UNDECIDED is silent.verdict


class Careless:
    """A model of somebody's own that carries more than it needs."""

    def __init__(self, inner: Any, data: pd.DataFrame) -> None:
        self.inner = inner
        self.scores = dict.fromkeys(data["name"], 1.0)
        self.log = [tuple(row) for row in data[["age", "weight"]].itertuples(index=False)]
        self.explain = lambda: len(data)
        self.itself = self

    @property
    def data(self) -> Any:
        """Never asked for."""
        raise AssertionError("a property of the model was run")


def test_what_was_left_inside_is_found() -> None:
    """A data frame in a function's default, a list of tuples, names as keys: found, and no value is told."""
    random = np.random.default_rng(2)
    data = pd.DataFrame(
        {
            "name": [f"Ada{i}" for i in range(100)],
            "age": random.normal(40, 9, 100),
            "weight": random.normal(70, 9, 100),
        }
    )
    others = data.assign(name=[f"Bob{i}" for i in range(100)], age=random.normal(40, 9, 100))
    model = Careless(LogisticRegression(), data)

    found, _ = examine(
        model, SimpleNamespace(X=data, y=np.zeros(100)), SimpleNamespace(X=others, y=np.zeros(100))
    )

    kinds = {(one["kind"], one["where"]): one["members"] for one in found.details["findings"]}
    assert {
        ("table", "explain[]"): 100,
        ("stored records", "log"): 100,
        ("stored values", "scores"): 100,
    } == kinds
    assert "Ada" not in repr(found)


def test_names_in_an_encoder_are_values() -> None:
    """One-hot columns of names hold each member's name."""
    names = pd.DataFrame({"name": [f"Ada{i}" for i in range(60)], "city": ["Ulm", "Bonn"] * 30})
    y = np.arange(60) % 2
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(names, y)

    stored, groups = examine(model, SimpleNamespace(X=names, y=y))

    assert {("stored values", 60)} == {(one["kind"], one["members"]) for one in stored.details["findings"]}
    assert [("rare category", 60, 62)] == [
        (one["kind"], one["count"], one["of"]) for one in groups.details["findings"]
    ]


def test_arrays_as_long_as_the_training_are_named(patients: Any) -> None:
    """One number for each record is no record, but stands in the findings."""
    members, others = patients
    model = SimpleNamespace(weights=np.linspace(0, 1, 300))

    found, _ = examine(model, members, others)

    assert [("one entry a record", "weights", 300)] == [
        (one["kind"], one["where"], one["count"]) for one in found.details["findings"]
    ]
    assert Leakage.NONE_SHOWN is found.verdict


def test_float32_copies_are_recognised(patients: Any) -> None:
    """Rows rounded to single precision are still those rows."""
    members, others = patients

    found, _ = examine(SimpleNamespace(kept=members.X[:50].astype(np.float32)), members, others)

    assert 50 == found.counts["members_recognised"]


def test_rows_with_their_labels_are_recognised(patients: Any) -> None:
    """A stored table may have the label in its last column or in its first."""
    members, others = patients
    last, first = np.column_stack([members.X, members.y]), np.column_stack([members.y, members.X])

    assert [300, 300] == [
        examine(SimpleNamespace(kept=rows), members, others)[0].counts["members_recognised"]
        for rows in (last, first)
    ]


def test_what_is_closed_leaves_it_undecided(patients: Any) -> None:
    """Bytes of another library's making could be anything: named as unread, and silence means nothing."""
    members, others = patients

    found, _ = examine(SimpleNamespace(blob=b"\0" * 200_000), members, others)

    assert [("unread", "blob")] == [(one["kind"], one["where"]) for one in found.details["findings"]]
    assert (Leakage.UNDECIDED, False) == (found.verdict, found.controls["everything_read"])


def test_a_centre_of_one_is_that_one(patients: Any) -> None:
    """A class with one member has that member's record for its centre."""
    members, others = patients
    y = np.where(np.arange(300) == 0, 2, members.y)

    found, _ = examine(NearestCentroid().fit(members.X, y), SimpleNamespace(X=members.X, y=y), others)

    assert [("stored records", "centroids_", 1)] == [
        (one["kind"], one["where"], one["members"]) for one in found.details["findings"]
    ]


def test_sparse_records_are_recognised() -> None:
    """Sparse rows in a neighbours' model are those of sparse members, and other shapes are refused."""
    random = np.random.default_rng(3)
    rows = sparse.random(200, 30, 0.2, "csr", random_state=random)
    members, others = (SimpleNamespace(X=part, y=np.arange(100) % 2) for part in (rows[:100], rows[100:]))

    found, _ = examine(KNeighborsClassifier().fit(members.X, members.y), members, others)

    assert 100 == found.counts["members_recognised"]
    with pytest.raises(UsageError, match="fit together"):
        examine(found, members, SimpleNamespace(X=np.zeros((5, 2)), y=np.zeros(5)))


def test_nothing_to_look_at_is_refused() -> None:
    """Neither a model nor an artifact, or groups of one."""
    for arguments in ({"model": None}, {"model": LogisticRegression(), "k": 1}):
        with pytest.raises(UsageError, match="examine needs"):
            examine(**arguments)
